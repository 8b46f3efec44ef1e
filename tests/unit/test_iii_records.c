/* Goal: who watches logs and never answers is told of the latest all the same, so many
 * in a minute.
 * Method: a hub whose clock is this test, and a WebSocket that nobody reads. */
#include "base/pack.h"
#include "gateway/dialect.h"
#include "gateway/iii/records.h"
#include "gateway/server.h"
#include "tests/unit/gateway_suites.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CALLS_MAX = 16 };

static struct gateway gateway;
static struct server *server;
static struct hub *hub;
static struct iii_worker *watcher, *logger;
static int client;

static void
hear_nothing(struct websocket *socket, struct bytes message, bool binary)
{
    (void)socket;
    (void)message;
    (void)binary;
}

static void
forget_nothing(struct websocket *socket)
{
    (void)socket;
}

static const struct websocket_talk talk = { .heard = hear_nothing,
    .closed = forget_nothing };

static void
serve(struct request *r)
{
    static const struct key key = { .scopes = SCOPES_ALL };
    r->key = &key;
    watcher->socket = websocket_accept(r, &talk, NULL);
}

static const struct http_route route = { METHOD_GET, "/", 0, BODY_NONE, NULL, serve };
static const struct dialect dialect = { .name = "test", .routes = { &route, 1 } };
static const struct dialect *const dialects[] = { &dialect, NULL };

static void
connect_client(void)
{
    static const char asked[] =
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "\r\n";
    struct sockaddr_in place = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)server_port(server)) };
    char answer[4096];
    ssize_t size;
    client = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&place, sizeof place), 0);
    ck_assert_int_eq(send(client, asked, sizeof asked - 1, 0), sizeof asked - 1);
    do {
        server_run(server, true);
        size = recv(client, answer, sizeof answer, MSG_DONTWAIT);
    } while (size < 0 && errno == EAGAIN);
    ck_assert_int_gt(size, 12);
    ck_assert_int_eq(memcmp(answer, "HTTP/1.1 101", 12), 0);
}

/* {"type": …, name: value, …} */
static struct iii_entry *
put(enum iii_kind kind, const char *const *words, size_t count)
{
    struct buffer frame = { 0 };
    pack_map(&frame, count / 2);
    for (size_t i = 0; i < count; i++)
        pack_string(&frame, words[i]);
    struct iii_entry *entry = hub_put(watcher, kind, buffer_bytes(&frame));
    buffer_free(&frame);
    ck_assert_ptr_nonnull(entry);
    return entry;
}

static void
open_watch(void)
{
    static const char *const function[] = { "type", "registerfunction", "id", "see" };
    static const char *const trigger[] = { "type", "registertrigger", "id", "t",
        "trigger_type", "log", "function_id", "see" };
    struct server_place place = { "http_address", "127.0.0.1", "http_port", 0, dialects,
        NULL };
    struct id project = { { 0 } };
    struct fault fault;
    gateway.now_ms = 1000;
    gateway.child.config.connections_max = 10;
    gateway.child.config.payload_max = 65536;
    gateway.epoll = epoll_create1(EPOLL_CLOEXEC);
    gateway.websockets = websockets_new(&gateway);
    hub = hub_new(&gateway, &project);
    list_open(&hub->link);
    watcher = hub_worker_new(hub);
    logger = hub_worker_new(hub);
    ck_assert_int_eq(server_open(&gateway, &place, &server, &fault), ERR_NONE);
    connect_client();
    (void)put(III_FUNCTION, function, COUNT(function));
    ck_assert(records_bind(put(III_TRIGGER, trigger, COUNT(trigger)), &fault));
}

static void
close_watch(void)
{
    struct list *at;
    for (unsigned kind = 0; kind < III_KINDS; kind++)
        while ((at = list_first(&watcher->entries[kind])) != NULL) {
            struct iii_entry *entry = LIST_OF(at, struct iii_entry, of_worker);
            hub_drop(&entry);
        }
    while ((at = list_first(&watcher->doing)) != NULL) {
        struct iii_call *call = LIST_OF(at, struct iii_call, doing);
        hub_call_drop(&call);
    }
    websockets_free(&gateway.websockets);
    hub_worker_free(&watcher);
    hub_worker_free(&logger);
    records_forget(hub);
    hub_free(&hub);
    close(client);
    server_close(&server);
    alarms_free(&gateway.alarms);
    buffer_free(&gateway.scratch);
    close(gateway.epoll);
}

static void
log_lines(unsigned count)
{
    struct iii_frame said = { .verb = III_INVOKE };
    while (count-- > 0)
        records_info(logger, &said);
}

START_TEST(who_never_answers_is_told_sixteen_each_minute)
{
    open_watch();
    log_lines(CALLS_MAX + 1);
    ck_assert_uint_eq(watcher->doing_count, CALLS_MAX);
    gateway.now_ms += III_CALL_MS - 1;
    log_lines(1);
    ck_assert_uint_eq(watcher->doing_count, CALLS_MAX);
    gateway.now_ms++;
    log_lines(1);
    ck_assert_uint_eq(watcher->doing_count, CALLS_MAX + 1);
    log_lines(CALLS_MAX);
    ck_assert_uint_eq(watcher->doing_count, 2 * CALLS_MAX);
    close_watch();
}
END_TEST

Suite *
iii_records_suite(void)
{
    Suite *suite = suite_create("iii_records");
    TCase *tests = tcase_create("watchers");
    tcase_add_test(tests, who_never_answers_is_told_sixteen_each_minute);
    suite_add_tcase(suite, tests);
    return suite;
}

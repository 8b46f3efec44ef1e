/* Goal: who takes an answer slowly and steadily gets all of it; who takes next to
 * nothing keeps it in memory for a minute. Method: a server and a client in one
 * process, whose clock is this test. */
#include "gateway/dialect.h"
#include "gateway/exchange.h"
#include "tests/unit/gateway_suites.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER = 16 << 20, CLIENT_ROOM = 4096 };

static struct gateway gateway;
static struct server *server;
static int client;

static void
serve(struct request *r)
{
    static uint8_t answer[ANSWER];
    request_answer(r, 200, "text/plain", bytes_of(answer, sizeof answer));
}

static const struct http_route route = { METHOD_GET, "/large", 0, BODY_NONE, NULL,
    serve };
static const struct dialect dialect = { .name = "test", .routes = { &route, 1 } };
static const struct dialect *const dialects[] = { &dialect, NULL };

static void
connect_client(void)
{
    static const char asked[] = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    struct sockaddr_in place = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)server_port(server)) };
    int room = CLIENT_ROOM;
    client = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&place, sizeof place), 0);
    ck_assert_int_eq(send(client, asked, sizeof asked - 1, 0), sizeof asked - 1);
}

static void
open_server(void)
{
    struct server_place place = { "http_address", "127.0.0.1", "http_port", 0, dialects,
        NULL };
    struct fault fault;
    gateway.now_ms = 1000;
    gateway.child.config.connections_max = 10;
    ck_assert_int_eq(server_open(&gateway, &place, &server, &fault), ERR_NONE);
    connect_client();
}

static void
close_server(void)
{
    close(client);
    server_close(&server);
    alarms_free(&gateway.alarms);
}

/* So many bytes, or as many as there are until the connection ends. */
static size_t
take(size_t wanted)
{
    static uint8_t room[65536];
    size_t taken = 0;
    while (taken < wanted) {
        size_t some = wanted - taken < sizeof room ? wanted - taken : sizeof room;
        server_run(server, true);
        ssize_t size = recv(client, room, some, MSG_DONTWAIT);
        if (size == 0 || (size < 0 && errno != EAGAIN))
            break;
        taken += size > 0 ? (size_t)size : 0;
    }
    return taken;
}

static void
pass(unsigned ms)
{
    gateway.now_ms += ms;
    alarms_ring(&gateway.alarms, gateway.now_ms);
}

START_TEST(who_takes_an_answer_steadily_gets_all_of_it)
{
    open_server();
    size_t taken = 0;
    /* Twice what is enough: the system says what it has a little later. */
    for (unsigned minute = 0; minute < 7; minute++) {
        ck_assert_uint_eq(take(2 * SEND_MIN), 2 * SEND_MIN);
        taken += 2 * SEND_MIN;
        pass(SEND_MS);
    }
    /* With the head. */
    ck_assert_uint_gt(take(ANSWER - taken), ANSWER - taken - 1);
    close_server();
}
END_TEST

START_TEST(who_takes_next_to_nothing_is_cut_off)
{
    open_server();
    ck_assert_uint_eq(take(SEND_MIN / 2), SEND_MIN / 2);
    pass(SEND_MS - 1);
    ck_assert_uint_eq(take(1), 1);
    pass(1);
    ck_assert_uint_lt(take(ANSWER), ANSWER / 2);
    close_server();
}
END_TEST

START_TEST(what_was_taken_once_earns_no_second_minute)
{
    open_server();
    ck_assert_uint_eq(take(3 * SEND_MIN), 3 * SEND_MIN);
    pass(SEND_MS);
    ck_assert_uint_eq(take(1), 1);
    pass(SEND_MS);
    ck_assert_uint_lt(take(ANSWER), ANSWER / 2);
    close_server();
}
END_TEST

Suite *
exchange_suite(void)
{
    Suite *suite = suite_create("exchange");
    TCase *tests = tcase_create("slow readers");
    tcase_add_test(tests, who_takes_an_answer_steadily_gets_all_of_it);
    tcase_add_test(tests, who_takes_next_to_nothing_is_cut_off);
    tcase_add_test(tests, what_was_taken_once_earns_no_second_minute);
    suite_add_tcase(suite, tests);
    return suite;
}

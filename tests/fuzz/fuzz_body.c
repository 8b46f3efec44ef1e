/* An HTTP request, from its first line to the message that an actor gets: refused with
 * a sentence, or a message within the limits that another process can read.
 *
 *      POST /capstan/v1/runs?wait=1s      method and target, one line
 *      {"automation":"x"}                 the body
 */
#include "base/wrong.h"
#include "gateway/dialect.h"
#include "gateway/door.h"
#include "gateway/exchange.h"
#include "gateway/watch.h"
#include "gateway/workflow_graph/state.h"
#include "tests/fuzz/bounds.h"
#include "transport/codec.h"

#include <stdio.h>
#include <stdlib.h>

static const struct dialect *const dialects[] = { &native_dialect, &mobius_dialect,
    &workflow_graph_dialect, NULL };
static struct gateway gateway;
static struct router router;
static char bearer[7 + KEY_TEXT_SIZE + 1];
static struct message asked;
static struct buffer sent;

/* What the gateway sends stays here; everybody is there. */
void
mailbox_send(struct mailbox *mailbox, const struct message *m)
{
    struct message numbered = *m;
    (void)mailbox;
    numbered.envelope.from = ACTOR_gateway;
    buffer_clear(&sent);
    codec_write(&numbered, &sent);
}

bool
mailbox_heard(const struct mailbox *mailbox, enum actor_name actor, uint32_t instance)
{
    (void)mailbox;
    (void)actor;
    return instance < gateway.child.config.schedulers;
}

static void
begin(void)
{
    static const uint8_t chance[KEY_SECRET_SIZE] = "chance that everybody knows, now";
    struct key key = { .id.bytes = "an id of a key", .scopes = 15 };
    struct config *config = &gateway.child.config;
    config_default(config);
    gateway.auth = auth_new(gateway.child.secret, 16);
    snprintf(bearer, sizeof bearer, "Bearer ");
    auth_mint(gateway.auth, &key.id, chance, bearer + 7, &key.hash);
    auth_learn(gateway.auth, &key);
    gateway.bridge = bridge_new(
        NULL, &gateway.alarms, &(struct bridge_limits){ 16, 1000, 1000, SIZE_MAX });
    door_open_router(&router, dialects);
    gateway.watches = watches_new();
    gateway.workers = workers_new(&gateway);
    gateway.workflow_graph = workflow_graph_new(&gateway);
    gateway.keys_complete = true;
}

static void
forget(struct alarm *alarm)
{
    (void)alarm;
}

/* The head and the body, as exchange.c gives them. */
static void
enter(struct request *r, struct bytes in, char *length)
{
    char method[8] = "";
    const uint8_t *end = in.size == 0 ? NULL : memchr(in.data, '\n', in.size);
    struct bytes line =
        bytes_of(in.data, end == NULL ? in.size : (size_t)(end - in.data));
    struct bytes body =
        end == NULL ? text("") : bytes_of(end + 1, in.size - line.size - 1);
    size_t word = 0;
    while (word < line.size && word < sizeof method - 1 && line.data[word] != ' ')
        word++;
    if (word > 0)
        memcpy(method, line.data, word);
    snprintf(length, 24, "%zu", body.size);
    r->headers[HEADER_AUTHORIZATION] = text(bearer);
    r->headers[HEADER_CONTENT_TYPE] = text("application/json");
    if (body.size > 0)
        r->headers[HEADER_CONTENT_LENGTH] = text(length);
    size_t from = word < line.size ? word + 1 : word;
    door_enter(r, method, bytes_of(line.data + from, line.size - from));
    if (r->answer.ready || r->route->body == BODY_NONE)
        return;
    buffer_append_bytes(&r->body, body);
    r->body_size = body.size;
    door_serve(r);
}

static void
judge(const struct request *r)
{
    size_t payload_max = gateway.child.config.payload_max;
    bool native = r->dialect == NULL || r->dialect == &native_dialect;
    if (!native) {
        if (sent.size > 0 && codec_read(buffer_bytes(&sent), &asked) != ERR_NONE)
            WRONG("no actor can read what was asked");
        return;
    }
    if (r->answer.ready && (r->answer.status < 400 || r->answer.body.size == 0))
        WRONG("refused without a sentence");
    if (sent.size == 0)
        return;
    if (r->answer.ready)
        WRONG("refused, and asked all the same");
    if (codec_read(buffer_bytes(&sent), &asked) != ERR_NONE)
        WRONG("no actor can read what was asked");
    if (asked.code == RUN_START && asked.run_start.inputs.size > payload_max)
        WRONG("inputs above their limit");
    if (asked.code == RUN_START && asked.run_start.automation.size == 0)
        WRONG("a run of nothing");
}

void
fuzz_one(struct bytes in)
{
    struct server server = { .gateway = &gateway };
    struct connection connection = { .server = &server, .alarm = { .ring = forget } };
    struct exchange x = { .server = &server,
        .connection = &connection,
        .request = { .gateway = &gateway, .dialects = dialects, .router = &router } };
    char length[24];
    list_open(&server.answered);
    list_open(&x.link);
    if (gateway.auth == NULL)
        begin();
    buffer_clear(&sent);
    bounds_begin();
    enter(&x.request, in, length);
    bounds_end();
    if (planted("body") && sent.size > 0 && memchr(sent.data, 0xa5, sent.size) != NULL)
        x.request.answer.ready = true;
    judge(&x.request);
    if (bridge_count(gateway.bridge) > 0) {
        bridge_free(&gateway.bridge);
        gateway.bridge = bridge_new(
            NULL, &gateway.alarms, &(struct bridge_limits){ 16, 1000, 1000, SIZE_MAX });
    }
    if (gateway.workflow_graph->worker_count > 0) {
        /* What waits is forgotten with its request. */
        gateway.draining = true;
        workers_free(&gateway.workers);
        workflow_graph_free(&gateway.workflow_graph);
        gateway.draining = false;
        gateway.workers = workers_new(&gateway);
        gateway.workflow_graph = workflow_graph_new(&gateway);
    }
    buffer_free(&x.request.body);
    arena_free(&x.request.arena);
    buffer_free(&gateway.scratch);
}

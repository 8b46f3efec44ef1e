#include "tests/unit/test_capstan_worker_gateway.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

static void
bind_router(struct gateway *g, const char *url)
{
    int zero = 0, one = 1;
    uint64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
    g->router = zmq_socket(g->context, ZMQ_ROUTER);
    ck_assert_ptr_nonnull(g->router);
    zmq_setsockopt(g->router, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(g->router, ZMQ_ROUTER_MANDATORY, &one, sizeof one);
    /* The address of the one before is free when libzmq's thread has closed it. */
    while (zmq_bind(g->router, url) != 0) {
        ck_assert_uint_lt(clock_monotonic_ms(), until_ms);
        zmq_poll(NULL, 0, 10);
    }
    size_t size = sizeof g->url;
    zmq_getsockopt(g->router, ZMQ_LAST_ENDPOINT, g->url, &size);
}

void
gateway_open(struct gateway *g)
{
    *g = (struct gateway){ .lease_ms = LEASE_MS, .heartbeat_ms = BEAT_MS };
    g->context = zmq_ctx_new();
    bind_router(g, "tcp://127.0.0.1:*");
}

void
gateway_away(struct gateway *g)
{
    zmq_close(g->router);
    g->router = NULL;
}

void
gateway_back(struct gateway *g)
{
    char url[sizeof g->url];
    memcpy(url, g->url, sizeof url);
    bind_router(g, url);
}

void
gateway_restart(struct gateway *g)
{
    gateway_away(g);
    gateway_back(g);
}

void
gateway_close(struct gateway *g)
{
    zmq_close(g->router);
    zmq_ctx_term(g->context);
    buffer_free(&g->frame);
    buffer_free(&g->held);
    buffer_free(&g->out);
}

void
gateway_raw(struct gateway *g, const void *frame, size_t size, bool more)
{
    ck_assert_int_ge(
        zmq_send(g->router, g->identity, g->identity_size, ZMQ_SNDMORE), 0);
    ck_assert_int_ge(zmq_send(g->router, frame, size, more ? ZMQ_SNDMORE : 0), 0);
    if (more)
        ck_assert_int_ge(zmq_send(g->router, frame, size, 0), 0);
}

static void
send_out(struct gateway *g)
{
    gateway_raw(g, g->out.data, g->out.size, false);
    buffer_clear(&g->out);
}

static void
pair(struct gateway *g, const char *key, const char *value)
{
    pack_string(&g->out, key);
    pack_string(&g->out, value);
}

static const char *
token_of(unsigned n)
{
    static char token[32];
    snprintf(token, sizeof token, "token-%u", n);
    return token;
}

static void
pair_token(struct gateway *g, unsigned n)
{
    pack_string(&g->out, "token");
    pack_blob(&g->out, text(token_of(n)));
}

static void
pair_list(struct gateway *g, const char *key, unsigned n)
{
    pack_string(&g->out, key);
    pack_array(&g->out, n > 0);
    if (n > 0)
        pack_blob(&g->out, text(token_of(n)));
}

/* One message; false when time is over. */
static bool
receive(struct gateway *g, int ms)
{
    zmq_pollitem_t item = { g->router, -1, ZMQ_POLLIN, 0 };
    if (zmq_poll(&item, 1, ms) < 1)
        return false;
    int size = zmq_recv(g->router, g->identity, sizeof g->identity, 0);
    ck_assert_int_gt(size, 0);
    g->identity_size = (size_t)size;
    zmq_msg_t message;
    zmq_msg_init(&message);
    ck_assert_int_ge(zmq_msg_recv(&message, g->router, 0), 0);
    ck_assert_int_eq(zmq_msg_more(&message), 0);
    buffer_clear(&g->frame);
    buffer_append(&g->frame, zmq_msg_data(&message), zmq_msg_size(&message));
    zmq_msg_close(&message);
    ck_assert_int_eq(pack_check(buffer_bytes(&g->frame)), ERR_NONE);
    struct bytes held = pack_find(buffer_bytes(&g->frame), "held");
    if (held.size > 0) {
        buffer_clear(&g->held);
        buffer_append_bytes(&g->held, held);
    }
    return true;
}

void
gateway_answer_beat(struct gateway *g, unsigned lost, unsigned cancel)
{
    pack_map(&g->out, 4);
    pair(g, "type", "heartbeat");
    pack_string(&g->out, "sequence");
    pack_u64(&g->out, gateway_number(g, "sequence"));
    pair_list(g, "lost", lost);
    pair_list(g, "cancel", cancel);
    send_out(g);
}

/* The next message that is not a heartbeat, or is if `beats`. */
static bool
receive_next(struct gateway *g, bool beats, int ms)
{
    uint64_t until_ms = clock_monotonic_ms() + (uint64_t)ms;
    for (;;) {
        uint64_t now_ms = clock_monotonic_ms();
        if (now_ms >= until_ms || !receive(g, (int)(until_ms - now_ms)))
            return false;
        if (strcmp(gateway_text(g, "type"), "heartbeat") != 0)
            return true;
        g->beats++;
        if (beats)
            return true;
        if (!g->mute)
            gateway_answer_beat(g, 0, 0);
    }
}

struct bytes
gateway_hear(struct gateway *g, const char *type)
{
    bool beats = strcmp(type, "heartbeat") == 0;
    if (!receive_next(g, beats, PATIENCE_MS))
        ck_abort_msg("no %s came", type);
    ck_assert_str_eq(gateway_text(g, "type"), type);
    return buffer_bytes(&g->frame);
}

struct bytes
gateway_hear_any(struct gateway *g)
{
    if (!receive_next(g, false, PATIENCE_MS))
        ck_abort_msg("nothing came");
    return buffer_bytes(&g->frame);
}

void
gateway_hear_nothing(struct gateway *g, int ms)
{
    if (receive_next(g, false, ms))
        ck_abort_msg("%s came", gateway_text(g, "type"));
}

const char *
gateway_text(const struct gateway *g, const char *key)
{
    static char found[8192];
    struct cursor c = cursor_over(pack_find(buffer_bytes(&g->frame), key));
    struct bytes t = cursor_blob(&c);
    ck_assert_uint_lt(t.size, sizeof found);
    if (t.size > 0)
        memcpy(found, t.data, t.size);
    found[t.size] = '\0';
    return found;
}

uint64_t
gateway_number(const struct gateway *g, const char *key)
{
    struct cursor c = cursor_over(pack_find(buffer_bytes(&g->frame), key));
    return cursor_u64(&c);
}

bool
gateway_held(const struct gateway *g, unsigned n)
{
    struct cursor c = cursor_over(buffer_bytes(&g->held));
    size_t count = cursor_array(&c);
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(cursor_blob(&c), text(token_of(n))))
            return true;
    return false;
}

size_t
gateway_held_count(const struct gateway *g)
{
    struct cursor c = cursor_over(buffer_bytes(&g->held));
    return cursor_array(&c);
}

void
gateway_registered(struct gateway *g, unsigned lost)
{
    pack_map(&g->out, 7 + (g->idle_ms > 0));
    pair(g, "type", "registered");
    pack_string(&g->out, "session");
    pack_blob(&g->out, text("session-1"));
    pair(g, "session_id", "wsess_1");
    pack_string(&g->out, "lease_ms");
    pack_u64(&g->out, g->lease_ms);
    pack_string(&g->out, "heartbeat_ms");
    pack_u64(&g->out, g->heartbeat_ms);
    if (g->idle_ms > 0) {
        pack_string(&g->out, "idle_ms");
        pack_u64(&g->out, g->idle_ms);
    }
    pack_string(&g->out, "payload_max");
    pack_u64(&g->out, 4096);
    pair_list(g, "lost", lost);
    send_out(g);
}

void
gateway_let_in(struct gateway *g)
{
    gateway_hear(g, "register");
    gateway_registered(g, 0);
}

void
gateway_job_with(
    struct gateway *g, unsigned n, const char *action, struct bytes parameters)
{
    char id[32];
    snprintf(id, sizeof id, "job_%u", n);
    pack_map(&g->out, 11);
    pair(g, "type", "job");
    pair_token(g, n);
    pair(g, "job", id);
    pair(g, "run", "run_1");
    pair(g, "step", "first");
    pair(g, "automation", "smoke");
    pair(g, "action", action);
    pair(g, "queue", "default");
    pack_string(&g->out, "attempt");
    pack_u64(&g->out, 2);
    pack_string(&g->out, "deadline_ms");
    pack_u64(&g->out, 4102444800000);
    pack_string(&g->out, "parameters");
    pack_raw(&g->out, parameters);
    send_out(g);
}

void
gateway_job(struct gateway *g, unsigned n, const char *action)
{
    gateway_job_with(g, n, action, (struct bytes){ 0 });
}

void
gateway_say(
    struct gateway *g, const char *type, unsigned n, const char *key, const char *value)
{
    pack_map(&g->out, (size_t)1 + (n > 0) + (key != NULL));
    pair(g, "type", type);
    if (n > 0)
        pair_token(g, n);
    if (key != NULL)
        pair(g, key, value);
    send_out(g);
}

void
gateway_ack(struct gateway *g, unsigned n)
{
    gateway_say(g, "ack", n, "verdict", "accepted");
}

void
gateway_hear_report(struct gateway *g, unsigned n, const char *outcome)
{
    gateway_hear(g, "report");
    ck_assert_str_eq(gateway_text(g, "token"), token_of(n));
    ck_assert_str_eq(gateway_text(g, "outcome"), outcome);
    gateway_ack(g, n);
}

void
gateway_error(struct gateway *g, const char *code, const char *about, unsigned n)
{
    pack_map(&g->out, (size_t)4 + (n > 0));
    pair(g, "type", "error");
    pair(g, "code", code);
    pair(g, "about", about);
    pair(g, "message", "because the test says so");
    if (n > 0)
        pair_token(g, n);
    send_out(g);
}

static void
keep_quiet(int level, const char *line, void *context)
{
    (void)level;
    (void)context;
    if (getenv("CAPSTAN_TEST_LOUD") != NULL)
        fprintf(stderr, "%s\n", line);
}

void
rig_open(struct rig *rig)
{
    *rig = (struct rig){ 0 };
    gateway_open(&rig->gateway);
    rig->options = (struct capstan_options){
        .url = rig->gateway.url,
        .key = "cap_test",
        .instance = "unit",
        .concurrency = 4,
        .log = keep_quiet,
    };
}

void
rig_worker(struct rig *rig)
{
    rig->worker = capstan_worker_new(&rig->options);
}

static void *
run(void *argument)
{
    struct rig *rig = argument;
    rig->result = capstan_worker_run(rig->worker);
    return NULL;
}

void
rig_run(struct rig *rig)
{
    ck_assert_int_eq(pthread_create(&rig->thread, NULL, run, rig), 0);
}

void
rig_join_in(struct rig *rig)
{
    rig_run(rig);
    gateway_let_in(&rig->gateway);
}

int
rig_wait(struct rig *rig)
{
    pthread_join(rig->thread, NULL);
    return rig->result;
}

void
rig_close(struct rig *rig)
{
    struct gateway *g = &rig->gateway;
    capstan_worker_stop(rig->worker);
    /* If our last word has not yet arrived, it says first that it drains. */
    do
        gateway_hear_any(g);
    while (strcmp(gateway_text(g, "type"), "drain") == 0
           || strcmp(gateway_text(g, "type"), "ready") == 0);
    ck_assert_str_eq(gateway_text(g, "type"), "goodbye");
    ck_assert_int_eq(rig_wait(rig), CAPSTAN_OK);
    rig_end(rig);
}

void
rig_end(struct rig *rig)
{
    capstan_worker_free(&rig->worker);
    gateway_close(&rig->gateway);
}

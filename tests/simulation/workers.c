#include "tests/simulation/workers.h"

#include "actors/lease/token.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/gateway_model.h"
#include "tests/simulation/oracle.h"
#include "transport/codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    JOBS_MAX = 16,
    WORKERS_MAX = 8,
    ANSWER_US = 1000 * 1000, /* for an answer to a registration */
    BACKOFF_US = 300 * 1000,
    RESEND_US = 500 * 1000,
    MS = 1000
};

/* What is said much later comes on whatever connection there is then. */
static const uint64_t ANY_CONNECTION = UINT64_MAX;

/* A job in its hands: at work, then to be reported until it is settled. */
struct held {
    uint8_t token[LEASE_TOKEN_SIZE];
    bool reporting;
    uint32_t outcome;
    uint64_t due_us; /* when it is done; when it is reported again */
};

enum worker_state { AWAY, ASKING, MEMBER };

struct worker {
    struct sim *sim;
    size_t index;
    char title[24], instance[40];
    uint32_t project, capacity, capacity_max, lives;
    bool all_queues, gpu;
    bool fences; /* gives up its jobs when it was not heard for too long */

    enum worker_state state;
    uint64_t connection, wake_us, turn_us, beat_us, heard_us, confirmed_us;
    uint64_t silent_until_us, leave_us; /* 0: it is not leaving */
    uint8_t token[SESSION_TOKEN_SIZE];
    bool has_token;
    struct held jobs[JOBS_MAX];
    size_t job_count;
};

struct strangers {
    struct worker workers[WORKERS_MAX];
    size_t count;
};

static void wake_at(struct worker *w, uint64_t at_us);

static struct chance *
luck(const struct worker *w)
{
    return sim_chance(w->sim, STREAM_WORKERS);
}

const char *
workers_title(const struct sim *sim, size_t worker)
{
    return sim->strangers->workers[worker].title;
}

uint64_t
workers_connection(const struct sim *sim, size_t worker)
{
    return sim->strangers->workers[worker].connection;
}

/* ---- saying ---- */

struct frame {
    size_t worker;
    uint64_t connection;
    size_t size;
    uint8_t bytes[];
};

static void
frame_arrives(struct sim *sim, void *self, uint64_t number, void **owned)
{
    const struct frame *frame = *owned;
    struct message m;
    (void)self;
    (void)number;
    if (codec_read(bytes_of(frame->bytes, frame->size), &m) != ERR_NONE)
        WRONG("a frame cannot be read");
    uint64_t connection = frame->connection;
    if (connection == ANY_CONNECTION)
        connection = workers_connection(sim, frame->worker);
    gateway_take_frame(sim, frame->worker, connection, &m);
}

static void
say_later(struct worker *w, struct message m, uint64_t after_us)
{
    uint64_t connection = after_us == 0 ? w->connection : ANY_CONNECTION;
    struct sim *sim = w->sim;
    struct buffer words = { 0 };
    m.envelope.from = ACTOR_gateway;
    m.envelope.project = project_id(w->project);
    sim_trace_message(sim, "ask", w->title, "", &m);
    codec_write(&m, &words);
    struct frame *frame = sim_room(sizeof *frame + words.size);
    *frame = (struct frame){ w->index, connection, words.size };
    memcpy(frame->bytes, words.data, words.size);
    sim_note(sim, buffer_bytes(&words));
    buffer_free(&words);
    sim_plan(sim, sim->dials.latency_us + after_us, frame_arrives, NULL, 0, frame);
}

static void
say(struct worker *w, struct message m)
{
    bool lost = !w->sim->healed && chance_hits(luck(w), w->sim->dials.door_loss);
    if (w->silent_until_us <= w->sim->now_us && !lost)
        say_later(w, m, 0);
}

static struct bytes
held_list(const struct worker *w, struct buffer *out)
{
    pack_array(out, w->job_count);
    for (size_t i = 0; i < w->job_count; i++)
        pack_blob(out, bytes_of(w->jobs[i].token, LEASE_TOKEN_SIZE));
    return buffer_bytes(out);
}

/* Its own, or one that it has stolen. */
static const struct worker *
shows_token_of(struct worker *w)
{
    const struct strangers *all = w->sim->strangers;
    if (w->sim->healed || !chance_hits(luck(w), 300))
        return w;
    sim_probe(PROBE_STOLEN);
    return &all->workers[chance_below(luck(w), all->count)];
}

static void
ask(struct worker *w)
{
    struct buffer held = { 0 }, queues = { 0 }, labels = { 0 };
    struct message m = { .code = WORKER_REGISTER };
    if (w->all_queues) {
        pack_array(&queues, 2);
        pack_string(&queues, "default");
        pack_string(&queues, "other");
    }
    if (w->gpu) {
        pack_array(&labels, 1);
        pack_string(&labels, "gpu");
    }
    const struct worker *shown = shows_token_of(w);
    m.worker_register = (struct worker_register){
        .instance = text(w->instance),
        .token = bytes_of(shown->token, shown->has_token ? SESSION_TOKEN_SIZE : 0),
        .queues = buffer_bytes(&queues),
        .labels = buffer_bytes(&labels),
        .capacity = w->capacity,
        .held = held_list(w, &held),
        .dialect = text("zmq"),
    };
    say(w, m);
    buffer_free(&held);
    buffer_free(&queues);
    buffer_free(&labels);
    w->state = ASKING;
    w->turn_us = w->sim->now_us + ANSWER_US;
    wake_at(w, w->turn_us);
}

static void
call_again(struct worker *w, uint64_t after_us)
{
    w->connection++;
    w->state = AWAY;
    w->turn_us = w->sim->now_us + after_us;
    wake_at(w, w->turn_us);
}

static uint64_t
beat_every_us(const struct worker *w)
{
    return (uint64_t)w->sim->config.heartbeat_ms * MS;
}

/* How much it takes changes now and then; said again, in case it was not heard. */
static void
say_ready(struct worker *w)
{
    struct message m = { .code = WORKER_READY };
    if (w->sim->healed)
        w->capacity = w->capacity_max;
    else if (chance_hits(luck(w), 2000))
        w->capacity = (uint32_t)chance_between(luck(w), 0, w->capacity_max);
    if (w->capacity < w->capacity_max)
        sim_probe(PROBE_TAKES_LESS);
    m.worker_ready.capacity = w->capacity;
    say(w, m);
}

static void
beat(struct worker *w)
{
    if (chance_hits(luck(w), 1500))
        say_ready(w);
    struct buffer held = { 0 };
    struct message m = { .code = WORKER_HEARTBEAT };
    m.worker_heartbeat.held = held_list(w, &held);
    say(w, m);
    buffer_free(&held);
    w->beat_us = w->sim->now_us + beat_every_us(w) * 9 / 10;
}

/* A report with a token that nobody was given. */
static void
forge(struct worker *w, struct message m)
{
    uint8_t token[LEASE_TOKEN_SIZE];
    memcpy(token, m.job_report.token.data, sizeof token);
    /* The step, the attempt, the offer, or the proof. */
    size_t at = chance_hits(luck(w), 5000) ? 27 : chance_between(luck(w), 16, 59);
    token[at] ^= (uint8_t)(1 << chance_below(luck(w), 2));
    m.job_report.token = bytes_of(token, sizeof token);
    sim_probe(PROBE_FORGED);
    say(w, m);
}

static void
report(struct worker *w, struct held *job)
{
    static const char *const words[] = { "", "", "ActionError", "Cancelled" };
    struct buffer output = { 0 };
    struct message m = { .code = JOB_REPORT };
    m.job_report.token = bytes_of(job->token, LEASE_TOKEN_SIZE);
    m.job_report.outcome = job->outcome;
    if (job->outcome == OUTCOME_COMPLETED) {
        pack_map(&output, 1);
        pack_string(&output, "token");
        pack_blob(&output, m.job_report.token);
        m.job_report.output = buffer_bytes(&output);
    } else {
        m.job_report.error_type = text(words[job->outcome]);
        m.job_report.error_message = text("as the dice fell");
    }
    oracle_hear_report(w->sim, job->token, job->outcome);
    say(w, m);
    if (chance_hits(luck(w), 300))
        forge(w, m);
    /* A ghost of it may come much later. */
    if (!w->sim->healed && chance_hits(luck(w), 500))
        say_later(w, m, chance_below(luck(w), 4 * SECOND_US));
    buffer_free(&output);
    job->due_us = w->sim->now_us + RESEND_US;
}

/* ---- jobs ---- */

static struct held *
find(struct worker *w, struct bytes token)
{
    for (size_t i = 0; i < w->job_count; i++)
        if (bytes_equal(bytes_of(w->jobs[i].token, LEASE_TOKEN_SIZE), token))
            return &w->jobs[i];
    return NULL;
}

static void
let_go(struct worker *w, struct held *job)
{
    if (job != NULL)
        *job = w->jobs[--w->job_count];
}

static size_t
at_work(const struct worker *w)
{
    size_t count = 0;
    for (size_t i = 0; i < w->job_count; i++)
        count += !w->jobs[i].reporting;
    return count;
}

static uint64_t
duration_us(struct worker *w, struct bytes action)
{
    if (!bytes_equal(action, text("slow")))
        return chance_between(luck(w), MS, 80 * MS);
    if (chance_hits(luck(w), 5000))
        return chance_between(luck(w), 50 * MS, 500 * MS);
    return chance_between(luck(w), 500 * MS, 3000 * MS);
}

static uint32_t
outcome_of(struct worker *w, struct bytes action)
{
    if (bytes_equal(action, text("bad")))
        return OUTCOME_FAILED;
    if (bytes_equal(action, text("flaky")) && chance_hits(luck(w), 3000))
        return OUTCOME_FAILED;
    return OUTCOME_COMPLETED;
}

static void
print(struct worker *w, const struct held *job)
{
    struct message m = { .code = JOB_LOG };
    m.job_log = (struct job_log){
        .token = bytes_of(job->token, LEASE_TOKEN_SIZE),
        .stream = text("stdout"),
        .chunk = text("so far, so good\n"),
    };
    say(w, m);
}

static void
accept(struct worker *w, const struct job_granted *granted)
{
    bool wide = w->leave_us != 0 || at_work(w) >= w->capacity;
    if (find(w, granted->token) != NULL || wide || w->job_count == JOBS_MAX)
        return; /* what is not held is not named, and goes to another */
    struct held *job = &w->jobs[w->job_count++];
    *job = (struct held){ .outcome = outcome_of(w, granted->action) };
    memcpy(job->token, granted->token.data, LEASE_TOKEN_SIZE);
    job->due_us = w->sim->now_us + duration_us(w, granted->action);
    if (chance_hits(luck(w), 500))
        print(w, job);
    wake_at(w, job->due_us);
}

static void
for_each(struct worker *w, struct bytes tokens, bool cancel)
{
    struct cursor c = cursor_over(tokens);
    size_t count = tokens.size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count; i++) {
        struct held *job = find(w, cursor_blob(&c));
        if (!cancel) {
            let_go(w, job);
        } else if (job != NULL && !job->reporting && chance_hits(luck(w), 7000)) {
            job->outcome = OUTCOME_CANCELLED;
            job->due_us = w->sim->now_us;
            wake_at(w, job->due_us);
        }
    }
}

/* ---- hearing ---- */

static void
hear_registered(struct worker *w, const struct worker_registered *m)
{
    if (w->state == MEMBER)
        return;
    if (w->has_token && memcmp(w->token, m->token.data, SESSION_TOKEN_SIZE) == 0)
        sim_probe(PROBE_REGISTERED_AGAIN);
    memcpy(w->token, m->token.data, SESSION_TOKEN_SIZE);
    w->has_token = true;
    w->state = MEMBER;
    w->confirmed_us = w->sim->now_us;
    w->beat_us = w->sim->now_us + chance_below(luck(w), beat_every_us(w));
    for_each(w, m->lost, false);
    for (size_t i = 0; i < w->job_count; i++)
        if (w->jobs[i].reporting)
            w->jobs[i].due_us = w->sim->now_us;
    wake_at(w, w->sim->now_us);
}

static void
hear_settled(struct worker *w, const struct report_settled *m)
{
    struct held *job = find(w, m->token);
    if (!oracle_genuine(w->sim, m->token, &m->session))
        return;
    oracle_hear_verdict(w->sim, m->token, (enum verdict)m->verdict);
    if (job != NULL && job->reporting)
        let_go(w, job);
}

void
workers_hear(struct sim *sim, size_t worker, const struct message *m)
{
    struct worker *w = &sim->strangers->workers[worker];
    w->heard_us = sim->now_us;
    switch ((int)m->code) {
    case HELLO:
        if (w->state == MEMBER)
            ask(w);
        return;
    case REFUSED: call_again(w, BACKOFF_US); return;
    case WORKER_REGISTERED: hear_registered(w, &m->worker_registered); return;
    case HEARTBEAT_ANSWER:
        w->confirmed_us = sim->now_us;
        for_each(w, m->heartbeat_answer.lost, false);
        for_each(w, m->heartbeat_answer.cancel, true);
        return;
    case REPORT_SETTLED: hear_settled(w, &m->report_settled); return;
    case JOB_GRANTED: accept(w, &m->job_granted); return;
    case JOB_CANCEL: {
        struct buffer one = { 0 };
        sim_probe(PROBE_CANCEL_TOLD);
        pack_array(&one, 1);
        pack_blob(&one, m->job_cancel.token);
        for_each(w, buffer_bytes(&one), true);
        buffer_free(&one);
        return;
    }
    default: WRONG("a worker is told no such thing");
    }
}

/* ---- time ---- */

static void
leave(struct worker *w)
{
    struct message m = { .code = WORKER_GONE };
    m.worker_gone.goodbye = 1;
    say(w, m);
    w->job_count = 0;
    w->leave_us = 0;
    w->has_token = w->has_token && chance_hits(luck(w), 5000);
    call_again(w, chance_between(luck(w), 100 * MS, 3 * SECOND_US));
}

static void
fence(struct worker *w)
{
    uint64_t lease_us = (uint64_t)w->sim->config.lease_ms * MS;
    if (!w->fences || w->confirmed_us + lease_us * 9 / 10 > w->sim->now_us)
        return;
    for (size_t i = w->job_count; i-- > 0;)
        if (!w->jobs[i].reporting)
            let_go(w, &w->jobs[i]);
}

static void
work(struct worker *w)
{
    for (size_t i = 0; i < w->job_count; i++) {
        struct held *job = &w->jobs[i];
        if (job->due_us > w->sim->now_us)
            continue;
        job->reporting = true;
        if (w->state == MEMBER)
            report(w, job);
        else
            job->due_us = w->sim->now_us + RESEND_US;
    }
}

static void
act(struct worker *w)
{
    uint64_t now_us = w->sim->now_us;
    fence(w);
    work(w);
    switch (w->state) {
    case AWAY:
        if (w->turn_us <= now_us)
            ask(w);
        return;
    case ASKING:
        if (w->turn_us <= now_us)
            call_again(w, BACKOFF_US);
        return;
    case MEMBER:
        if (w->leave_us != 0 && (w->leave_us <= now_us || at_work(w) == 0))
            leave(w);
        else if (w->heard_us + beat_every_us(w) * 5 / 2 <= now_us)
            call_again(w, chance_below(luck(w), BACKOFF_US));
        else if (w->beat_us <= now_us)
            beat(w);
        return;
    }
}

static void
plan_next(struct worker *w)
{
    uint64_t next_us = w->turn_us;
    if (w->state == MEMBER) {
        next_us = w->heard_us + beat_every_us(w) * 5 / 2;
        next_us = w->beat_us < next_us ? w->beat_us : next_us;
        if (w->leave_us != 0 && w->leave_us < next_us)
            next_us = w->leave_us;
    }
    for (size_t i = 0; i < w->job_count; i++)
        if (w->jobs[i].due_us < next_us)
            next_us = w->jobs[i].due_us;
    wake_at(w, next_us);
}

static void
wake(struct sim *sim, void *self, uint64_t number, void **owned)
{
    struct worker *w = self;
    (void)number;
    (void)owned;
    if (w->wake_us != sim->now_us)
        return;
    w->wake_us = UINT64_MAX;
    act(w);
    plan_next(w);
}

static void
wake_at(struct worker *w, uint64_t at_us)
{
    uint64_t now_us = w->sim->now_us;
    at_us = at_us > now_us ? at_us : now_us + 1;
    if (at_us >= w->wake_us)
        return;
    w->wake_us = at_us;
    sim_plan(w->sim, at_us - now_us, wake, w, 0, NULL);
}

/* ---- lives and faults ---- */

static void
live(struct worker *w)
{
    w->lives++;
    if (w->lives == 1 || chance_hits(luck(w), 3000))
        snprintf(w->instance, sizeof w->instance, "%s-%" PRIu32, w->title, w->lives);
    w->has_token = false;
    w->job_count = 0;
    w->silent_until_us = w->leave_us = 0;
    w->heard_us = w->confirmed_us = w->sim->now_us;
    call_again(w, chance_between(luck(w), MS, SECOND_US));
}

void
workers_open(struct sim *sim)
{
    struct strangers *all = sim->strangers = sim_room(sizeof *all);
    all->count = sim->dials.workers;
    for (size_t i = 0; i < all->count; i++) {
        struct worker *w = &all->workers[i];
        w->sim = sim;
        w->index = i;
        w->wake_us = UINT64_MAX;
        snprintf(w->title, sizeof w->title, "worker.%zu", i);
        /* The first two can do everything, each for its project. */
        w->project =
            i < PROJECTS ? (uint32_t)i : (uint32_t)chance_below(luck(w), PROJECTS);
        w->all_queues = i < PROJECTS || chance_hits(luck(w), 5000);
        w->gpu = i < PROJECTS || chance_hits(luck(w), 5000);
        w->capacity_max = (uint32_t)chance_between(luck(w), i < PROJECTS ? 3 : 1, 8);
        w->capacity = w->capacity_max;
        w->fences = chance_hits(luck(w), 5000);
        live(w);
    }
}

void
workers_close(struct sim *sim)
{
    free(sim->strangers);
}

void
workers_heal(struct sim *sim)
{
    for (size_t i = 0; i < sim->strangers->count; i++)
        sim->strangers->workers[i].silent_until_us = 0;
}

void
workers_lose_gateway(struct sim *sim)
{
    for (size_t i = 0; sim->strangers != NULL && i < sim->strangers->count; i++)
        sim->strangers->workers[i].connection++;
}

void
workers_suffer(struct sim *sim, enum mishap mishap)
{
    struct strangers *all = sim->strangers;
    struct chance *c = sim_chance(sim, STREAM_WORKERS);
    struct worker *w = &all->workers[chance_below(c, all->count)];
    uint64_t lease_us = (uint64_t)sim->config.lease_ms * MS;
    sim_trace(sim, "fate %s %s", w->title, mishap_name(mishap));
    switch ((int)mishap) {
    case MISHAP_SILENCE:
        w->silent_until_us = sim->now_us + chance_below(c, lease_us * 5 / 2);
        return;
    case MISHAP_DEATH: live(w); return;
    case MISHAP_RECONNECT: call_again(w, chance_below(c, SECOND_US)); return;
    case MISHAP_GOODBYE:
        w->leave_us = sim->now_us + chance_below(c, SECOND_US);
        wake_at(w, w->leave_us);
        return;
    default: WRONG("workers do not suffer that");
    }
}

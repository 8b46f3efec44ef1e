#include "tests/simulation/gateway_model.h"

#include "base/pack.h"
#include "base/wrong.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/keepers.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/publishers.h"
#include "tests/simulation/workers.h"
#include "transport/codec.h"

#include <stdlib.h>

enum { SESSIONS_MAX = 64, QUESTIONS_MAX = 256, HELD_MAX = 64, TOKEN_SIZE = 60 };

/* Requests of sessions and of clients are told apart by the highest bit. */
static const uint64_t session_bit = (uint64_t)1 << 63;

struct door_session {
    bool used, known, named; /* registered; found by its id, though it asks again */
    size_t worker;
    uint64_t connection, number, heard_us;
    struct id id, project;
    uint32_t capacity;
    uint8_t token[64];
    size_t token_size;
    struct buffer words; /* the register message, encoded */
    uint8_t held[HELD_MAX][TOKEN_SIZE];
    uint8_t unsaid[HELD_MAX];
    size_t held_count;
};

struct question {
    uint64_t number; /* 0: free */
    uint64_t asked;  /* the number under which it was said last */
    size_t call;
    uint64_t attempt;
    struct buffer words; /* the message, encoded */
};

struct gateway {
    struct machine *machine;
    uint64_t serial;
    struct door_session sessions[SESSIONS_MAX];
    struct question questions[QUESTIONS_MAX];
    uint64_t next_partition;
};

static struct message
decoded(const struct buffer *words)
{
    struct message m;
    if (codec_read(buffer_bytes(words), &m) != ERR_NONE)
        WRONG("what was kept cannot be read");
    return m;
}

static void
encode(struct buffer *words, const struct message *m)
{
    buffer_clear(words);
    codec_write(m, words);
}

static void
send_on(struct gateway *g, struct message *m, const struct id *project)
{
    m->envelope.project = *project;
    m->envelope.id = 0;
    bus_send(g->machine, m);
    machine_wake(g->machine, 0);
}

/* ---- sessions ---- */

static struct door_session *
session_on(struct gateway *g, size_t worker, uint64_t connection)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct door_session *s = &g->sessions[i];
        if (s->used && s->worker == worker && s->connection == connection)
            return s;
    }
    return NULL;
}

static struct door_session *
session_with_id(struct gateway *g, const struct id *id)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct door_session *s = &g->sessions[i];
        if (s->used && s->named && id_equal(&s->id, id))
            return s;
    }
    return NULL;
}

static struct door_session *
session_numbered(struct gateway *g, uint64_t number)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (g->sessions[i].used && g->sessions[i].number == number)
            return &g->sessions[i];
    return NULL;
}

static struct door_session *
session_begin(struct gateway *g, size_t worker, uint64_t connection)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct door_session *s = &g->sessions[i];
        if (s->used)
            continue;
        struct buffer words = s->words;
        *s = (struct door_session){ .used = true,
            .worker = worker,
            .connection = connection,
            .number = session_bit | ++g->serial,
            .id = sim_id(g->machine->sim, STREAM_GATEWAY, 0),
            .words = words };
        return s;
    }
    WRONG("more sessions than workers can have");
}

static void
session_end(struct gateway *g, struct door_session *s, bool goodbye)
{
    struct message m = { .code = WORKER_GONE, .to = ACTOR_lease };
    m.worker_gone = (struct worker_gone){ .session = s->id, .goodbye = goodbye };
    send_on(g, &m, &s->project);
    s->used = false;
}

static void
hold(struct door_session *s, struct bytes token)
{
    for (size_t i = 0; i < s->held_count; i++) {
        if (bytes_equal(bytes_of(s->held[i], TOKEN_SIZE), token)) {
            s->unsaid[i] = 0;
            return;
        }
    }
    if (token.size != TOKEN_SIZE || s->held_count == HELD_MAX)
        return;
    s->unsaid[s->held_count] = 0;
    memcpy(s->held[s->held_count++], token.data, TOKEN_SIZE);
}

static void
drop_at(struct door_session *s, size_t i)
{
    s->held_count--;
    memmove(s->held[i], s->held[s->held_count], TOKEN_SIZE);
    s->unsaid[i] = s->unsaid[s->held_count];
}

static void
drop(struct door_session *s, struct bytes token)
{
    for (size_t i = 0; i < s->held_count; i++)
        if (bytes_equal(bytes_of(s->held[i], TOKEN_SIZE), token))
            drop_at(s, i--);
}

static void
drop_all(struct door_session *s, struct bytes tokens)
{
    struct cursor c = cursor_over(tokens);
    size_t count = tokens.size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count; i++)
        drop(s, cursor_blob(&c));
}

static void
hold_all(struct door_session *s, struct bytes tokens)
{
    struct cursor c = cursor_over(tokens);
    size_t count = tokens.size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count; i++)
        hold(s, cursor_blob(&c));
}

/* The worker says that it holds these, and no others. */
static void
compare(struct door_session *s, struct bytes tokens)
{
    for (size_t i = 0; i < s->held_count; i++)
        s->unsaid[i]++;
    hold_all(s, tokens);
    for (size_t i = s->held_count; i-- > 0;)
        if (s->unsaid[i] >= 2)
            drop_at(s, i);
}

/* ---- what workers say ---- */

static void
say_register(struct gateway *g, struct door_session *s)
{
    struct message m = decoded(&s->words);
    struct buffer held = { 0 };
    pack_array(&held, s->held_count);
    for (size_t i = 0; i < s->held_count; i++)
        pack_blob(&held, bytes_of(s->held[i], TOKEN_SIZE));
    m.to = ACTOR_lease;
    m.worker_register.request = s->number;
    m.worker_register.session = s->id;
    m.worker_register.capacity = s->capacity;
    m.worker_register.token = bytes_of(s->token, s->token_size);
    m.worker_register.held = buffer_bytes(&held);
    send_on(g, &m, &s->project);
    buffer_free(&held);
}

static void
tell_worker(struct gateway *g, size_t worker, uint64_t connection, struct message m);

/* False, and the session is over, if its connection has broken. */
static bool
tell(struct gateway *g, struct door_session *s, const struct message *m)
{
    if (workers_connection(g->machine->sim, s->worker) != s->connection) {
        session_end(g, s, false);
        return false;
    }
    tell_worker(g, s->worker, s->connection, *m);
    return true;
}

static void
take_register(
    struct gateway *g, size_t worker, uint64_t connection, const struct message *in)
{
    struct door_session *s = session_on(g, worker, connection);
    const struct worker_register *said = &in->worker_register;
    if (s == NULL)
        s = session_begin(g, worker, connection);
    s->project = in->envelope.project;
    s->known = false;
    s->capacity = said->capacity;
    s->token_size = said->token.size;
    if (said->token.size > 0)
        memcpy(s->token, said->token.data, said->token.size);
    encode(&s->words, in);
    s->held_count = 0;
    hold_all(s, said->held);
    s->heard_us = g->machine->sim->now_us;
    say_register(g, s);
}

/* The lease actor hears of it with all others that hold nothing. */
static void
answer_idle(struct gateway *g, struct door_session *s)
{
    struct message beat = { .code = HEARTBEAT_ANSWER };
    beat.heartbeat_answer = (struct heartbeat_answer){ .session = s->id, .known = 1 };
    (void)tell(g, s, &beat);
}

static void
take_word(struct gateway *g, struct door_session *s, struct message m)
{
    m.to = ACTOR_lease;
    switch ((int)m.code) {
    case WORKER_READY:
        s->capacity = m.worker_ready.capacity;
        m.worker_ready.session = s->id;
        break;
    case WORKER_HEARTBEAT:
        compare(s, m.worker_heartbeat.held);
        if (s->held_count == 0 && m.worker_heartbeat.held.size <= 1) {
            answer_idle(g, s);
            return;
        }
        m.worker_heartbeat.session = s->id;
        m.worker_heartbeat.request = s->number;
        break;
    case JOB_REPORT: m.job_report.session = s->id; break;
    case JOB_LOG: m.job_log.session = s->id; break;
    case WORKER_GONE: session_end(g, s, true); return;
    default: WRONG("a worker says no such thing");
    }
    send_on(g, &m, &s->project);
}

void
gateway_take_frame(
    struct sim *sim, size_t worker, uint64_t connection, const struct message *m)
{
    struct gateway *g = sim->gateway;
    if (!g->machine->up || workers_connection(sim, worker) != connection)
        return;
    if (m->code == WORKER_REGISTER) {
        take_register(g, worker, connection, m);
        return;
    }
    struct door_session *s = session_on(g, worker, connection);
    if (s == NULL) {
        tell_worker(g, worker, connection, (struct message){ .code = HELLO });
        return;
    }
    s->heard_us = sim->now_us;
    if (s->known)
        take_word(g, s, *m);
}

/* ---- what workers are told ---- */

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
    if (workers_connection(sim, frame->worker) != frame->connection)
        return;
    if (codec_read(bytes_of(frame->bytes, frame->size), &m) != ERR_NONE)
        WRONG("a frame cannot be read");
    sim_trace_message(sim, "tell", workers_title(sim, frame->worker), "", &m);
    workers_hear(sim, frame->worker, &m);
}

static void
tell_worker(struct gateway *g, size_t worker, uint64_t connection, struct message m)
{
    struct sim *sim = g->machine->sim;
    struct chance *c = sim_chance(sim, STREAM_GATEWAY);
    struct buffer words = { 0 };
    if (!sim->healed && chance_hits(c, sim->dials.door_loss))
        return;
    m.envelope.from = ACTOR_gateway;
    codec_write(&m, &words);
    struct frame *frame = sim_room(sizeof *frame + words.size);
    *frame = (struct frame){ worker, connection, words.size };
    memcpy(frame->bytes, words.data, words.size);
    buffer_free(&words);
    /* As long for each: frames of one connection keep their order. */
    sim_plan(sim, sim->dials.latency_us, frame_arrives, NULL, 0, frame);
}

static void
hear_registered(struct gateway *g, const struct message *in)
{
    const struct worker_registered *m = &in->worker_registered;
    struct door_session *s = session_numbered(g, m->request);
    if (s == NULL)
        return;
    struct door_session *other = session_with_id(g, &m->session);
    if (other != NULL && other != s)
        other->used = false;
    bool known = s->known && id_equal(&s->id, &m->session);
    s->id = m->session;
    s->known = s->named = true;
    s->token_size = m->token.size;
    memcpy(s->token, m->token.data, m->token.size);
    drop_all(s, m->lost);
    if (!known) {
        tell(g, s, in);
    } else if (m->lost.size > 1) {
        struct message beat = { .code = HEARTBEAT_ANSWER };
        beat.heartbeat_answer = (struct heartbeat_answer){
            .session = m->session, .lost = m->lost, .known = 1
        };
        tell(g, s, &beat);
    }
}

/* Nobody has been told of it. */
static void
give_back(struct gateway *g, const struct message *in)
{
    struct message m = { .code = JOB_REPORT, .to = ACTOR_lease };
    m.job_report = (struct job_report){ .session = in->job_granted.session,
        .token = in->job_granted.token,
        .outcome = OUTCOME_RETURNED };
    send_on(g, &m, &in->envelope.project);
}

static void
hear_granted(struct gateway *g, const struct message *in)
{
    struct door_session *s = session_with_id(g, &in->job_granted.session);
    if (s == NULL) {
        give_back(g, in);
        struct message gone = { .code = WORKER_GONE, .to = ACTOR_lease };
        gone.worker_gone.session = in->job_granted.session;
        send_on(g, &gone, &in->envelope.project);
    } else if (tell(g, s, in)) {
        hold(s, in->job_granted.token);
    } else {
        give_back(g, in);
    }
}

static void
hear_heartbeat(struct gateway *g, const struct message *in)
{
    const struct heartbeat_answer *m = &in->heartbeat_answer;
    struct door_session *s = session_with_id(g, &m->session);
    if (s == NULL)
        return;
    if (m->known == 0) {
        say_register(g, s);
        return;
    }
    drop_all(s, m->lost);
    tell(g, s, in);
}

static void
hear_settled(struct gateway *g, const struct message *in)
{
    struct door_session *s = session_with_id(g, &in->report_settled.session);
    if (s == NULL)
        return;
    drop(s, in->report_settled.token);
    tell(g, s, in);
}

/* ---- clients ---- */

static void
forget_question(struct question *q)
{
    q->number = 0;
}

static void
answer_arrives(struct sim *sim, void *self, uint64_t attempt, void **owned)
{
    const struct frame *frame = *owned;
    struct message m;
    (void)self;
    if (codec_read(bytes_of(frame->bytes, frame->size), &m) != ERR_NONE)
        WRONG("an answer cannot be read");
    if (frame->worker >= KEEPER_CALLS)
        keepers_hear(sim, frame->worker, attempt, &m);
    else if (frame->worker >= PUBLISHER_CALLS)
        publishers_hear(sim, frame->worker, attempt, &m);
    else
        clients_hear(sim, frame->worker, attempt, &m);
}

static void
note_refusal(struct gateway *g, const struct question *q, const struct message *m)
{
    struct message asked = decoded(&q->words);
    if (asked.code == RUN_START && asked.run_start.key.size == 0 && m->code == REFUSED
        && m->envelope.from == ACTOR_scheduler && m->refused.err != ERR_TIMEOUT)
        oracle_hear_refused(g->machine->sim, &asked.run_start.run);
}

static void
answer(struct gateway *g, struct question *q, const struct message *m)
{
    struct sim *sim = g->machine->sim;
    struct chance *c = sim_chance(sim, STREAM_GATEWAY);
    struct buffer words = { 0 };
    bool lost = !sim->healed && chance_hits(c, sim->dials.door_loss);
    note_refusal(g, q, m);
    if (!lost) {
        codec_write(m, &words);
        struct frame *frame = sim_room(sizeof *frame + words.size);
        *frame = (struct frame){ .worker = q->call, .size = words.size };
        memcpy(frame->bytes, words.data, words.size);
        buffer_free(&words);
        sim_plan(sim, sim->dials.latency_us, answer_arrives, NULL, q->attempt, frame);
    }
    forget_question(q);
}

static void
hear_answer(struct gateway *g, const struct message *in)
{
    uint64_t number;
    memcpy(&number, in->body, sizeof number);
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        struct question *q = &g->questions[i];
        bool its = number == q->asked || (number == q->number && in->code != REFUSED);
        if (q->number != 0 && its)
            answer(g, q, in);
    }
}

static void
give_up(struct sim *sim, void *self, uint64_t number, void **owned)
{
    struct gateway *g = self;
    struct message m = { .code = REFUSED, .refused = { .err = ERR_TIMEOUT } };
    (void)sim;
    (void)owned;
    m.envelope.from = ACTOR_gateway;
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        if (g->questions[i].number == number)
            answer(g, &g->questions[i], &m);
}

static struct question *
free_question(struct gateway *g)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        if (g->questions[i].number == 0)
            return &g->questions[i];
    WRONG("more questions than clients can ask");
}

/* Where the question goes: a run says so itself; runs of one key must meet. */
static uint32_t
partition_of(struct gateway *g, const struct message *m)
{
    uint32_t schedulers = g->machine->sim->config.schedulers;
    if (m->code == AUTOMATION_APPLY || m->code == AUTOMATION_SET
        || message_routes[m->code].to == ACTOR_trigger)
        return 0;
    if (m->code == RUN_CANCEL)
        return id_partition(&m->run_cancel.run);
    if (m->code == RUN_RETRY)
        return id_partition(&m->run_retry.run);
    if (m->code == RUN_SIGNAL)
        return id_partition(&m->run_signal.run);
    if (m->code == STEP_SKIP)
        return id_partition(&m->step_skip.run);
    if (m->code == STEP_OVERRIDE)
        return id_partition(&m->step_override.run);
    if (m->code == RUN_FORK)
        return id_partition(&m->run_fork.origin);
    if (m->code == INTERACTION_RESPOND)
        return id_partition(&m->interaction_respond.interaction);
    if (m->run_start.key.size == 0)
        return (uint32_t)(g->next_partition++ % schedulers);
    return hash_of(m->run_start.key).bytes[0] % schedulers;
}

/* The message as the actor gets it. */
static struct message
prepared(struct gateway *g, const struct message *m, uint64_t number)
{
    struct sim *sim = g->machine->sim;
    struct message ask = *m;
    ask.to = message_routes[m->code].to;
    ask.to_instance = partition_of(g, m);
    ask.envelope.partition = ask.to_instance;
    ask.envelope.from = ACTOR_gateway;
    ask.envelope.deadline_ms = machine_wall_ms(g->machine) + sim->config.request_ms;
    message_ask(&ask, number);
    if (m->code == RUN_START)
        ask.run_start.run = sim_id(sim, STREAM_GATEWAY, ask.to_instance);
    if (m->code == AUTOMATION_APPLY)
        ask.automation_apply.automation = sim_id(sim, STREAM_GATEWAY, 0);
    return ask;
}

bool
gateway_take_question(
    struct sim *sim, size_t call, uint64_t attempt, const struct message *m)
{
    struct gateway *g = sim->gateway;
    if (!g->machine->up)
        return false;
    struct question *q = free_question(g);
    q->number = q->asked = ++g->serial;
    q->call = call;
    q->attempt = attempt;
    struct message ask = prepared(g, m, q->number);
    encode(&q->words, &ask);
    if (!bus_has_heard(g->machine, ask.to, ask.to_instance)) {
        struct message no = { .code = REFUSED, .refused = { .err = ERR_UNAVAILABLE } };
        no.envelope.from = ACTOR_gateway;
        answer(g, q, &no);
        return true;
    }
    send_on(g, &ask, &m->envelope.project);
    sim_plan(
        sim, (uint64_t)sim->config.request_ms * MS_US, give_up, g, q->number, NULL);
    return true;
}

static void
ask_again(struct gateway *g, const struct envelope *whom)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        if (g->questions[i].number == 0)
            continue;
        struct message m = decoded(&g->questions[i].words);
        struct id project = m.envelope.project;
        uint64_t number = ++g->serial;
        m.to = message_routes[m.code].to;
        m.to_instance = m.envelope.partition;
        if (m.to != whom->from || m.to_instance != whom->instance)
            continue;
        g->questions[i].asked = number;
        message_ask_again(&m, number);
        send_on(g, &m, &project);
    }
}

/* ---- the machine ---- */

static void
hear_hello(struct gateway *g, const struct envelope *from)
{
    ask_again(g, from);
    for (size_t i = 0; from->from == ACTOR_lease && i < SESSIONS_MAX; i++)
        if (g->sessions[i].used)
            say_register(g, &g->sessions[i]);
}

static void
hear_refused(struct gateway *g, const struct message *in)
{
    if ((in->refused.request & session_bit) == 0) {
        hear_answer(g, in);
        return;
    }
    struct door_session *s = session_numbered(g, in->refused.request);
    if (s == NULL)
        return;
    sim_probe(PROBE_CONFLICT);
    tell_worker(g, s->worker, s->connection, *in);
    s->used = false;
}

static void
hear(struct machine *m, const struct message *in)
{
    struct gateway *g = m->sim->gateway;
    switch ((int)in->code) {
    case HELLO: hear_hello(g, &in->envelope); return;
    case RUN_CHANGED: oracle_hear_hint(m->sim, &in->run_changed); return;
    case REFUSED: hear_refused(g, in); return;
    case DOCUMENT:
    case RUN_ACCEPTED: hear_answer(g, in); return;
    case WORKER_REGISTERED: hear_registered(g, in); return;
    case HEARTBEAT_ANSWER: hear_heartbeat(g, in); return;
    case REPORT_SETTLED: hear_settled(g, in); return;
    case JOB_GRANTED: hear_granted(g, in); return;
    case JOB_CANCEL: {
        struct door_session *s = session_with_id(g, &in->job_cancel.session);
        if (s != NULL)
            tell(g, s, in);
        return;
    }
    default: return;
    }
}

static void
end_silent(struct sim *sim, void *self, uint64_t life, void **owned)
{
    struct gateway *g = self;
    uint64_t silent_us = 2 * (uint64_t)sim->config.lease_ms * MS_US;
    (void)owned;
    if (!g->machine->up || g->machine->life != life)
        return;
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (g->sessions[i].used && g->sessions[i].heard_us + silent_us <= sim->now_us)
            session_end(g, &g->sessions[i], false);
    sim_plan(sim, silent_us / 2, end_silent, g, life, NULL);
}

static void
tell_idle(struct sim *sim, void *self, uint64_t life, void **owned)
{
    struct gateway *g = self;
    struct buffer lists[2] = { { 0 } }; /* kept, heard */
    struct message m = { .code = WORKERS_IDLE, .to = ACTOR_lease };
    struct id none = { 0 };
    uint64_t every_us = sim->config.heartbeat_ms * MS_US;
    (void)owned;
    if (!g->machine->up || g->machine->life != life)
        return;
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        const struct door_session *s = &g->sessions[i];
        if (s->used && s->known && s->held_count == 0)
            buffer_append_bytes(
                &lists[s->heard_us + every_us > sim->now_us], id_bytes(&s->id));
    }
    m.workers_idle.kept = buffer_bytes(&lists[0]);
    m.workers_idle.heard = buffer_bytes(&lists[1]);
    send_on(g, &m, &none);
    buffer_free(&lists[0]);
    buffer_free(&lists[1]);
    sim_plan(sim, every_us, tell_idle, g, life, NULL);
}

/* Numbers are not used again, not even by the next life: see gateway/bridge.c.  There
 * the engine's clock sees to it, which does not go back as those of this world do. */
static void
begin(struct machine *m)
{
    struct gateway *g = m->sim->gateway;
    uint64_t serial = m->epoch << 8;
    if (serial > g->serial)
        g->serial = serial;
    sim_plan(m->sim, SECOND_US, tell_idle, g, m->life, NULL);
    sim_plan(m->sim, SECOND_US, end_silent, g, m->life, NULL);
}

static void
end(struct machine *m)
{
    struct gateway *g = m->sim->gateway;
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        g->sessions[i].used = false;
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        forget_question(&g->questions[i]);
    workers_lose_gateway(m->sim);
}

void
gateway_open(struct sim *sim)
{
    static const struct model model = { begin, hear, end };
    sim->gateway = sim_room(sizeof *sim->gateway);
    sim->gateway->machine = machine_new(sim, ACTOR_gateway, 0, NULL, &model, false);
}

void
gateway_close(struct sim *sim)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        buffer_free(&sim->gateway->sessions[i].words);
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        buffer_free(&sim->gateway->questions[i].words);
    free(sim->gateway);
}

#include "gateway/mobius/socket.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "gateway/mobius/lease_book.h"
#include "gateway/websocket.h"
#include "gateway/workers.h"

#include <stdlib.h>

enum {
    HOLD_MS = 25000,          /* of a claim: their clients wait for 30 s, */
    HOLD_FIRST_MS = 50000,    /* and for 60 until they know how long a lease is */
    PARK_MS = 1000,           /* an announced job that is not claimed goes back */
    FRAME_BYTES = 512 * 1024, /* of jobs in one frame, unless one is larger: their
                               * Python client takes no more than 1 MiB */
};

/*            worker.register          worker_registered
 *  (no session) -------------> (asked) -------------------> (known)
 *        ^  \___ refused: an error, and silence ___/            |
 *        `------------------- the session ended ---------------'
 */
struct peer {
    struct gateway *gateway;
    struct websocket *socket;
    struct session *session; /* NULL: it is to register */
    struct lease_book book;
    struct alarm serve, pulse;
    struct buffer register_id; /* message_id of the registration */
    bool asked;                /* the worker waits for worker.registered */
    bool claiming;             /* a claim is open, */
    struct buffer claim_id;    /* with this message_id, */
    uint64_t slots;            /* for so many jobs, */
    uint64_t claimed_ms;       /* since then */
    bool leased;               /* it may have had a job */
    uint32_t room;             /* jobs that it takes beside those it was given */
    bool announced;            /* work.available was said, */
    uint64_t announced_ms;     /* then */
    bool draining;             /* it said so: it claims no more */
    uint64_t beat_number;      /* of the last heartbeat */
    size_t waiting;            /* bytes of what it reported, of those that may wait */
};

static struct workers *
workers_of(const struct peer *peer)
{
    return peer->gateway->workers;
}

/* The frame in the scratch of the gateway. */
static bool
say(struct peer *peer, const struct buffer *frame)
{
    return websocket_send(peer->socket, buffer_bytes(frame), false);
}

static struct buffer *
page_of(struct peer *peer)
{
    buffer_clear(&peer->gateway->scratch);
    return &peer->gateway->scratch;
}

static bool
say_word(struct peer *peer, const char *type, struct bytes message_id)
{
    struct buffer *out = page_of(peer);
    mobius_write_word(out, type, message_id);
    return say(peer, out);
}

static void
say_error(
    struct peer *peer, struct bytes message_id, const char *code, struct bytes message)
{
    struct buffer *out = page_of(peer);
    mobius_write_error(out, message_id, code, message);
    (void)say(peer, out);
}

/* The codes on which their clients stop for good; they log all others and go on. */
static const char *
code_of(enum err err)
{
    switch ((int)err) {
    case ERR_UNAUTHORIZED:
    case ERR_FORBIDDEN: return "invalid_actor";
    case ERR_CONFLICT: return "worker_instance_conflict";
    case ERR_UNAVAILABLE:
    case ERR_BUSY:
    case ERR_OVERLOADED: return "temporarily_unavailable";
    default: return "register_failed";
    }
}

/* Reports have been settled, or are nobody's any more. */
static void
count_waiting(struct peer *peer)
{
    holding_shrink(&peer->gateway->waiting, &peer->waiting, peer->book.reported_bytes);
}

static void
give_back(struct peer *peer, struct leaf *leaf)
{
    workers_report(workers_of(peer), peer->session,
        (struct job_report){
            .token = bytes_of(leaf->token, TOKEN_SIZE),
            .outcome = OUTCOME_RETURNED,
        });
    lease_book_drop(&peer->book, &leaf);
}

static void
give_back_parked(struct peer *peer)
{
    while (!list_empty(&peer->book.parked))
        give_back(peer, LIST_OF(peer->book.parked.next, struct leaf, link));
    peer->announced = false;
}

/* A reported job leaves its place to another when it is settled. */
static void
tell_room(struct peer *peer)
{
    uint32_t capacity = (uint32_t)peer->book.given_count + peer->room;
    if (capacity != peer->session->capacity)
        workers_ready(workers_of(peer), peer->session, capacity);
}

static uint64_t
hold_ms(const struct peer *peer)
{
    return workers_hold_ms(workers_of(peer), peer->leased ? HOLD_MS : HOLD_FIRST_MS);
}

/* Answer the claim with what is parked, as far as it asked for it. */
static void
answer_claim(struct peer *peer)
{
    struct bytes jobs[MOBIUS_SLOTS_MAX];
    struct leaf *given[MOBIUS_SLOTS_MAX];
    size_t count = 0, size = 0;
    struct lease_book *book = &peer->book;
    for (struct list *at = book->parked.next; at != &book->parked; at = at->next) {
        struct leaf *leaf = LIST_OF(at, struct leaf, link);
        size += leaf->job.size;
        if (count == MOBIUS_SLOTS_MAX || count == peer->slots
            || (count > 0 && size > FRAME_BYTES))
            break;
        given[count] = leaf;
        jobs[count++] = buffer_bytes(&leaf->job);
    }
    struct buffer *out = page_of(peer);
    mobius_write_claimed(out, buffer_bytes(&peer->claim_id), jobs, count);
    peer->claiming = false;
    if (!say(peer, out))
        return;
    for (size_t i = 0; i < count; i++) {
        lease_book_move(book, given[i], LEAF_GIVEN, peer->gateway->now_ms);
        buffer_free(&given[i]->job);
    }
    peer->room -= peer->room < count ? peer->room : (uint32_t)count;
    peer->leased |= count > 0;
}

/* From now on it holds something, and must say that it lives. */
static void
begin_pulse(struct peer *peer)
{
    if (peer->pulse.place == 0)
        workers_pulse(workers_of(peer), &peer->pulse);
}

/* What is not at once may be a little late, with what others wait for. */
static void
serve_in(struct peer *peer, uint64_t ms)
{
    struct gateway *g = peer->gateway;
    alarm_set_loose(&g->alarms, &peer->serve, g->now_ms + ms, ms / 32);
}

/* What is granted is given, announced, or goes back: whatever is due. */
static void
serve(struct alarm *alarm)
{
    struct peer *peer = LIST_OF(alarm, struct peer, serve);
    uint64_t now_ms = peer->gateway->now_ms;
    if (peer->session == NULL)
        return;
    if (peer->claiming
        && (peer->book.parked_count > 0 || now_ms >= peer->claimed_ms + hold_ms(peer)))
        answer_claim(peer);
    if (peer->claiming)
        serve_in(peer, peer->claimed_ms + hold_ms(peer) - now_ms);
    if (peer->book.parked_count == 0 || peer->claiming)
        return;
    if (!peer->announced) {
        peer->announced = true;
        peer->announced_ms = now_ms;
        (void)say_word(peer, "work.available", (struct bytes){ 0 });
    } else if (now_ms >= peer->announced_ms + PARK_MS) {
        /* It takes nothing now: nothing is for it until it claims. */
        peer->room = 0;
        tell_room(peer);
        give_back_parked(peer);
        return;
    }
    serve_in(peer, peer->announced_ms + PARK_MS - now_ms);
}

static bool
tell_cancel(struct peer *peer, struct leaf *leaf, struct bytes reason)
{
    struct buffer *out = page_of(peer);
    leaf->cancelled = true;
    mobius_write_cancel(out, buffer_bytes(&leaf->name), reason, clock_unix_ms());
    return say(peer, out);
}

/* What of it is no lease any more need not be done. */
static void
stop_lost(struct peer *peer, struct bytes lost)
{
    struct cursor c = cursor_over(lost);
    size_t count = lost.size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count && !c.bad; i++) {
        struct leaf *leaf = lease_book_find(&peer->book, cursor_blob(&c));
        if (leaf == NULL || leaf->state == LEAF_REPORTED)
            continue;
        if (leaf->state == LEAF_GIVEN)
            (void)tell_cancel(peer, leaf, text("the lease was lost"));
        lease_book_drop(&peer->book, &leaf);
    }
}

static bool
registered(struct session *session, const struct worker_registered *m, bool again)
{
    struct peer *peer = session->own;
    struct lease_book *book = &peer->book;
    (void)again;
    stop_lost(peer, m->lost);
    /* What it reported may not have been heard. */
    for (struct list *at = book->reported.next; at != &book->reported; at = at->next)
        workers_report(
            workers_of(peer), session, leaf_said(LIST_OF(at, struct leaf, link)));
    if (!peer->asked)
        return true;
    peer->asked = false;
    struct buffer *out = page_of(peer);
    mobius_write_registered(out, buffer_bytes(&peer->register_id), m);
    return say(peer, out);
}

/* What is parked is kept here: not all that a worker has slots for, if it is large. */
static bool
may_be_parked(const struct lease_book *book)
{
    size_t size = 0;
    for (struct list *at = book->parked.next; at != &book->parked; at = at->next)
        size += LIST_OF(at, struct leaf, link)->job.size;
    return book->parked_count == 1 || size <= UNREAD_MAX;
}

static bool
granted(struct session *session, const struct job_granted *m)
{
    struct peer *peer = session->own;
    const struct config *config = &peer->gateway->child.config;
    char name[ID_TEXT_MAX];
    if (m->token.size != TOKEN_SIZE || lease_book_find(&peer->book, m->token) != NULL)
        return true;
    struct leaf *leaf =
        lease_book_add(&peer->book, m->token.data, LEAF_PARKED, peer->gateway->now_ms);
    begin_pulse(peer);
    /* What was announced may be gone. */
    peer->announced &= peer->book.parked_count > 1;
    mobius_job_name(&m->run, m->step, name);
    buffer_append_bytes(&leaf->name, text(name));
    mobius_write_job(&leaf->job, m, config->lease_ms, config->heartbeat_ms);
    bool leaves = peer->draining || peer->gateway->draining;
    if (leaves || !may_be_parked(&peer->book)) {
        peer->room = 0;
        tell_room(peer);
        give_back(peer, leaf);
        return true;
    }
    /* More may have come in the same turn. */
    if (peer->claiming || !peer->announced)
        serve_in(peer, 0);
    return true;
}

/* The engine goes down, and there is nothing left to wait for. */
static void
leave_if_idle(struct peer *peer)
{
    if (peer->gateway->draining
        && peer->book.given_count + peer->book.reported_count == 0)
        websocket_close(
            peer->socket, WEBSOCKET_GOING_AWAY, text("the engine is going down"));
}

static bool
settled(struct session *session, const struct report_settled *m)
{
    struct peer *peer = session->own;
    struct leaf *leaf = lease_book_find(&peer->book, m->token);
    if (leaf == NULL || leaf->state != LEAF_REPORTED)
        return true;
    struct cursor ids = cursor_over(buffer_bytes(&leaf->message_ids));
    bool stale = m->verdict != VERDICT_ACCEPTED, heard = true;
    struct bytes last = { 0 };
    while (!cursor_done(&ids) && !ids.bad && heard) {
        struct buffer *out = page_of(peer);
        last = cursor_text(&ids);
        mobius_write_report_ack(
            out, last, buffer_bytes(&leaf->name), stale || leaf->again);
        heard = say(peer, out);
        leaf->again = true;
    }
    if (stale && !leaf->cancelled && heard)
        say_error(peer, last, "lease_lost",
            text("the lease is not current: the report changed nothing"));
    lease_book_drop(&peer->book, &leaf);
    count_waiting(peer);
    leave_if_idle(peer);
    return heard;
}

static bool
cancel(struct session *session, const struct job_cancel *m)
{
    struct peer *peer = session->own;
    struct leaf *leaf = lease_book_find(&peer->book, m->token);
    if (leaf == NULL || leaf->state == LEAF_REPORTED)
        return true;
    if (leaf->state == LEAF_PARKED) {
        give_back(peer, leaf);
        return true;
    }
    return tell_cancel(peer, leaf, m->reason);
}

static bool
among(struct bytes tokens, const uint8_t token[TOKEN_SIZE])
{
    struct cursor c = cursor_over(tokens);
    size_t count = tokens.size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count && !c.bad; i++)
        if (bytes_equal(cursor_blob(&c), bytes_of(token, TOKEN_SIZE)))
            return true;
    return false;
}

static bool
answer_beat(struct peer *peer, struct leaf *leaf, const struct heartbeat_answer *m)
{
    bool ours = leaf->beat == m->request, lost = ours && among(m->lost, leaf->token);
    struct bytes why = { 0 };
    if (lost)
        why = text("the lease was lost");
    else if (leaf->cancelled || (ours && among(m->cancel, leaf->token)))
        why = text("the run does not need it any more");
    leaf->cancelled |= why.data != NULL;
    struct buffer *out = page_of(peer);
    mobius_write_heartbeat_ack(out, buffer_bytes(&leaf->beat_id),
        buffer_bytes(&leaf->name), why, clock_unix_ms());
    bool heard = say(peer, out);
    if (lost && leaf->state == LEAF_GIVEN) {
        lease_book_drop(&peer->book, &leaf);
        tell_room(peer);
    }
    return heard;
}

/* Answers to those before it were lost with an earlier life of the lease actor. */
static bool
heartbeat(struct session *session, const struct heartbeat_answer *m)
{
    struct peer *peer = session->own;
    struct leaf *leaf;
    while ((leaf = lease_book_answer(&peer->book, m->request)) != NULL)
        if (!answer_beat(peer, leaf, m))
            return false;
    return true;
}

/* Some of their clients take a drain for the end of their process, so it is not said
 * because the engine goes down: then they are only given nothing, and come back. */
static bool
drain(struct session *session)
{
    struct peer *peer = session->own;
    peer->draining = true;
    peer->room = 0;
    tell_room(peer);
    give_back_parked(peer);
    if (peer->claiming)
        answer_claim(peer);
    return peer->gateway->draining
           || say_word(peer, "worker.drain", (struct bytes){ 0 });
}

/* Their clients stop on some errors, and dial again at once when we close: so we tell
 * them, and leave it to them.  A session that another connection of the same worker has
 * taken is no error. */
static void
ended(struct session *session, enum err err, struct bytes detail)
{
    struct peer *peer = session->own;
    bool asked = session->state == SESSION_ASKED;
    if (err == ERR_CONFLICT && !asked)
        give_back_parked(peer);
    else if (err != ERR_NONE)
        say_error(peer, buffer_bytes(&peer->register_id), code_of(err), detail);
    peer->session = NULL;
    peer->claiming = peer->asked = peer->announced = false;
    lease_book_close(&peer->book);
    lease_book_open(&peer->book);
    count_waiting(peer);
    if (err == ERR_NONE || !asked)
        websocket_close(peer->socket, WEBSOCKET_GOING_AWAY, text("register again"));
}

static const struct voice voice = {
    .dialect = "mobius",
    .each = true,
    .bound = true,
    .registered = registered,
    .granted = granted,
    .settled = settled,
    .heartbeat = heartbeat,
    .cancel = cancel,
    .drain = drain,
    .ended = ended,
};

static void
take_register(struct peer *peer, const struct mobius_frame *said)
{
    struct workers *workers = workers_of(peer);
    const struct key *key = websocket_key(peer->socket);
    enum err err = workers_admit(workers, key);
    struct buffer token = { 0 };
    if (err == ERR_NONE && peer->session == NULL
        && (peer->session = workers_join(workers, &voice, peer)) == NULL)
        err = ERR_BUSY;
    if (err != ERR_NONE) {
        say_error(peer, said->message_id, code_of(err), text(err_sentence(err)));
        return;
    }
    if (said->session.size > 0 && !base64_read(&token, said->session))
        buffer_clear(&token);
    struct worker_description description = {
        .instance = said->instance,
        .name = said->name,
        .version = said->version,
        .environment = said->environment,
        .queues = said->queues,
        .actions = said->actions,
        .labels = said->capabilities,
    };
    buffer_set(&peer->register_id, said->message_id);
    peer->asked = true;
    peer->draining = false;
    peer->leased |= token.size > 0;
    /* It is given nothing before it claims. */
    uint64_t room = said->slots_said ? said->slots : said->concurrency;
    peer->room = room < MOBIUS_SLOTS_MAX ? (uint32_t)room : MOBIUS_SLOTS_MAX;
    workers_register(workers, peer->session, key, &description, peer->room,
        buffer_bytes(&token), (struct bytes){ 0 });
    buffer_free(&token);
}

/* A list that the worker gave before and gives otherwise now. */
static bool
differs(struct bytes said, struct bytes before)
{
    return said.size > 0 && !bytes_equal(said, before);
}

/* A claim may ask for other work than the registration did. */
static void
change_wishes(struct peer *peer, const struct mobius_frame *said)
{
    struct session *session = peer->session;
    const struct worker_description *before = &session->said;
    if (!differs(said->queues, before->queues)
        && !differs(said->actions, before->actions))
        return;
    struct buffer held = { 0 };
    struct worker_description now = *before;
    now.queues = said->queues.size > 0 ? said->queues : now.queues;
    now.actions = said->actions.size > 0 ? said->actions : now.actions;
    session_write_held(session, &held);
    workers_register(workers_of(peer), session, session->key, &now, session->capacity,
        session_token(session), buffer_bytes(&held));
    buffer_free(&held);
}

static void
take_claim(struct peer *peer, const struct mobius_frame *said)
{
    uint64_t slots = said->slots_said ? said->slots : 1;
    change_wishes(peer, said);
    if (peer->draining)
        slots = 0;
    peer->claiming = true;
    peer->claimed_ms = peer->gateway->now_ms;
    peer->slots = slots < MOBIUS_SLOTS_MAX ? slots : MOBIUS_SLOTS_MAX;
    peer->announced = false;
    peer->room = (uint32_t)peer->slots;
    buffer_set(&peer->claim_id, said->message_id);
    tell_room(peer);
    serve_in(peer, peer->book.parked_count > 0 ? 0 : hold_ms(peer));
}

/* The lease that a frame is about.  One that we do not know may be from before this
 * connection, or from before we began: the engine knows better. */
static struct leaf *
find_leaf(struct peer *peer, const struct mobius_frame *said)
{
    uint8_t token[TOKEN_SIZE];
    if (!mobius_token_read(said->lease, token))
        return NULL;
    struct leaf *leaf = lease_book_find(&peer->book, bytes_of(token, TOKEN_SIZE));
    size_t known = peer->book.given_count + peer->book.reported_count;
    if (leaf == NULL && known < peer->gateway->child.config.session_jobs_max) {
        leaf = lease_book_add(&peer->book, token, LEAF_GIVEN, peer->gateway->now_ms);
        buffer_set(&leaf->name, said->job);
        begin_pulse(peer);
    }
    return leaf;
}

static void
take_heartbeat(struct peer *peer, const struct mobius_frame *said)
{
    size_t given = peer->book.given_count;
    struct leaf *leaf = find_leaf(peer, said);
    struct buffer tokens = { 0 };
    if (leaf == NULL) {
        struct buffer *out = page_of(peer);
        mobius_write_heartbeat_ack(out, said->message_id, said->job,
            text("there is no such lease"), clock_unix_ms());
        (void)say(peer, out);
        return;
    }
    /* One from before this connection takes no room of what it claimed since. */
    if (peer->book.given_count > given)
        tell_room(peer);
    lease_book_beat(&peer->book, leaf, ++peer->beat_number, said->message_id);
    lease_book_touch(&peer->book, leaf, peer->gateway->now_ms);
    pack_array(&tokens, 1);
    pack_blob(&tokens, bytes_of(leaf->token, TOKEN_SIZE));
    workers_beat(workers_of(peer), peer->session, buffer_bytes(&tokens), leaf->beat);
    buffer_free(&tokens);
}

static void
take_report(struct peer *peer, struct mobius_frame *said)
{
    struct leaf *leaf = find_leaf(peer, said);
    if (leaf == NULL) {
        struct buffer *out = page_of(peer);
        mobius_write_report_ack(out, said->message_id, said->job, true);
        (void)say(peer, out);
        return;
    }
    /* Its TypeScript client says it like this. */
    if (leaf->cancelled && said->outcome == OUTCOME_FAILED
        && bytes_equal(said->error_type, text("Cancelled")))
        said->outcome = OUTCOME_CANCELLED;
    count_waiting(peer);
    size_t others = peer->book.reported_bytes - leaf->output.size;
    if ((others > 0 && others + said->result.size > UNREAD_MAX)
        || !holding_grow(&peer->gateway->waiting, &peer->waiting, said->result.size)) {
        say_error(peer, said->message_id, "temporarily_unavailable",
            text("too many reports wait for the engine: say it again"));
        return;
    }
    if (leaf->state != LEAF_REPORTED)
        lease_book_move(&peer->book, leaf, LEAF_REPORTED, peer->gateway->now_ms);
    lease_book_report(&peer->book, leaf, said);
    if (said->outcome == OUTCOME_RETURNED) {
        /* It has enough to do. */
        peer->room = 0;
        tell_room(peer);
    }
    workers_report(workers_of(peer), peer->session, leaf_said(leaf));
}

static void
take_draining(struct peer *peer, const struct mobius_frame *said)
{
    peer->draining = true;
    peer->room = 0;
    tell_room(peer);
    give_back_parked(peer);
    (void)say_word(peer, "worker.draining.ack", said->message_id);
}

static void
take(struct peer *peer, struct mobius_frame *said)
{
    if (said->verb == MOBIUS_SAYS_REGISTER) {
        take_register(peer, said);
        return;
    }
    if (said->verb == MOBIUS_SAYS_KEEPALIVE) {
        (void)say_word(peer, "keepalive", said->message_id);
        return;
    }
    if (said->verb == MOBIUS_SAYS_NOTHING)
        return;
    if (peer->session == NULL || peer->asked) {
        say_error(peer, said->message_id, "not_registered",
            text("worker.register comes first, and its answer"));
        return;
    }
    workers_touch(workers_of(peer), peer->session);
    switch (said->verb) {
    case MOBIUS_SAYS_CLAIM: take_claim(peer, said); return;
    case MOBIUS_SAYS_HEARTBEAT: take_heartbeat(peer, said); return;
    case MOBIUS_SAYS_REPORT: take_report(peer, said); return;
    case MOBIUS_SAYS_DRAINING: take_draining(peer, said); return;
    case MOBIUS_SAYS_DELTA: {
        struct buffer *out = page_of(peer);
        mobius_write_delta_ack(out, said->message_id, said->job, said->sequence);
        (void)say(peer, out);
        return;
    }
    case MOBIUS_SAYS_NOTHING:
    case MOBIUS_SAYS_REGISTER:
    case MOBIUS_SAYS_KEEPALIVE: WRONG("it is taken elsewhere");
    }
}

static void
heard(struct websocket *socket, struct bytes message, bool binary)
{
    struct peer *peer = websocket_own(socket);
    struct gateway *g = peer->gateway;
    struct buffer scratch = { 0 };
    struct mobius_frame said;
    struct fault fault = { 0 };
    (void)binary;
    enum err err = mobius_frame_read(
        message, g->child.config.payload_max, &scratch, &said, &fault);
    if (err == ERR_NONE)
        take(peer, &said);
    else
        say_error(peer, said.message_id,
            err == ERR_TOO_LARGE ? "payload_too_large" : "bad_request",
            text(fault.detail));
    buffer_free(&scratch);
}

static void
closed(struct websocket *socket)
{
    struct peer *peer = websocket_own(socket);
    struct gateway *g = peer->gateway;
    if (peer->session != NULL) {
        /* It comes back, with the jobs that it was given; not with these. */
        give_back_parked(peer);
        workers_end(workers_of(peer), &peer->session, false);
    }
    alarm_clear(&g->alarms, &peer->serve);
    alarm_clear(&g->alarms, &peer->pulse);
    lease_book_close(&peer->book);
    holding_drop(&g->waiting, &peer->waiting);
    buffer_free(&peer->register_id);
    buffer_free(&peer->claim_id);
    free(peer);
}

/* Jobs of which nothing was heard for a lease are lost: the engine says so to itself.
 * Reports that nobody answered are said again. */
static void
look_after(struct peer *peer, uint64_t now_ms)
{
    const struct config *config = &peer->gateway->child.config;
    struct lease_book *book = &peer->book;
    while (!list_empty(&book->given)) {
        struct leaf *leaf = LIST_OF(book->given.next, struct leaf, link);
        if (leaf->heard_ms + config->lease_ms > now_ms)
            break;
        workers_forget(
            workers_of(peer), peer->session, bytes_of(leaf->token, TOKEN_SIZE));
        lease_book_drop(book, &leaf);
    }
    for (size_t i = 0; i < book->reported_count; i++) {
        struct leaf *leaf = LIST_OF(book->reported.next, struct leaf, link);
        if (leaf->heard_ms + config->heartbeat_ms > now_ms)
            break;
        lease_book_touch(book, leaf, now_ms);
        workers_report(workers_of(peer), peer->session, leaf_said(leaf));
    }
}

/* A worker may say nothing while it works: unless it was heard not long ago, its socket
 * must say that it lives, or it makes a claim anew that is nearly over. */
static void
ask_for_life(struct peer *peer, uint64_t now_ms)
{
    uint32_t every_ms = peer->gateway->child.config.heartbeat_ms;
    if (websocket_heard_ms(peer->socket) + every_ms / 4 * 3 >= now_ms)
        return;
    if (peer->claiming && peer->claimed_ms + hold_ms(peer) / 4 * 3 < now_ms)
        answer_claim(peer);
    else
        websocket_ping(peer->socket);
}

static bool
holds_nothing(const struct peer *peer)
{
    const struct lease_book *book = &peer->book;
    return book->parked_count + book->given_count + book->reported_count == 0
           && list_empty(&peer->session->held_all);
}

/* It stops by itself: while it holds nothing, the door asks whether it lives. */
static void
pulse(struct alarm *alarm)
{
    struct peer *peer = LIST_OF(alarm, struct peer, pulse);
    struct gateway *g = peer->gateway;
    uint32_t every_ms = g->child.config.heartbeat_ms;
    if (peer->session == NULL || holds_nothing(peer))
        return;
    workers_pulse(workers_of(peer), &peer->pulse);
    ask_for_life(peer, g->now_ms);
    if (peer->session->state != SESSION_KNOWN)
        return;
    if (websocket_heard_ms(peer->socket) + 2 * (uint64_t)every_ms >= g->now_ms) {
        workers_touch(workers_of(peer), peer->session);
        workers_beat(workers_of(peer), peer->session, (struct bytes){ 0 }, 0);
    }
    look_after(peer, g->now_ms);
}

/* What it still does may be reported, as long as the engine waits for anybody. */
static bool
leaving(struct websocket *socket)
{
    const struct peer *peer = websocket_own(socket);
    return peer->book.given_count + peer->book.reported_count > 0;
}

static const struct websocket_talk talk = {
    .heard = heard,
    .closed = closed,
    .leaving = leaving,
};

static struct peer *
peer_new(struct gateway *gateway)
{
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL)
        WRONG("out of memory");
    peer->gateway = gateway;
    peer->serve.ring = serve;
    peer->pulse.ring = pulse;
    lease_book_open(&peer->book);
    return peer;
}

void
mobius_worker_socket(struct request *r)
{
    struct peer *peer = peer_new(r->gateway);
    peer->socket = websocket_accept(r, &talk, peer);
    if (peer->socket == NULL)
        free(peer);
}

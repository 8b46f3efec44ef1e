/* session - who we are to the gateway: call, register, heartbeat, leave. */
#include "base/clock.h"
#include "workers/c/worker.h"

enum {
    ANSWER_MS = 5000, /* for a connection, and for an answer to `register` */
    BACKOFF_MS = 100, /* before the second call, then twice that, … */
    BACKOFF_MAX_MS = 5000,
    GRACE_MS = 500 /* for actions to notice that all is over */
};

size_t
session_capacity(const struct capstan_worker *w)
{
    size_t lost = w->holding.orphans, all = w->options.concurrency;
    return w->leaving.began || w->session.paused || lost >= all ? 0 : all - lost;
}

/* A little off, so that a thousand workers do not come at once. */
static uint64_t
jittered(uint64_t ms)
{
    uint16_t chance;
    chance_fill(&chance, sizeof chance);
    return ms * 3 / 4 + ms * chance / (2 * 65536);
}

static bool
send_out(struct capstan_worker *w)
{
    bool sent = line_send(&w->line, buffer_bytes(&w->out));
    w->blocked |= !sent;
    return sent;
}

static void
begin_frame(struct capstan_worker *w, size_t pairs, const char *type)
{
    buffer_clear(&w->out);
    pack_map(&w->out, pairs);
    pack_string(&w->out, "type");
    pack_string(&w->out, type);
}

static void
pair_text(struct capstan_worker *w, const char *name, const char *value)
{
    pack_string(&w->out, name);
    pack_string(&w->out, value);
}

static void
pair_raw(struct capstan_worker *w, const char *name, struct bytes value)
{
    pack_string(&w->out, name);
    pack_raw(&w->out, value);
}

static unsigned
given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void
print_register(struct capstan_worker *w)
{
    char key[KEY_MAX + 1];
    const struct options *o = &w->options;
    const struct session *s = &w->session;
    unsigned pairs = 9;
    pairs += (s->token_size > 0) + given(o->name) + given(o->version)
             + given(o->environment);
    begin_frame(w, pairs, "register");
    pack_string(&w->out, "v");
    pack_u64(&w->out, 1);
    pair_text(w, "key", options_key(o, key));
    pair_text(w, "instance", o->instance);
    pair_raw(w, "queues", buffer_bytes(&o->queues));
    pair_raw(w, "actions", buffer_bytes(&o->actions));
    pair_raw(w, "labels", buffer_bytes(&o->labels));
    pack_string(&w->out, "concurrency");
    pack_u64(&w->out, session_capacity(w));
    pack_string(&w->out, "held");
    holding_list(w, &w->out);
    if (s->token_size > 0) {
        pack_string(&w->out, "session");
        pack_blob(&w->out, bytes_of(s->token, s->token_size));
    }
    if (given(o->name))
        pair_text(w, "name", o->name);
    if (given(o->version))
        pair_text(w, "version", o->version);
    if (given(o->environment))
        pair_text(w, "environment", o->environment);
}

void
session_open(struct capstan_worker *w)
{
    w->session.state = SESSION_AWAY;
    w->session.turn_ms = 0;
}

void
session_ask(struct capstan_worker *w)
{
    struct session *s = &w->session;
    s->state = SESSION_ASKING;
    s->turn_ms = w->now_ms + ANSWER_MS;
    s->asked_ms = w->now_ms;
    s->beat_count = 0;
    s->paused = false;
    /* Whatever was said to a gateway that did not know us was said to nobody. */
    holding_say_again(w);
    events_renew(&w->events);
    print_register(w);
    s->announced = session_capacity(w);
    if (!send_out(w))
        session_broken(w, "no_room");
}

void
session_connected(struct capstan_worker *w)
{
    w->blocked = false;
    session_ask(w);
}

void
session_broken(struct capstan_worker *w, const char *why)
{
    struct session *s = &w->session;
    unsigned shift = s->failures < 10 ? s->failures : 10;
    uint64_t wait_ms = (uint64_t)BACKOFF_MS << shift;
    if (wait_ms > BACKOFF_MAX_MS)
        wait_ms = BACKOFF_MAX_MS;
    /* An engine that is away for an hour is not worth a line every five seconds. */
    if (s->state == SESSION_MEMBER || (s->failures & (s->failures - 1)) == 0)
        worker_tell(w, 1, "%s why=%s url=%s failures=%u",
            s->state == SESSION_MEMBER ? "disconnected" : "not_connected", why,
            w->options.url, s->failures);
    if (w->line.socket != NULL)
        line_shut(&w->line, 0);
    s->failures++;
    s->state = SESSION_AWAY;
    s->turn_ms = w->now_ms + jittered(wait_ms);
    w->blocked = false;
    holding_say_again(w);
}

static void
call(struct capstan_worker *w)
{
    char key[KEY_MAX + 1];
    const struct options *o = &w->options;
    struct line_options line = {
        .url = o->url,
        .server_key = o->server_key,
        .password = o->plain ? options_key(o, key) : NULL,
    };
    enum err e = line_open(&w->line, &line);
    if (e == ERR_INVALID) {
        session_refused(w, text("invalid"),
            text("the url is not tcp://HOST:PORT or ipc://PATH, or the "
                 "server's key not 40 characters of Z85"));
    } else if (e != ERR_NONE) {
        session_broken(w, err_name(e));
    } else {
        w->session.state = SESSION_CALLING;
        w->session.turn_ms = w->now_ms + ANSWER_MS;
    }
}

uint64_t
session_beat_every_ms(const struct capstan_worker *w)
{
    const struct session *s = &w->session;
    return w->holding.by_token.count == 0 ? s->idle_ms : s->heartbeat_ms;
}

static void
beat(struct capstan_worker *w)
{
    struct session *s = &w->session;
    uint64_t every_ms = session_beat_every_ms(w);
    begin_frame(w, 3, "heartbeat");
    pack_string(&w->out, "sequence");
    pack_u64(&w->out, ++s->sequence);
    pack_string(&w->out, "held");
    holding_list(w, &w->out);
    if (!send_out(w)) {
        s->beat_ms = w->now_ms + every_ms / 4;
        return;
    }
    if (s->beat_count == BEATS_MAX) {
        memmove(s->beats, s->beats + 1, sizeof s->beats - sizeof s->beats[0]);
        s->beat_count--;
    }
    s->beats[s->beat_count++] = (struct beat){ s->sequence, w->now_ms };
    s->beat_ms = w->now_ms + every_ms - jittered(every_ms) / 10;
}

void
session_holds(struct capstan_worker *w)
{
    struct session *s = &w->session;
    uint64_t spoken_ms =
        w->now_ms > s->heartbeat_ms ? w->now_ms - s->heartbeat_ms : w->now_ms;
    /* We may not have beaten for long; the gateway has, so the lease is new. */
    if (w->holding.by_token.count == 1 && s->confirmed_ms < spoken_ms)
        s->confirmed_ms = spoken_ms;
    if (s->beat_ms > w->now_ms + s->heartbeat_ms)
        s->beat_ms = w->now_ms + s->heartbeat_ms - jittered(s->heartbeat_ms) / 10;
}

/* A heartbeat was answered: what we held when we sent it was ours when it was read. */
void
session_confirm(struct capstan_worker *w, uint64_t sequence)
{
    struct session *s = &w->session;
    size_t i = 0;
    while (sequence != 0 && i < s->beat_count && s->beats[i].sequence != sequence)
        i++;
    if (i >= s->beat_count)
        return;
    s->confirmed_ms = s->beats[i].sent_ms;
    s->beat_count -= i + 1;
    memmove(s->beats, s->beats + i + 1, s->beat_count * sizeof s->beats[0]);
    s->failures = 0;
}

/* Nine tenths of the lease have gone by without a word: another worker may have our
 * jobs soon.  What is done already is kept, for the engine to judge. */
static uint64_t
fence_ms(const struct capstan_worker *w)
{
    const struct session *s = &w->session;
    if (w->holding.open == 0 || s->confirmed_ms == 0)
        return NEVER;
    return s->confirmed_ms + s->lease_ms * 9 / 10;
}

static uint64_t
silent_ms(const struct capstan_worker *w)
{
    return w->session.heard_ms + session_beat_every_ms(w) * 5 / 2;
}

static bool
nothing_left(const struct capstan_worker *w)
{
    return w->holding.by_token.count == 0 && w->holding.orphans == 0
           && list_empty(&w->logs) && list_empty(&w->events);
}

static void
finish(struct capstan_worker *w)
{
    bool left = w->leaving.left || !nothing_left(w);
    if (w->session.state == SESSION_MEMBER || w->session.state == SESSION_ASKING) {
        begin_frame(w, 1, "goodbye");
        send_out(w);
    }
    if (w->line.socket != NULL)
        line_shut(&w->line, LINE_LINGER_MS);
    w->leaving.done = true;
    if (w->leaving.result != CAPSTAN_OK)
        return;
    worker_tell(w, 2, "left unfinished=%zu", w->holding.by_token.count);
    if (left) {
        w->leaving.result = CAPSTAN_UNFINISHED;
        fault_set(&w->fault, ERR_TIMEOUT, "stopped with jobs under way");
    }
}

void
session_leave(struct capstan_worker *w, uint64_t ms)
{
    struct leaving *l = &w->leaving;
    if (!l->began || w->now_ms + ms < l->by_ms)
        l->by_ms = w->now_ms + ms;
    if (!l->began)
        worker_tell(w, 2, "leaving held=%zu", w->holding.by_token.count);
    l->began = true;
}

void
session_refused(struct capstan_worker *w, struct bytes code, struct bytes message)
{
    fault_set(&w->fault, ERR_UNAUTHORIZED, "%.*s: %.*s", (int)code.size,
        (const char *)code.data, (int)message.size, (const char *)message.data);
    worker_tell(w, 0, "refused %s", w->fault.detail);
    if (w->line.socket != NULL)
        line_shut(&w->line, 0);
    w->session.state = SESSION_AWAY;
    w->session.turn_ms = NEVER;
    w->leaving.result = CAPSTAN_REFUSED;
    session_leave(w, 0);
}

static void
tick_leaving(struct capstan_worker *w)
{
    struct leaving *l = &w->leaving;
    if (!l->began)
        return;
    if (nothing_left(w)) {
        finish(w);
    } else if (w->now_ms >= l->by_ms && !l->hurried) {
        /* Goodbye gives them back; until then actions may notice. */
        l->hurried = true;
        l->by_ms = w->now_ms + GRACE_MS;
        l->left = w->holding.open > 0;
        holding_lose_open(w);
    } else if (w->now_ms >= l->by_ms) {
        finish(w);
    }
}

static void
tick_state(struct capstan_worker *w)
{
    struct session *s = &w->session;
    switch (s->state) {
    case SESSION_AWAY:
        if (w->now_ms >= s->turn_ms)
            call(w);
        return;
    case SESSION_CALLING:
    case SESSION_ASKING:
        if (w->now_ms >= s->turn_ms)
            session_broken(w, "no_answer");
        return;
    case SESSION_MEMBER:
        if (w->now_ms >= silent_ms(w))
            session_broken(w, "silent");
        else if (w->now_ms >= s->beat_ms)
            beat(w);
        return;
    }
}

void
session_tick(struct capstan_worker *w)
{
    if (w->now_ms >= fence_ms(w)) {
        worker_tell(w, 1, "leases_given_up open=%zu silent_ms=%llu", w->holding.open,
            (unsigned long long)(w->now_ms - w->session.confirmed_ms));
        holding_lose_open(w);
    }
    tick_leaving(w);
    if (w->leaving.done)
        return;
    tick_state(w);
    if (w->session.state == SESSION_MEMBER && w->now_ms >= w->holding.resend_ms)
        holding_resend(w);
}

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t
session_due(const struct capstan_worker *w)
{
    const struct session *s = &w->session;
    uint64_t due = fence_ms(w);
    if (w->leaving.began)
        due = least(due, nothing_left(w) ? 0 : w->leaving.by_ms);
    if (s->state != SESSION_MEMBER)
        return least(due, s->turn_ms);
    due = least(due, least(s->beat_ms, silent_ms(w)));
    uint64_t event_ms = w->blocked ? NEVER : events_due(&w->events);
    return least(due, least(w->holding.resend_ms, event_ms));
}

static void
say_capacity(struct capstan_worker *w)
{
    size_t capacity = session_capacity(w);
    if (capacity == w->session.announced)
        return;
    if (w->leaving.began) {
        begin_frame(w, 1, "drain");
    } else {
        begin_frame(w, 2, "ready");
        pack_string(&w->out, "concurrency");
        pack_u64(&w->out, capacity);
    }
    if (send_out(w))
        w->session.announced = capacity;
}

static void
say_logs(struct capstan_worker *w, bool send)
{
    while (!list_empty(&w->logs)) {
        struct log_chunk *log = LIST_OF(list_first(&w->logs), struct log_chunk, link);
        if (send && !line_send(&w->line, buffer_bytes(&log->frame))) {
            w->blocked = true;
            return;
        }
        log_free(log);
    }
}

static void
say_events(struct capstan_worker *w)
{
    struct list *next;
    for (struct list *at = w->events.next; at != &w->events && !w->blocked; at = next) {
        struct outgoing_event *event = LIST_OF(at, struct outgoing_event, link);
        next = at->next;
        if (event->resend_ms > w->now_ms)
            continue;
        if (line_send(&w->line, buffer_bytes(&event->frame)))
            event_said(event, w->now_ms, w->options.resend_ms);
        else
            w->blocked = true;
    }
}

void
session_say(struct capstan_worker *w)
{
    struct list *outgoing = &w->holding.outgoing;
    bool member = w->session.state == SESSION_MEMBER;
    w->blocked = false;
    say_logs(w, member);
    if (!member)
        return;
    say_capacity(w);
    say_events(w);
    while (!w->blocked && !list_empty(outgoing)) {
        struct capstan_job *job =
            LIST_OF(list_first(outgoing), struct capstan_job, link);
        if (line_send(&w->line, buffer_bytes(&job->report)))
            holding_said(w, job);
        else
            w->blocked = true;
    }
}

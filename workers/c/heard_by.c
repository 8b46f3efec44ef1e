/* heard_by - what follows from each message of the gateway. */
#include "workers/c/worker.h"

#include <stdio.h>

#define TEXT(b) (int)(b).size, (const char *)(b).data

/* A line for the first of them, the second, the fourth, … */
static void
puzzled(struct capstan_worker *w, const char *by)
{
    w->puzzles++;
    if ((w->puzzles & (w->puzzles - 1)) == 0)
        worker_tell(w, 1, "frame_not_understood what=%s count=%llu", by,
            (unsigned long long)w->puzzles);
}

static void
lose_listed(struct capstan_worker *w, struct bytes lost)
{
    size_t left;
    struct bytes token;
    struct cursor list = heard_list(lost, &left);
    while (heard_token(&list, &left, &token)) {
        struct capstan_job *job = holding_find(w, token);
        if (job == NULL)
            continue;
        worker_tell(w, 1, "lease_lost job=%s", capstan_job_id(job));
        holding_lose(w, job);
    }
}

static void
hear_registered(struct capstan_worker *w, const struct heard *heard)
{
    struct session *s = &w->session;
    uint64_t heartbeat_ms = heard->heartbeat_ms;
    uint64_t asked_ms = w->options.heartbeat_ms;
    if (s->state != SESSION_ASKING)
        return;
    if (heard->lease_ms == 0 || heartbeat_ms == 0 || heartbeat_ms > heard->lease_ms
        || heard->session.size > TOKEN_MAX || heard->lease_ms > UINT32_MAX) {
        puzzled(w, "registered");
        return;
    }
    if (heard->session.size > 0)
        memcpy(s->token, heard->session.data, heard->session.size);
    s->token_size = heard->session.size;
    s->lease_ms = heard->lease_ms;
    s->heartbeat_ms =
        asked_ms != 0 && asked_ms < heartbeat_ms ? asked_ms : heartbeat_ms;
    s->idle_ms = asked_ms == 0 && heard->idle_ms > heartbeat_ms ? heard->idle_ms
                                                                : s->heartbeat_ms;
    s->payload_max = heard->payload_max != 0 ? heard->payload_max : 1048576;
    s->confirmed_ms = s->asked_ms;
    s->beat_ms = w->now_ms + session_beat_every_ms(w);
    s->state = SESSION_MEMBER;
    lose_listed(w, heard->lost);
    worker_tell(w, 2, "registered session=%.*s instance=%s held=%zu lease_ms=%llu",
        TEXT(heard->session_id), w->options.instance, w->holding.by_token.count,
        (unsigned long long)s->lease_ms);
}

static void
hear_heartbeat(struct capstan_worker *w, const struct heard *heard)
{
    size_t left;
    struct bytes token;
    struct cursor list = heard_list(heard->cancel, &left);
    session_confirm(w, heard->sequence);
    lose_listed(w, heard->lost);
    while (heard_token(&list, &left, &token)) {
        struct capstan_job *job = holding_find(w, token);
        if (job != NULL)
            holding_cancel(w, job);
    }
}

static void
hear_ack(struct capstan_worker *w, const struct heard *heard)
{
    struct capstan_job *job = holding_find(w, heard->token);
    if (job == NULL)
        return;
    if (bytes_equal(heard->verdict, text("stale"))) {
        /* That a cancelled job's report comes too late is as it should be. */
        if (!capstan_job_is_cancelled(job))
            worker_tell(w, 1, "lease_lost job=%s", capstan_job_id(job));
        holding_lose(w, job);
    } else if (job->state == JOB_REPORTING) {
        holding_forget(w, job);
    }
}

static void
hear_cancel(struct capstan_worker *w, const struct heard *heard)
{
    struct capstan_job *job = holding_find(w, heard->token);
    if (job == NULL || job->state != JOB_OPEN)
        return;
    worker_tell(w, 2, "cancelled job=%s reason=\"%.*s\"", capstan_job_id(job),
        TEXT(heard->reason));
    holding_cancel(w, job);
}

static void
hear_drain(struct capstan_worker *w, const struct heard *heard)
{
    if (heard->leave) {
        session_leave(w, w->options.drain_ms);
        return;
    }
    /* The engine goes down: it will want us when it is back. */
    worker_tell(w, 2, "engine_goes_down held=%zu", w->holding.by_token.count);
    w->session.paused = true;
}

static void
hear_register(struct capstan_worker *w, const struct heard *heard)
{
    (void)heard;
    /* Several words to a gateway that forgot us are answered several times. */
    if (w->session.state == SESSION_MEMBER)
        session_ask(w);
}

static bool
for_good(struct bytes code, bool asking)
{
    static const char *const codes[] = { "unauthorized", "forbidden", "malformed",
        "invalid", "unsupported", "too_large" };
    for (size_t i = 0; i < (asking ? COUNT(codes) : 2); i++)
        if (bytes_equal(code, text(codes[i])))
            return true;
    return false;
}

/* The gateway cannot take the report as it is: say so instead, once. */
static void
report_refused(
    struct capstan_worker *w, struct capstan_job *job, const struct heard *heard)
{
    worker_tell(w, 1, "report_refused job=%s code=%.*s message=\"%.*s\"",
        capstan_job_id(job), TEXT(heard->code), TEXT(heard->message));
    if (job->replaced || bytes_equal(heard->code, text("stale_lease"))) {
        holding_forget(w, job);
        return;
    }
    struct bytes message = heard->message;
    if (message.size > ERROR_MESSAGE_MAX)
        message = text("the gateway could not take the report");
    job->replaced = true;
    job_refuse(job, "ReportRefused", message);
    list_remove(&job->link);
    list_append(&w->holding.outgoing, &job->link);
}

/* A report that came at a bad moment is said again in time. */
static bool
in_time(struct bytes code)
{
    return bytes_equal(code, text("busy")) || bytes_equal(code, text("overloaded"))
           || bytes_equal(code, text("unavailable"))
           || bytes_equal(code, text("timeout"));
}

static void
hear_published(struct capstan_worker *w, const struct heard *heard)
{
    struct outgoing_event *event = events_find(&w->events, heard->id);
    if (event != NULL)
        pool_published(&w->pool, event);
}

/* It is said again in time, or never will be taken. */
static void
event_refused(struct capstan_worker *w, const struct heard *heard)
{
    if (in_time(heard->code))
        return;
    worker_tell(w, 1, "event_refused id=%.*s code=%.*s message=\"%.*s\"",
        TEXT(heard->id), TEXT(heard->code), TEXT(heard->message));
    hear_published(w, heard);
}

static void
hear_error(struct capstan_worker *w, const struct heard *heard)
{
    char why[64];
    bool asking = w->session.state == SESSION_ASKING;
    struct capstan_job *job = holding_find(w, heard->token);
    if (bytes_equal(heard->about, text("publish")) && heard->id.size > 0) {
        event_refused(w, heard);
        return;
    }
    if (for_good(heard->code, asking) && job == NULL) {
        session_refused(w, heard->code, heard->message);
    } else if (asking) {
        snprintf(why, sizeof why, "%.*s", TEXT(heard->code));
        session_broken(w, why);
    } else if (job != NULL && job->state == JOB_REPORTING && !in_time(heard->code)
               && !bytes_equal(heard->about, text("log"))) {
        report_refused(w, job, heard);
    } else if (!in_time(heard->code)) {
        worker_tell(w, 1, "error code=%.*s about=%.*s message=\"%.*s\"",
            TEXT(heard->code), TEXT(heard->about), TEXT(heard->message));
    }
}

void
heard_by(struct capstan_worker *w, struct bytes frame)
{
    static const struct {
        const char *type;
        void (*hear)(struct capstan_worker *w, const struct heard *heard);
    } rows[] = {
        { "ack", hear_ack },
        { "published", hear_published },
        { "heartbeat", hear_heartbeat },
        { "cancel", hear_cancel },
        { "registered", hear_registered },
        { "register", hear_register },
        { "drain", hear_drain },
        { "error", hear_error },
    };
    struct heard heard;
    if (heard_read(frame, &heard) != ERR_NONE) {
        puzzled(w, "frame");
        return;
    }
    w->session.heard_ms = w->now_ms;
    if (bytes_equal(heard.type, text("job"))) {
        if (w->session.state == SESSION_MEMBER)
            holding_accept(w, frame, &heard);
        return;
    }
    for (size_t i = 0; i < COUNT(rows); i++)
        if (bytes_equal(heard.type, text(rows[i].type))) {
            rows[i].hear(w, &heard);
            return;
        }
    puzzled(w, "type");
}

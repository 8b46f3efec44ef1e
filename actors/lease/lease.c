#include "actors/lease/lease.h"

#include "actors/lease/state.h"
#include "base/counters.h"
#include "base/wrong.h"

/* By then gateways have said what their workers hold. */
enum { UNSURE_MS = 500 };
/* A lease that is over by then is told with its end: one turn of the scheduler less. */
enum { UNSAID_MS = 2 };

static void
lease_open(void *state, const struct actor_setup *setup)
{
    struct lease_state *s = state;
    s->config = setup->config;
    s->epoch = setup->epoch;
    memcpy(s->secret, setup->secret, SECRET_SIZE);
    s->tokens = tokens_new(s->secret);
    table_open(&s->table, s->config->schedulers);
}

static void
lease_close(void *state)
{
    struct lease_state *s = state;
    table_close(&s->table);
    tokens_free(&s->tokens);
}

bool
lease_current(const struct lease_state *s, const struct lease_name *name)
{
    const struct job *job = table_job(&s->table, &name->run, name->step);
    return job != NULL && job->state == JOB_HELD && job->name.attempt == name->attempt
           && job->name.offer == name->offer
           && id_equal(&job->name.session, &name->session);
}

/* Tell the holder to stop. */
static void
cancel(const struct lease_state *s, const struct job *job, struct bytes reason,
    struct outbox *out)
{
    struct message m = { .code = JOB_CANCEL };
    m.job_cancel = (struct job_cancel){
        .session = job->session->id,
        .token = tokens_make(s->tokens, &job->name, out->arena),
        .reason = reason,
    };
    outbox_put_to(out, ACTOR_gateway, job->session->gateway, &m);
}

static void
release(const struct lease_name *name, struct outbox *out)
{
    say_job_released(out, (struct job_released){
                              .run = name->run,
                              .step = name->step,
                              .attempt = name->attempt,
                              .offer = name->offer,
                          });
}

/* A job may be granted under this offer, unless we know better.  What is meant for an
 * earlier life may have been granted by it; the scheduler has yet to hear of ours. */
static void
on_offered(
    const struct lease_state *s, const struct job_offered *offered, struct outbox *out)
{
    const struct job *job = table_job(&s->table, &offered->run, offered->step);
    if (offered->life != s->epoch)
        return;
    if (job != NULL) {
        const struct lease_name *name = &job->name;
        bool older =
            offered->attempt < name->attempt
            || (offered->attempt == name->attempt && offered->offer < name->offer);
        bool same = offered->attempt == name->attempt && offered->offer == name->offer;
        /* Its holder named it before its scheduler did. */
        if (same && offered->leased && job->state == JOB_HELD && job->out_of == NULL)
            say_job_offered(out, *offered);
        if (older || same)
            return;
        if (job->state == JOB_HELD)
            cancel(s, job, text("the job was given to another"), out);
    }
    say_job_offered(out, *offered);
}

static void
on_withdrawn(const struct lease_state *s, const struct job_withdrawn *withdrawn,
    struct outbox *out)
{
    const struct job *job = table_job(&s->table, &withdrawn->run, withdrawn->step);
    if (job == NULL || job->name.attempt > withdrawn->attempt)
        return;
    if (job->state == JOB_HELD)
        cancel(s, job, withdrawn->reason, out);
    say_job_withdrawn(out, *withdrawn);
}

static void
on_settled(const struct lease_state *s, const struct message *in, struct outbox *out)
{
    const struct job_settled *settled = &in->job_settled;
    struct lease_name name = { settled->run, settled->step, settled->attempt,
        settled->offer, settled->session };
    const struct job *job = table_job(&s->table, &name.run, name.step);
    bool ours = job != NULL && job->name.attempt == name.attempt
                && job->name.offer == name.offer;

    if (settled->reported) {
        struct message m = { .code = REPORT_SETTLED };
        m.report_settled = (struct report_settled){
            .session = name.session,
            .token = tokens_make(s->tokens, &name, out->arena),
            .verdict = settled->verdict,
        };
        outbox_put_to(out, ACTOR_gateway, settled->gateway, &m);
    } else if (ours && job->state == JOB_HELD
               && id_equal(&job->name.session, &name.session)) {
        cancel(s, job, text("the lease is not current"), out);
    }
    /* Nobody else holds it: an offer is granted once, a token names its session. */
    if (ours && (job->state != JOB_OPEN || settled->reported))
        release(&name, out);
}

static void
answer_report(const struct job_report *report, enum verdict verdict, struct outbox *out)
{
    say_report_settled(out, (struct report_settled){
                                .session = report->session,
                                .token = report->token,
                                .verdict = verdict,
                            });
}

/* Nothing of it was done: it needs a new offer, and costs no attempt. */
static void
give_back(const struct lease_state *s, const struct job_report *report,
    const struct lease_name *name, struct outbox *out)
{
    bool current = lease_current(s, name);
    answer_report(report, current ? VERDICT_ACCEPTED : VERDICT_STALE, out);
    if (current)
        say_over(table_job(&s->table, &name->run, name->step), false, out);
}

static void
on_report(const struct lease_state *s, const struct message *in, struct outbox *out)
{
    const struct job_report *report = &in->job_report;
    struct lease_name name;
    if (!tokens_read(s->tokens, report->token, &name)
        || !id_equal(&name.session, &report->session)
        || id_partition(&name.run) >= s->config->schedulers) {
        count(COUNTER_reports_stale, 1);
        answer_report(report, VERDICT_STALE, out);
        return;
    }
    if (report->outcome == OUTCOME_RETURNED) {
        give_back(s, report, &name, out);
        return;
    }
    /* Whether the lease counts is the scheduler's to say, durably; it may not have
     * heard of it. */
    const struct job *job =
        lease_current(s, &name) ? table_job(&s->table, &name.run, name.step) : NULL;
    say_job_reported(
        out, (struct job_reported){
                 .run = name.run,
                 .step = name.step,
                 .attempt = name.attempt,
                 .offer = name.offer,
                 .session = name.session,
                 .outcome = report->outcome,
                 .output = report->output,
                 .error_type = report->error_type,
                 .error_message = report->error_message,
                 .retry_after_ms = report->retry_after_ms,
                 .gateway = in->envelope.instance,
                 .worker = job == NULL ? (struct bytes){ 0 }
                                       : arena_copy(out->arena, job->session->instance),
             });
}

/* What follows from a lease is said after it. */
static void
say_unsaid(const struct job *job, struct outbox *out)
{
    if (job->state == JOB_HELD && !list_empty(&job->of_resay))
        say_held(job, out);
}

static void
on_log(const struct lease_state *s, const struct job_log *log, struct outbox *out)
{
    struct lease_name name;
    if (!tokens_read(s->tokens, log->token, &name)
        || !id_equal(&name.session, &log->session) || !lease_current(s, &name))
        return;
    say_unsaid(table_job(&s->table, &name.run, name.step), out);
    say_job_printed(out, (struct job_printed){
                             .run = name.run,
                             .step = name.step,
                             .attempt = name.attempt,
                             .stream = log->stream,
                             .chunk = log->chunk,
                         });
}

/* A scheduler must hear again who holds what; a gateway that began anew knows no
 * session. */
static void
greet(const struct message *in, struct outbox *out)
{
    say_peer_reset(out, (struct peer_reset){
                            .actor = in->envelope.from,
                            .instance = in->envelope.instance,
                            .life = in->hello.resync == RESYNC_NEW_LIFE,
                            .gap = in->hello.resync == RESYNC_GAP,
                        });
}

static void
lease_decide(
    const void *state, uint64_t now_ms, const struct message *in, struct outbox *out)
{
    switch (in->code) {
    case HELLO: greet(in, out); return;
    case JOB_OFFERED: on_offered(state, &in->job_offered, out); return;
    case JOB_WITHDRAWN: on_withdrawn(state, &in->job_withdrawn, out); return;
    case JOB_SETTLED: on_settled(state, in, out); return;
    case JOB_REPORT: on_report(state, in, out); return;
    case JOB_LOG: on_log(state, &in->job_log, out); return;
    case WORKER_REGISTER: on_register(state, now_ms, in, out); return;
    case WORKER_READY: on_ready(state, in, out); return;
    case WORKER_HEARTBEAT: on_heartbeat(state, now_ms, in, out); return;
    case WORKERS_IDLE: on_idle(state, now_ms, in, out); return;
    case WORKER_GONE: on_gone(state, in, out); return;
    case WORKER_LIST: on_worker_list(state, in, out); return;
    case LANE_EXPLAIN: on_lane_explain(state, in, out); return;
    case QUEUE_OFFERED: say_queue_offered(out, in->queue_offered); return;
    case QUEUES_COMPLETE: say_queues_complete(out, in->queues_complete); return;
    case LEASES_TOLD: on_leases_told(state, &in->leases_told, out); return;
    case QUEUE_LIST: on_queue_list(state, in, out); return;
    default: WRONG("the catalogue sends the lease actor no such message");
    }
}

static void
apply_offered(struct lease_state *s, const struct message *m, uint64_t at_ms)
{
    const struct job_offered *offered = &m->job_offered;
    struct job *job = table_job(&s->table, &offered->run, offered->step);
    if (job != NULL && job->state == JOB_HELD && offered->leased
        && job->name.attempt == offered->attempt && job->name.offer == offered->offer)
        table_learn(&s->table, job, offered->queue);
    else
        table_offer(&s->table, &m->envelope.project, offered, at_ms);
}

static void
apply_withdrawn(struct lease_state *s, const struct job_withdrawn *withdrawn)
{
    struct job *job = table_job(&s->table, &withdrawn->run, withdrawn->step);
    if (job->state != JOB_HELD) {
        table_drop(&s->table, job);
        return;
    }
    job->cancelled = true;
    table_said(job);
}

static void
apply_over(struct lease_state *s, const struct job_lost *fact, bool lost)
{
    struct job *job = table_job(&s->table, &fact->run, fact->step);
    if (job->state == JOB_OVER)
        table_said(job);
    else
        table_over(&s->table, job, lost);
    count(COUNTER_jobs_lost, lost);
}

static void
apply_released(struct lease_state *s, const struct job_released *fact)
{
    table_drop(&s->table, table_job(&s->table, &fact->run, fact->step));
}

/* What is held is to be said again to that scheduler.  If it will say its own state
 * again, open jobs of before are forgotten: they may have been withdrawn unheard. */
static void
reset_scheduler(struct lease_state *s, uint32_t partition, bool void_before)
{
    struct list *next;
    for (struct list *at = s->table.all_jobs.next; at != &s->table.all_jobs;
         at = next) {
        struct job *job = LIST_OF(at, struct job, of_table);
        next = at->next;
        if (id_partition(&job->name.run) != partition)
            continue;
        if (job->state == JOB_OPEN && void_before)
            table_drop(&s->table, job);
        else if (job->state == JOB_HELD || job->state == JOB_OVER)
            table_resay(&s->table, job);
    }
}

static void
reset_gateway(struct lease_state *s, uint32_t instance)
{
    for (struct list *at = s->table.all_sessions.next; at != &s->table.all_sessions;
         at = at->next) {
        struct session *session = LIST_OF(at, struct session, of_table);
        if (session->gateway != instance || session->leaving)
            continue;
        table_disconnect(&s->table, session, false);
        session->stray = true;
    }
}

static void
apply_reset(struct lease_state *s, const struct peer_reset *reset)
{
    if (reset->actor == ACTOR_scheduler)
        reset_scheduler(s, reset->instance, reset->life || reset->gap);
    else if (reset->actor == ACTOR_gateway && reset->life)
        reset_gateway(s, reset->instance);
}

static void
apply_left(struct lease_state *s, const struct worker_left *left)
{
    struct session *session = table_session(&s->table, &left->session);
    if (left->gone)
        table_forget(&s->table, session);
    else
        table_disconnect(&s->table, session, left->leaving);
}

static void
apply_heard(struct lease_state *s, const struct worker_heard *heard, uint64_t at_ms)
{
    struct session *session = table_session(&s->table, &heard->session);
    table_heard(&s->table, session, at_ms);
    if (heard->capacity > 0)
        table_capacity(&s->table, session, heard->capacity - 1);
}

static void
apply_idle(struct lease_state *s, const struct workers_idle *idle, uint64_t at_ms)
{
    struct session *session;
    for (size_t i = 0; i < idle->heard.size / ID_SIZE; i++)
        if ((session = idle_session(s, idle->heard, i)) != NULL)
            table_heard(&s->table, session, at_ms);
    for (size_t i = 0; i < idle->kept.size / ID_SIZE; i++)
        if ((session = idle_session(s, idle->kept, i)) != NULL)
            table_keep(&s->table, session, at_ms);
}

static void
hold(struct lease_state *s, const struct message *m, uint64_t at_ms)
{
    const struct job_granted *granted = &m->job_granted;
    struct lease_name name = { granted->run, granted->step, granted->attempt,
        granted->offer, granted->session };
    table_hold(&s->table, &m->envelope.project, &name, at_ms);
    table_unsaid(&s->table, table_job(&s->table, &name.run, name.step));
    count(COUNTER_jobs_granted, 1);
}

static void
adopt(struct lease_state *s, const struct message *m, uint64_t at_ms)
{
    const struct job_adopted *adopted = &m->job_adopted;
    struct lease_name name = { adopted->run, adopted->step, adopted->attempt,
        adopted->offer, adopted->session };
    table_hold(&s->table, &m->envelope.project, &name, at_ms);
}

static void
apply_leased(struct lease_state *s, const struct job_leased *leased)
{
    table_said(table_job(&s->table, &leased->run, leased->step));
}

/* A report says the lease, if there is one.  If it is lost, its scheduler greets us, or
 * the worker reports again.  And who reports is there: one with many short jobs may
 * hold one whenever its gateway says who holds none, and none whenever it beats. */
static void
apply_reported(struct lease_state *s, const struct job_reported *fact, uint64_t at_ms)
{
    struct session *session = table_session(&s->table, &fact->session);
    if (session != NULL && session->connected)
        table_heard(&s->table, session, at_ms);
    if (fact->worker.size > 0)
        table_said(table_job(&s->table, &fact->run, fact->step));
}

static void
lease_apply(void *state, uint64_t at_ms, const struct message *m)
{
    struct lease_state *s = state;
    switch (m->code) {
    case JOB_OFFERED: apply_offered(s, m, at_ms); break;
    case JOB_WITHDRAWN: apply_withdrawn(s, &m->job_withdrawn); break;
    case JOB_GRANTED: hold(s, m, at_ms); break;
    case JOB_ADOPTED: adopt(s, m, at_ms); break;
    case JOB_LEASED: apply_leased(s, &m->job_leased); break;
    case JOB_REPORTED: apply_reported(s, &m->job_reported, at_ms); break;
    case JOB_LOST: apply_over(s, &m->job_lost, true); break;
    case JOB_RETURNED: apply_over(s, &m->job_lost, false); break;
    case JOB_RELEASED: apply_released(s, &m->job_released); break;
    case JOB_CANCEL:
    case JOB_PRINTED:
    case WORKER_REGISTERED: break;
    case WORKER_JOINED:
        table_join(&s->table, &m->envelope.project, &m->worker_joined, at_ms);
        break;
    case JOB_HEARD:
        table_beat(&s->table,
            table_job(&s->table, &m->job_heard.run, m->job_heard.step), at_ms);
        break;
    case WORKER_HEARD: apply_heard(s, &m->worker_heard, at_ms); break;
    case WORKERS_IDLE: apply_idle(s, &m->workers_idle, at_ms); break;
    case WORKER_LEFT: apply_left(s, &m->worker_left); break;
    case PEER_RESET: apply_reset(s, &m->peer_reset); break;
    case QUEUE_OFFERED:
        table_limit(&s->table, &m->envelope.project, m->queue_offered.queue,
            m->queue_offered.limit);
        break;
    case QUEUES_COMPLETE: table_limits_known(&s->table, at_ms); break;
    case LEASES_TOLD: table_leases_told(&s->table, m->leases_told.partition); break;
    default: WRONG("the lease actor states no such thing");
    }
    gauge(COUNTER_jobs_open, s->table.open_count);
    gauge(COUNTER_jobs_leased, s->table.held_count);
    gauge(COUNTER_sessions, s->table.sessions.count);
}

static uint64_t
after(uint64_t since_ms, uint32_t ms)
{
    return since_ms + ms;
}

static uint64_t
lease_due(const void *state)
{
    const struct lease_state *s = state;
    const struct table *t = &s->table;
    uint64_t due_ms = UINT64_MAX;
    if (!list_empty(&t->ready) || !list_empty(&t->resay) || !list_empty(&t->leaving))
        return 0;
    if (!list_empty(&t->unsaid))
        due_ms =
            after(LIST_OF(t->unsaid.next, struct job, of_resay)->since_ms, UNSAID_MS);
    if (!list_empty(&t->all_sessions)) {
        uint64_t quiet_ms =
            after(LIST_OF(t->all_sessions.next, struct session, of_table)->there_ms,
                s->config->lease_ms);
        due_ms = quiet_ms < due_ms ? quiet_ms : due_ms;
    }
    if (!list_empty(&t->beats)) {
        uint64_t beat_ms = after(LIST_OF(t->beats.next, struct job, of_beats)->heard_ms,
            s->config->lease_ms);
        due_ms = beat_ms < due_ms ? beat_ms : due_ms;
    }
    if (!list_empty(&t->unsure)) {
        uint64_t unsure_ms =
            after(LIST_OF(t->unsure.next, struct job, of_waiting)->since_ms, UNSURE_MS);
        due_ms = unsure_ms < due_ms ? unsure_ms : due_ms;
    }
    if (!list_empty(&t->adoptable)) {
        uint64_t adopt_ms =
            after(LIST_OF(t->adoptable.next, struct job, of_waiting)->since_ms,
                s->config->lease_ms);
        due_ms = adopt_ms < due_ms ? adopt_ms : due_ms;
    }
    if (t->queues.known && !queues_counted(&t->queues)) {
        uint64_t counted_ms = after(t->queues.opened_ms, s->config->lease_ms);
        due_ms = counted_ms < due_ms ? counted_ms : due_ms;
    }
    return due_ms;
}

/* Whoever holds a lease of before has been heard by now, or has lost it. */
static void
count_anyway(const struct lease_state *s, struct outbox *out)
{
    uint32_t partition = 0;
    while (s->table.queues.told >> partition & 1)
        partition++;
    say_leases_told(out, (struct leases_told){ .partition = partition });
}

static void
grant(const struct lease_state *s, struct outbox *out)
{
    const struct lane *lane = LIST_OF(s->table.ready.next, struct lane, of_ready);
    const struct job *job = LIST_OF(lane->jobs.next, struct job, of_lane);
    const struct session *session = lane_choice(lane);
    struct lease_name name = job->name;
    struct message m = { .code = JOB_GRANTED };

    if (session == NULL)
        WRONG("a lane is ready, but nobody can take its job");
    name.session = session->id;
    out->project = job->project;
    m.job_granted = (struct job_granted){
        .session = session->id,
        .run = name.run,
        .step = name.step,
        .attempt = name.attempt,
        .offer = name.offer,
        .token = tokens_make(s->tokens, &name, out->arena),
        .key = arena_copy(out->arena, job->key_text),
        .automation = arena_copy(out->arena, job->automation),
        .action = arena_copy(out->arena, job->action),
        .queue = arena_copy(out->arena, job->queue),
        .parameters = arena_copy(out->arena, job->parameters),
        .deadline_ms = job->deadline_ms,
        .labels = arena_copy(out->arena, lane->labels),
        .ready_us = job->ready_us,
    };
    outbox_put_to(out, ACTOR_gateway, session->gateway, &m);
}

static struct job_lost
ended(const struct job *job)
{
    return (struct job_lost){
        .run = job->name.run,
        .step = job->name.step,
        .attempt = job->name.attempt,
        .offer = job->name.offer,
        .session = job->name.session,
    };
}

void
say_held(const struct job *job, struct outbox *out)
{
    out->project = job->project;
    say_job_leased(out, (struct job_leased){
                            .run = job->name.run,
                            .step = job->name.step,
                            .attempt = job->name.attempt,
                            .offer = job->name.offer,
                            .session = job->name.session,
                            .worker = arena_copy(out->arena, job->session->instance),
                            .unknown = job->out_of == NULL,
                        });
}

void
say_over(const struct job *job, bool lost, struct outbox *out)
{
    out->project = job->project;
    say_unsaid(job, out);
    if (lost) {
        say_job_lost(out, ended(job));
        return;
    }
    struct message m = { .code = JOB_RETURNED };
    m.job_lost = ended(job);
    outbox_put(out, &m);
}

/* The job whose scheduler is to be told now. */
static const struct job *
due_word(const struct table *t, uint64_t now_ms)
{
    const struct list *list = list_empty(&t->resay) ? &t->unsaid : &t->resay;
    const struct job *job = LIST_OF(list->next, struct job, of_resay);
    if (list_empty(list)
        || (list == &t->unsaid && after(job->since_ms, UNSAID_MS) > now_ms))
        return NULL;
    return job;
}

static void
say_word(const struct job *job, struct outbox *out)
{
    if (job->state == JOB_HELD)
        say_held(job, out);
    else
        say_over(job, job->lost, out);
}

/* Give up one job of a session that ended, or the session itself. */
static void
end_session(const struct session *session, bool lost, struct outbox *out)
{
    out->project = session->project;
    if (!list_empty(&session->held))
        say_over(LIST_OF(session->held.next, struct job, of_session), lost, out);
    else
        say_worker_left(out, (struct worker_left){ .session = session->id, .gone = 1 });
}

static void
lease_tick(const void *state, uint64_t now_ms, struct outbox *out)
{
    const struct lease_state *s = state;
    const struct table *t = &s->table;
    const struct job *word = due_word(t, now_ms);
    const struct session *quiet =
        list_empty(&t->all_sessions)
            ? NULL
            : LIST_OF(t->all_sessions.next, struct session, of_table);

    if (word != NULL)
        say_word(word, out);
    else if (!list_empty(&t->leaving))
        end_session(LIST_OF(t->leaving.next, struct session, of_leaving), false, out);
    else if (quiet != NULL && after(quiet->there_ms, s->config->lease_ms) <= now_ms)
        end_session(quiet, true, out);
    else if (!list_empty(&t->beats)
             && after(LIST_OF(t->beats.next, struct job, of_beats)->heard_ms,
                    s->config->lease_ms)
                    <= now_ms)
        say_over(LIST_OF(t->beats.next, struct job, of_beats), true, out);
    else if (!list_empty(&t->adoptable)
             && after(LIST_OF(t->adoptable.next, struct job, of_waiting)->since_ms,
                    s->config->lease_ms)
                    <= now_ms)
        say_over(LIST_OF(t->adoptable.next, struct job, of_waiting), false, out);
    else if (!list_empty(&t->unsure)
             && after(LIST_OF(t->unsure.next, struct job, of_waiting)->since_ms,
                    UNSURE_MS)
                    <= now_ms)
        say_over(LIST_OF(t->unsure.next, struct job, of_waiting), false, out);
    else if (!list_empty(&t->ready))
        grant(s, out);
    else
        count_anyway(s, out); /* it was due, and nothing else is */
}

const struct actor lease_actor = {
    .name = ACTOR_lease,
    .state_size = sizeof(struct lease_state),
    .open = lease_open,
    .close = lease_close,
    .decide = lease_decide,
    .apply = lease_apply,
    .due = lease_due,
    .tick = lease_tick,
};

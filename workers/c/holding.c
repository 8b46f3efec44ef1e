/* holding - the leases that this worker holds.  Knows nothing of sockets. */
#include "workers/c/worker.h"

#define JOB_OF(at)  LIST_OF(at, struct capstan_job, link)
#define HELD_OF(at) LIST_OF(at, struct capstan_job, all)

enum { RESEND_FACTOR_MAX = 5 };

void
holding_open(struct capstan_worker *w)
{
    struct holding *h = &w->holding;
    list_open(&h->all);
    list_open(&h->fresh);
    list_open(&h->outgoing);
    list_open(&h->said);
    list_open(&h->spare);
    h->resend_ms = NEVER;
}

void
holding_close(struct capstan_worker *w)
{
    struct holding *h = &w->holding;
    while (!list_empty(&h->all))
        holding_forget(w, HELD_OF(list_first(&h->all)));
    while (!list_empty(&h->spare)) {
        struct capstan_job *job = JOB_OF(list_first(&h->spare));
        list_remove(&job->link);
        job_free(&job);
    }
    map_free(&h->by_token);
}

struct capstan_job *
holding_find(struct capstan_worker *w, struct bytes token)
{
    return token.size == 0 ? NULL : map_get(&w->holding.by_token, token);
}

static struct capstan_job *
take_spare(struct holding *h)
{
    struct list *link = list_first(&h->spare);
    if (link == NULL)
        return job_new();
    list_remove(link);
    return JOB_OF(link);
}

static void
give_back(struct holding *h, struct capstan_job *job)
{
    job_shut(job);
    list_append(&h->spare, &job->link);
}

/* Nobody holds it any more; its memory may still be in use. */
static void
let_go(struct holding *h, struct capstan_job *job)
{
    map_remove(&h->by_token, job_token(job));
    list_remove(&job->all);
}

void
holding_forget(struct capstan_worker *w, struct capstan_job *job)
{
    let_go(&w->holding, job);
    give_back(&w->holding, job);
}

static void
begin(struct capstan_worker *w, struct capstan_job *job, struct bytes name)
{
    job->action = worker_action(w, name);
    if (job->action == NULL) {
        job_refuse(job, "UnknownAction", text("this worker does not have that action"));
        holding_returned(w, job);
    } else if (job->action->quick && job_work(job)) {
        holding_returned(w, job);
    } else {
        job->in_thread = true;
        list_append(&w->holding.fresh, &job->link);
    }
}

void
holding_accept(struct capstan_worker *w, struct bytes frame, const struct heard *heard)
{
    struct holding *h = &w->holding;
    if (holding_find(w, heard->token) != NULL)
        return;
    /* What is not taken is not listed in heartbeats, and so goes to somebody else. */
    if (h->open >= w->options.concurrency || w->leaving.hurried) {
        worker_tell(w, 1, "job_not_taken job=%.*s open=%zu", (int)heard->job.size,
            (const char *)heard->job.data, h->open);
        return;
    }
    struct capstan_job *job = take_spare(h);
    if (job_open(job, frame, heard) != ERR_NONE) {
        give_back(h, job);
        worker_tell(w, 1, "job_not_taken job=%.*s why=token", (int)heard->job.size,
            (const char *)heard->job.data);
        return;
    }
    job->pool = &w->pool;
    job->output_max = w->session.payload_max;
    list_append(&h->all, &job->all);
    map_put(&h->by_token, job_token(job), job);
    h->open++;
    session_holds(w);
    begin(w, job, heard->action);
}

void
holding_returned(struct capstan_worker *w, struct capstan_job *job)
{
    struct holding *h = &w->holding;
    if (job->state == JOB_ORPHAN) {
        h->orphans--;
        give_back(h, job);
        return;
    }
    h->open--;
    job->state = JOB_REPORTING;
    list_append(&h->outgoing, &job->link);
}

/* Take it back from the threads, if none has begun. */
static bool
withdraw(struct capstan_worker *w, struct capstan_job *job)
{
    pool_give(&w->pool, &w->holding.fresh);
    return pool_withdraw(&w->pool, job);
}

void
holding_cancel(struct capstan_worker *w, struct capstan_job *job)
{
    if (job->state != JOB_OPEN)
        return;
    if (withdraw(w, job)) {
        job_drop(job);
        holding_returned(w, job);
    } else {
        pool_cancel(&w->pool, job);
    }
}

void
holding_lose(struct capstan_worker *w, struct capstan_job *job)
{
    struct holding *h = &w->holding;
    switch (job->state) {
    case JOB_REPORTING: holding_forget(w, job); return;
    case JOB_ORPHAN: return;
    case JOB_OPEN: break;
    }
    h->open--;
    if (withdraw(w, job)) {
        holding_forget(w, job);
        return;
    }
    job->state = JOB_ORPHAN;
    h->orphans++;
    let_go(h, job);
    pool_cancel(&w->pool, job);
}

void
holding_lose_open(struct capstan_worker *w)
{
    struct list *head = &w->holding.all, *next;
    for (struct list *at = head->next; at != head; at = next) {
        next = at->next;
        if (HELD_OF(at)->state == JOB_OPEN)
            holding_lose(w, HELD_OF(at));
    }
}

void
holding_said(struct capstan_worker *w, struct capstan_job *job)
{
    struct holding *h = &w->holding;
    unsigned factor = 1u << (job->resends > 3 ? 3 : job->resends);
    if (factor > RESEND_FACTOR_MAX)
        factor = RESEND_FACTOR_MAX;
    job->resends++;
    job->resend_ms = w->now_ms + (uint64_t)w->options.resend_ms * factor;
    list_remove(&job->link);
    list_append(&h->said, &job->link);
    if (job->resend_ms < h->resend_ms)
        h->resend_ms = job->resend_ms;
}

void
holding_say_again(struct capstan_worker *w)
{
    struct holding *h = &w->holding;
    while (!list_empty(&h->said)) {
        struct capstan_job *job = JOB_OF(list_first(&h->said));
        list_remove(&job->link);
        list_append(&h->outgoing, &job->link);
        job->resends = 0;
    }
    h->resend_ms = NEVER;
}

void
holding_resend(struct capstan_worker *w)
{
    struct holding *h = &w->holding;
    struct list *next;
    h->resend_ms = NEVER;
    for (struct list *at = h->said.next; at != &h->said; at = next) {
        struct capstan_job *job = JOB_OF(at);
        next = at->next;
        if (job->resend_ms <= w->now_ms) {
            list_remove(&job->link);
            list_append(&h->outgoing, &job->link);
        } else if (job->resend_ms < h->resend_ms) {
            h->resend_ms = job->resend_ms;
        }
    }
}

void
holding_list(struct capstan_worker *w, struct buffer *out)
{
    struct list *head = &w->holding.all;
    pack_array(out, w->holding.by_token.count);
    for (struct list *at = head->next; at != head; at = at->next)
        pack_blob(out, job_token(HELD_OF(at)));
}

/* What the lease actor keeps in memory. */
#include "actors/lease/state.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

#include <inttypes.h>

static void
the_table_of_jobs_is_whole(const struct machine *m)
{
    const struct lease_state *s = m->state;
    const struct table *t = &s->table;
    size_t count[JOB_OVER + 1] = { 0 }, held = 0, all = 0;
    for (struct list *at = t->all_jobs.next; at != &t->all_jobs; at = at->next) {
        const struct job *job = LIST_OF(at, struct job, of_table);
        count[job->state]++;
        all++;
    }
    for (struct list *at = t->all_sessions.next; at != &t->all_sessions;
         at = at->next) {
        const struct session *session = LIST_OF(at, struct session, of_table);
        size_t its = 0;
        for (struct list *j = session->held.next; j != &session->held; j = j->next)
            its++;
        HOLDS(m->sim, its == session->held_count,
            "a session holds %zu, counts %" PRIu32, its, session->held_count);
        held += its;
    }
    HOLDS(m->sim, all == t->jobs.count, "%zu jobs, %zu by name", all, t->jobs.count);
    HOLDS(m->sim, count[JOB_OPEN] == t->open_count, "%zu open, %zu counted",
        count[JOB_OPEN], t->open_count);
    HOLDS(m->sim, count[JOB_HELD] == t->held_count && held == t->held_count,
        "%zu held, %zu by sessions, %zu counted", count[JOB_HELD], held, t->held_count);
}

/* Jobs that are out are counted where their queue is known, and nowhere else. */
static uint32_t
out_of(const struct table *t, const struct queue *queue)
{
    uint32_t out = 0;
    for (struct list *at = t->all_jobs.next; at != &t->all_jobs; at = at->next) {
        const struct job *job = LIST_OF(at, struct job, of_table);
        out += job->out_of == queue
               && (job->state == JOB_HELD || job->state == JOB_ADOPTABLE);
    }
    return out;
}

static bool
has_room(const struct table *t, const struct queue *queue)
{
    if (!t->queues.known)
        return false;
    return queue->limit == 0
           || (queues_counted(&t->queues) && out_of(t, queue) < queue->limit);
}

/* A lane that counts wrong grants nothing, or to nobody. */
static void
lanes_know_who_is_free(const struct machine *m)
{
    const struct lease_state *s = m->state;
    const struct list *all = &s->table.all_lanes;
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct lane *lane = LIST_OF(at, struct lane, of_table);
        size_t free = 0;
        for (size_t i = 0; i < lane->member_count; i++) {
            const struct session *member = lane->members[i];
            free += member->connected && !member->leaving
                    && member->held_count < member->capacity;
        }
        HOLDS(
            m->sim, free == lane->free, "%zu are free, %zu counted", free, lane->free);
        HOLDS(m->sim,
            list_empty(&lane->of_ready)
                == (list_empty(&lane->jobs) || free == 0
                    || !has_room(&s->table, lane->in)),
            "a lane with work for %zu is %s", free,
            list_empty(&lane->of_ready) ? "not ready" : "ready");
    }
}

static void
the_oldest_job_of_a_lane_is_first(const struct machine *m)
{
    const struct lease_state *s = m->state;
    const struct list *all = &s->table.all_lanes;
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct lane *lane = LIST_OF(at, struct lane, of_table);
        uint64_t order = 0;
        for (struct list *j = lane->jobs.next; j != &lane->jobs; j = j->next) {
            const struct job *job = LIST_OF(j, struct job, of_lane);
            HOLDS(m->sim, order <= job->order, "%" PRIu64 " stands before %" PRIu64,
                order, job->order);
            order = job->order;
        }
    }
}

static void
no_lease_outlives_its_silence(const struct machine *m)
{
    const struct lease_state *s = m->state;
    uint64_t now_ms = machine_now_ms(m);
    if (m->actor->due(m->state) <= now_ms)
        return; /* it has not looked yet */
    for (struct list *at = s->table.all_sessions.next; at != &s->table.all_sessions;
         at = at->next) {
        const struct session *session = LIST_OF(at, struct session, of_table);
        uint64_t heard_ms = oracle_heard_ms(m, &session->id);
        HOLDS(m->sim,
            session->held_count == 0 || heard_ms + s->config->lease_ms > now_ms,
            "not heard for %" PRIu64 " ms", now_ms - heard_ms);
    }
}

bool
table_holds(const struct machine *m, const struct id *run, uint32_t step)
{
    const struct lease_state *s = m->state;
    const struct job *job = table_job(&s->table, run, step);
    return job != NULL && job->state == JOB_HELD;
}

bool
table_empty(const struct machine *m)
{
    const struct lease_state *s = m->state;
    return s->table.jobs.count == 0;
}

void
table_check(const struct machine *m)
{
    the_table_of_jobs_is_whole(m);
    lanes_know_who_is_free(m);
    the_oldest_job_of_a_lane_is_first(m);
    no_lease_outlives_its_silence(m);
}

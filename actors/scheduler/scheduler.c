#include "actors/scheduler/scheduler.h"

#include "actors/scheduler/child.h"
#include "actors/scheduler/groups.h"
#include "base/wrong.h"

static void
scheduler_open(void *state, const struct actor_setup *setup)
{
    struct scheduler_state *s = state;
    struct row_key key = row_key('L');

    s->config = setup->config;
    s->journal = setup->journal;
    s->partition = setup->instance;
    s->plans = plans_new();
    struct bytes seen = journal_get(s->journal, row_key_bytes(&key));
    if (seen.data != NULL) {
        row_take_u8(&seen);
        s->lease_epoch = row_take_u64(&seen);
        s->lease_record = row_take_u64(&seen);
    }
    lanes_open(
        &s->lanes, s->journal, s->config->lane_jobs_max, s->config->lane_bytes_max);
    scheduler_find_timer(s);
    scheduler_find_deferred(s);
    groups_find_vacancy(s);
    tellings_find_own(s);
    ends_find(s);
    untold_reset(s);
}

static void
scheduler_close(void *state)
{
    struct scheduler_state *s = state;
    lanes_close(&s->lanes);
    plans_free(&s->plans);
    buffer_free(&s->written.facts);
    buffer_free(&s->written.row);
    buffer_free(&s->written.step);
    arena_free(&s->arena);
}

static bool
knows_plan(const struct scheduler_state *s, const struct id *project,
    const struct plan_offered *offered)
{
    struct row_key key = row_key('P');
    row_key_id(&key, project);
    row_key_id(&key, &offered->automation);
    row_key_u32(&key, offered->version);
    return journal_get(s->journal, row_key_bytes(&key)).data != NULL;
}

/* A plan that is kept already is not said again: only what its automation is now. */
static void
learn(const struct scheduler_state *s, const struct plan_offered *offered,
    struct outbox *out)
{
    struct bytes name;
    struct name_row row = { 0 };
    bool kept = knows_plan(s, &out->project, offered);
    if (!kept || !find_name(s, &out->project, offered->name, &name, &row)
        || row.revision < offered->revision)
        say_plan_learned(out, (struct plan_learned){
                                  .automation = offered->automation,
                                  .name = offered->name,
                                  .version = offered->version,
                                  .plan = kept ? (struct bytes){ 0 } : offered->plan,
                                  .revision = offered->revision,
                                  .current = offered->current,
                                  .status = offered->status,
                              });
    say_plan_known(out, (struct plan_known){
                            .automation = offered->automation,
                            .version = offered->version,
                            .partition = s->partition,
                            .revision = offered->revision,
                        });
}

/* A peer appeared, or missed something: jobs and waits are said again; all else is
 * answered when asked for again. */
static void
greet(const struct scheduler_state *s, const struct message *in, struct outbox *out)
{
    if (in->envelope.from != ACTOR_lease && in->envelope.from != ACTOR_trigger
        && in->envelope.from != ACTOR_scheduler && in->envelope.from != ACTOR_registry)
        return;
    if (in->envelope.from == ACTOR_lease && in->envelope.epoch != s->lease_epoch)
        say_lease_seen(out, (struct lease_seen){ .epoch = in->envelope.epoch });
    say_peer_reset(out, (struct peer_reset){
                            .actor = in->envelope.from,
                            .instance = in->envelope.instance,
                            .life = in->hello.resync == RESYNC_NEW_LIFE,
                        });
}

static void
scheduler_decide(
    const void *state, uint64_t now_ms, const struct message *in, struct outbox *out)
{
    switch (in->code) {
    case HELLO: greet(state, in, out); return;
    case PLAN_OFFERED: learn(state, &in->plan_offered, out); return;
    case RUN_START: on_run_start(state, now_ms, in, out); return;
    case RUN_CANCEL: on_run_cancel(state, now_ms, in, out); return;
    case TRIGGER_FIRED: on_trigger_fired(state, now_ms, in, out); return;
    case JOB_LEASED: on_job_leased(state, now_ms, in, out); return;
    case JOB_LOST: on_job_lost(state, now_ms, in, out); return;
    case JOB_RETURNED: on_job_returned(state, now_ms, in, out); return;
    case JOB_REPORTED: on_job_reported(state, now_ms, in, out); return;
    case JOB_PRINTED: on_job_printed(state, now_ms, in, out); return;
    case WAIT_KNOWN: on_wait_known(state, now_ms, in, out); return;
    case WAIT_MATCHED: on_wait_matched(state, now_ms, in, out); return;
    case RUN_FORWARDED: on_run_forwarded(state, now_ms, in, out); return;
    case FORWARD_TAKEN: on_forward_taken(state, in, out); return;
    case CHILD_CALLED: on_child_called(state, now_ms, in, out); return;
    case CHILD_TAKEN: on_child_taken(state, now_ms, in, out); return;
    case CHILD_ENDED: on_child_ended(state, now_ms, in, out); return;
    case CHILD_SETTLED: on_child_settled(state, in, out); return;
    case CHILD_CANCEL: on_child_cancel(state, now_ms, in, out); return;
    case FAILING_KNOWN: on_failing_known(state, in, out); return;
    case ENDS_WANTED: on_ends_wanted(state, in, out); return;
    case END_TAKEN: on_end_taken(state, in, out); return;
    case REFUSAL_KNOWN: on_refusal_known(state, in, out); return;
    case RUN_SIGNAL: on_run_signal(state, now_ms, in, out); return;
    case RUN_RETRY: on_run_retry(state, now_ms, in, out); return;
    case RUN_FORK: on_run_fork(state, now_ms, in, out); return;
    case STEP_SKIP: on_step_skip(state, now_ms, in, out); return;
    case STEP_OVERRIDE: on_step_override(state, now_ms, in, out); return;
    case INTERACTION_RESPOND: on_interaction_respond(state, now_ms, in, out); return;
    case INTERACTION_DELETE: on_interaction_delete(state, now_ms, in, out); return;
    default: WRONG("the catalogue sends the scheduler no such message");
    }
}

static uint64_t
scheduler_due(const void *state)
{
    const struct scheduler_state *s = state;
    if (s->deferred || s->vacancies.key.size > 0 || tellings_hungry(s)
        || lanes_hungry(&s->lanes) != NULL || lanes_whole(&s->lanes)
        || untold_hungry(&s->untold))
        return 0;
    uint64_t removal_ms = removal_due(s);
    return removal_ms < s->timer_ms ? removal_ms : s->timer_ms;
}

static void
scheduler_tick(const void *state, uint64_t now_ms, struct outbox *out)
{
    const struct scheduler_state *s = state;
    if (s->timer_ms <= now_ms)
        on_timers(s, now_ms, out);
    else if (lanes_hungry(&s->lanes) != NULL)
        offer_jobs(s, now_ms, out);
    else if (lanes_whole(&s->lanes))
        say_leases_told(out,
            (struct leases_told){ .partition = s->partition, .life = s->lease_epoch });
    else if (untold_hungry(&s->untold))
        tell_waits(s, out);
    else if (tellings_hungry(s))
        tell_peers(s, now_ms, out);
    else if (s->vacancies.key.size > 0)
        on_vacancy(s, now_ms, out);
    else if (s->deferred)
        on_deferred(s, now_ms, out);
    else
        remove_runs(s, now_ms, out);
}

const struct actor scheduler_actor = {
    .name = ACTOR_scheduler,
    .state_size = sizeof(struct scheduler_state),
    .open = scheduler_open,
    .close = scheduler_close,
    .decide = scheduler_decide,
    .apply = scheduler_apply,
    .settle = scheduler_settle,
    .due = scheduler_due,
    .tick = scheduler_tick,
};

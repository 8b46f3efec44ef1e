#include "actors/scheduler/state.h"
#include "base/hash.h"
#include "base/wrong.h"

/* Jobs told in one turn; each may need a fact of its own. */
enum { OFFERS_MAX = 64 };
/* After a lease actor began anew: by then gateways have said what their workers hold.
 */
enum { UNSURE_MS = 500 };

static uint64_t
lane_number(const struct id *project, const struct plan_step *step, struct arena *arena)
{
    const struct bytes asked[] = { id_bytes(project), step->queue, step->action,
        step->labels, step->environment };
    size_t size = 0;
    uint64_t number = 0;
    for (size_t i = 0; i < COUNT(asked); i++)
        size += sizeof(uint32_t) + asked[i].size;
    uint8_t *all = arena_take(arena, size), *at = all;
    for (size_t i = 0; i < COUNT(asked); i++) {
        for (int shift = 24; shift >= 0; shift -= 8)
            *at++ = (uint8_t)(asked[i].size >> shift);
        if (asked[i].size > 0)
            memcpy(at, asked[i].data, asked[i].size);
        at += asked[i].size;
    }
    struct hash hash = hash_of(bytes_of(all, size));
    for (int i = 0; i < 8; i++)
        number = number << 8 | hash.bytes[i];
    /* UINT64_MAX means "no lane". */
    /* never: nobody finds a lane that hashes to it */
    return number == UINT64_MAX ? 0 : number;
}

uint64_t
lane_of(struct turn *turn, uint32_t step)
{
    struct layout *layout = &turn->run.layout;
    uint32_t plan = layout_place(layout, step).plan;
    uint64_t *lane = &layout->kept->lanes[plan];
    if (*lane == 0)
        *lane = lane_number(
            &turn->run.project, layout_plan(layout, plan), turn->out->arena);
    return *lane;
}

static bool
look_for_call(void *self, const struct message *fact)
{
    struct action_called *called = self;
    if (fact->code != ACTION_CALLED || fact->action_called.step != called->step)
        return false;
    called->parameters = fact->action_called.parameters;
    return true;
}

/* Templates were evaluated when the attempt was called. */
static struct bytes
parameters_of(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    struct action_called called = { .step = step };
    if (!plan->templated)
        return plan->parameters;
    turn_look(turn, run_step(&turn->run, step)->called, look_for_call, &called);
    return called.parameters;
}

/* What leaves must not borrow from the journal: it is committed before. */
static void
say_offer(struct turn *turn, const struct lane_job *job, uint32_t offer, bool unsure)
{
    struct outbox *out = turn->out;
    const struct step_row *step = run_step(&turn->run, job->step);
    struct plan_step plan = run_plan_step(&turn->run, job->step);
    struct bytes parameters = parameters_of(turn, job->step, &plan);
    say_job_offered(out, (struct job_offered){
                             .run = job->run,
                             .step = job->step,
                             .attempt = step->attempt,
                             .offer = offer,
                             .lane = step->lane,
                             .key = arena_copy(out->arena, plan.key),
                             .automation = arena_copy(out->arena, turn->run.row.name),
                             .action = arena_copy(out->arena, plan.action),
                             .queue = arena_copy(out->arena, plan.queue),
                             .labels = arena_copy(out->arena, plan.labels),
                             .environment = arena_copy(out->arena, plan.environment),
                             .parameters = arena_copy(out->arena, parameters),
                             .deadline_ms = step->due_ms,
                             .leased = step->status == STEP_LEASED ? OFFERED_HELD
                                       : unsure                    ? OFFERED_UNSURE
                                                                   : OFFERED_FREE,
                             .session = step->session,
                             .order = job->record,
                             .life = turn->state->lease_epoch,
                         });
}

static void
offer_job(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out,
    const struct lane_job *job)
{
    struct turn turn;
    if (lanes_has_told(&state->lanes, &job->run, job->step)
        /* never: what is in a lane leaves it before its run goes */
        || !turn_open(&turn, state, 0, out, &job->run))
        return;
    const struct step_row *step = run_step(&turn.run, job->step);
    uint32_t offer = step->offer;
    /* never: a job leaves its lane when its attempt ends */
    if (step->called != job->record
        /* never: and when its step does */
        || (step->status != STEP_OPEN && step->status != STEP_LEASED))
        return;
    /* An earlier lease actor may have granted this offer and died untold. */
    bool unsure = step->status == STEP_OPEN && step->offered <= state->lease_record;
    bool early = now_ms < state->lease_ms + UNSURE_MS;
    if (unsure && !early) {
        offer++;
        say_job_reoffered(out, (struct job_reoffered){
                                   .run = job->run,
                                   .step = job->step,
                                   .attempt = step->attempt,
                                   .offer = offer,
                               });
    }
    say_offer(&turn, job, offer, unsure && early);
}

void
say_lease_known(struct turn *turn, const struct job_leased *leased)
{
    const struct step_row *step = run_step(&turn->run, leased->step);
    struct plan_step plan = run_plan_step(&turn->run, leased->step);
    struct outbox *out = turn->out;
    say_job_offered(out, (struct job_offered){
                             .run = leased->run,
                             .step = leased->step,
                             .attempt = leased->attempt,
                             .offer = leased->offer,
                             .lane = step->lane,
                             .queue = arena_copy(out->arena, plan.queue),
                             .deadline_ms = step->due_ms,
                             .leased = OFFERED_HELD,
                             .session = leased->session,
                             .order = step->called,
                             .life = turn->state->lease_epoch,
                         });
}

struct backlog {
    struct lane_job *jobs;
    uint32_t count, max;
};

static bool
keep_job(void *self, struct bytes key, struct bytes value)
{
    struct backlog *backlog = self;
    struct lane_job *job = &backlog->jobs[backlog->count++];
    struct bytes left = bytes_of(key.data + 9, key.size - 9);
    job->record = row_take_u64(&left);
    job->run = row_take_id(&left);
    job->step = row_take_u32(&left);
    job->project = row_take_id(&value);
    return backlog->count < backlog->max;
}

static void
offer_backlog(const struct scheduler_state *state, uint64_t now_ms,
    const struct lane *lane, uint32_t max, struct outbox *out)
{
    struct backlog backlog = { .max = max };
    struct row_key from = row_key('J'), to = row_key('J');
    struct lane_job last = lane->read;
    row_key_u64(&from, lane->number);
    row_key_u64(&to, lane->number);
    to = row_key_after(&to);
    row_key_u64(&from, last.record);
    row_key_id(&from, &last.run);
    row_key_u32(&from, last.step);
    row_key_u8(&from, 0); /* behind it */
    backlog.jobs = arena_take(out->arena, max * sizeof *backlog.jobs);
    journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        keep_job, &backlog);
    for (uint32_t i = 0; i < backlog.count; i++) {
        last = backlog.jobs[i];
        out->project = last.project;
        offer_job(state, now_ms, out, &last);
    }
    say_lane_read(out, (struct lane_read){
                           .lane = lane->number,
                           .record = last.record,
                           .run = last.run,
                           .step = last.step,
                           .more = backlog.count == max,
                       });
}

void
offer_jobs(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out)
{
    const struct lane *lane = lanes_hungry(&state->lanes);
    uint32_t max = state->lanes.jobs_max - lane->told;
    if (max > OFFERS_MAX)
        max = OFFERS_MAX;
    if (lane->count == 0) {
        offer_backlog(state, now_ms, lane, max, out);
        return;
    }
    for (uint32_t i = 0; i < lane->count && i < max; i++) {
        const struct lane_job *job =
            &lane->next[(lane->head + i) % state->lanes.jobs_max];
        size_t said = out->count;
        out->project = job->project;
        offer_job(state, now_ms, out, job);
        if (out->count == said)
            WRONG("a job that is not open waits to be told");
    }
}

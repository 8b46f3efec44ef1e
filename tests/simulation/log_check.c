/* What the log of a scheduler must say, read from its beginning and compared with the
 * rows, with what was granted and with what was answered outside. */
#include "actors/history.h"
#include "actors/plan/plan_kinds.h"
#include "actors/record.h"
#include "actors/scheduler/run.h"
#include "base/wrong.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/tale.h"

#include <inttypes.h>
#include <stdlib.h>

/* The each in whose item a step lies; NULL: it lies in none. */
static const struct each_tale *
each_of(const struct tale *t, uint32_t step)
{
    for (size_t i = 0; i < t->each_count; i++)
        if (step >= t->eaches[i].first
            && step - t->eaches[i].first < t->eaches[i].count * t->eaches[i].body_count)
            return &t->eaches[i];
    return NULL;
}

static uint32_t
plan_index(const struct tale *t, uint32_t step)
{
    const struct each_tale *each = each_of(t, step);
    if (each == NULL)
        return step;
    return each->body_first + (step - each->first) % each->body_count;
}

struct plan_step
tale_plan_step(struct reading *r, const struct tale *t, uint32_t step)
{
    return plan_step_at(&t->plan, plan_index(t, step), &r->arena);
}

/* Another step of the plan, in the same item. */
static struct step_tale *
beside(struct tale *t, uint32_t step, uint32_t plan)
{
    return &t->steps[step + plan - plan_index(t, step)];
}

/* What the step lies in; NULL: in nothing. */
static struct step_tale *
around(struct reading *r, struct tale *t, uint32_t step)
{
    struct plan_step plan = tale_plan_step(r, t, step);
    const struct each_tale *each = each_of(t, step);
    if (!plan.nested)
        return NULL;
    if (each != NULL
        && (plan.parent < each->body_first
            || plan.parent >= each->body_first + each->body_count))
        return &t->steps[each->step];
    return beside(t, step, plan.parent);
}

static void
open_plan(struct reading *r, struct tale *t)
{
    struct row_key key = row_key('P');
    row_key_id(&key, &t->project);
    row_key_id(&key, &t->automation);
    row_key_u32(&key, t->version);
    struct bytes plan =
        arena_copy(&r->arena, journal_get(r->machine->journal, row_key_bytes(&key)));
    if (plan_open(plan, &t->plan) != ERR_NONE)
        WRONG("a run of a plan that is not there");
}

static uint64_t
input_of(struct bytes inputs)
{
    struct cursor c = cursor_over(pack_find(inputs, "start"));
    return cursor_u64(&c);
}

static void
a_run_starts_once(struct reading *r, const struct message *fact)
{
    const struct run_started *started = &fact->run_started;
    struct tale *t = map_get(&r->by_run, id_bytes(&started->run));
    HOLDS(r->sim, t == NULL, "record %" PRIu64, r->record);
    if (t != NULL)
        return;
    t = sim_room(sizeof *t);
    t->run = started->run;
    t->project = fact->envelope.project;
    t->automation = started->automation;
    t->version = started->version;
    t->key = arena_copy(&r->arena, started->key);
    t->input = input_of(started->inputs);
    t->deadline_ms = started->timeout_ms == 0 ? 0 : r->at_ms + started->timeout_ms;
    open_plan(r, t);
    HOLDS(r->sim, started->steps == t->plan.fixed_count, "%" PRIu32 " steps",
        started->steps);
    t->step_count = started->steps;
    t->steps = sim_room(started->steps * sizeof *t->steps);
    if (started->origin_event > 0)
        t->origin = map_get(&r->by_run, id_bytes(&started->origin));
    t->origin_event = started->origin_event;
    list_append(&r->all, &t->link);
    map_put(&r->by_run, id_bytes(&t->run), t);
}

/* A step that its handler replaces is as its handler is. */
static bool
lets_go_on(struct reading *r, struct tale *t, uint32_t step, uint32_t plan)
{
    struct step_tale *s = beside(t, step, plan);
    struct plan_step of = plan_step_at(&t->plan, plan, &r->arena);
    if (s->over && s->failed && of.on_error == ON_ERROR_STEP)
        s = beside(t, step, of.handler);
    return s->over && s->passes;
}

static bool
handles_a_failure(struct reading *r, struct tale *t, uint32_t step)
{
    uint32_t own = plan_index(t, step);
    for (uint32_t i = 0; i < t->plan.step_count; i++) {
        struct plan_step other = plan_step_at(&t->plan, i, &r->arena);
        if (other.on_error == ON_ERROR_STEP && other.handler == own)
            return beside(t, step, i)->failed;
    }
    return false;
}

static void
no_more_items_at_once_than_the_step_says(
    struct reading *r, struct tale *t, uint32_t step, bool begins)
{
    const struct each_tale *each = each_of(t, step);
    if (each == NULL)
        return;
    uint32_t item = (step - each->first) / each->body_count;
    struct step_tale *first = &t->steps[each->first + item * each->body_count];
    struct step_tale *around_it = &t->steps[each->step];
    struct plan_each config;
    struct plan_step plan = tale_plan_step(r, t, each->step);
    plan_config_read(&plan_each_shape, plan.config, &config);
    around_it->under_way += begins && first->in_item == 0;
    first->in_item += begins;
    TALE_HOLDS(r, t, around_it->under_way <= config.concurrency,
        "%" PRIu32 " of step %" PRIu32, around_it->under_way, each->step);
}

/* Is nothing of an item left?  All that lie in it directly are over. */
static void
end_item(struct reading *r, struct tale *t, uint32_t step)
{
    const struct each_tale *each = each_of(t, step);
    if (each == NULL)
        return;
    uint32_t from = step - (step - each->first) % each->body_count;
    for (uint32_t i = 0; i < each->body_count; i++)
        if (around(r, t, from + i) == &t->steps[each->step] && !t->steps[from + i].over)
            return;
    if (around(r, t, step) == &t->steps[each->step])
        t->steps[each->step].under_way--;
}

static void
a_step_starts_once_when_all_it_needs_is_over(
    struct reading *r, struct tale *t, struct step_tale *s, uint32_t step)
{
    struct plan_step plan = tale_plan_step(r, t, step);
    const struct step_tale *parent = around(r, t, step);
    TALE_HOLDS(r, t, !s->started && !s->over, "step %" PRIu32, step);
    TALE_HOLDS(r, t, parent == NULL || (parent->started && !parent->over),
        "step %" PRIu32 " lies in what is not under way", step);
    TALE_HOLDS(r, t, parent == NULL || !parent->withdrawn,
        "step %" PRIu32 " lies in what somebody has ended", step);
    TALE_HOLDS(r, t, parent != NULL || plan.cleanup == (t->ending != 0),
        "step %" PRIu32 " is of another time", step);
    TALE_HOLDS(r, t, !plan.handles || handles_a_failure(r, t, step),
        "step %" PRIu32 " handles nothing", step);
    for (uint32_t i = 0; i < plan.needs_count; i++)
        TALE_HOLDS(r, t, lets_go_on(r, t, step, plan.needs[i]),
            "step %" PRIu32 " needs %" PRIu32, step, plan.needs[i]);
    s->started = true;
    if (plan.kind != STEP_ACTION)
        s->attempt = (struct attempt_tale){ .number = s->past + 1 };
    no_more_items_at_once_than_the_step_says(r, t, step, true);
}

static void
an_attempt_has_its_time(
    struct reading *r, struct tale *t, const struct action_called *called)
{
    uint64_t timeout_ms = tale_plan_step(r, t, called->step).timeout_ms;
    TALE_HOLDS(r, t,
        timeout_ms == 0 ? called->deadline_ms == 0
                        : called->deadline_ms >= r->at_ms + timeout_ms,
        "step %" PRIu32 " has until %" PRIu64, called->step, called->deadline_ms);
}

static void
attempts_follow_each_other(struct reading *r, struct tale *t, struct step_tale *s,
    const struct action_called *called)
{
    TALE_HOLDS(r, t, s->started && !s->over, "step %" PRIu32, called->step);
    TALE_HOLDS(r, t, called->attempt == s->attempt.number + 1,
        "attempt %" PRIu32 " after %" PRIu32, called->attempt, s->attempt.number);
    TALE_HOLDS(r, t, called->attempt == 1 || s->attempt.ended, "two at once");
    TALE_HOLDS(r, t, called->attempt == 1 || s->retry_ms != 0, "nobody asked for it");
    TALE_HOLDS(r, t, r->at_ms >= s->retry_ms, "%" PRIu64 " ms too early",
        s->retry_ms - r->at_ms);
    s->attempt = (struct attempt_tale){
        .number = called->attempt, .offer = 1, .deadline_ms = called->deadline_ms
    };
    s->retry_ms = 0;
}

static const struct grant *
grant_behind(struct reading *r, const struct tale *t, uint32_t step, uint32_t attempt,
    uint32_t offer)
{
    return oracle_grant(r->sim->oracle, &t->run, step, attempt, offer);
}

static void
an_attempt_completes_once_by_its_holder(struct reading *r, struct tale *t,
    struct step_tale *s, const struct action_completed *done)
{
    const struct grant *grant =
        grant_behind(r, t, done->step, done->attempt, done->offer);
    TALE_HOLDS(r, t, !s->attempt.ended && !s->over, "step %" PRIu32, done->step);
    TALE_HOLDS(r, t,
        done->attempt == s->attempt.number && done->offer == s->attempt.offer,
        "attempt %" PRIu32 " offer %" PRIu32, done->attempt, done->offer);
    TALE_HOLDS(r, t,
        grant != NULL && grant->granted && id_equal(&grant->session, &done->session),
        "it was granted to another");
    TALE_HOLDS(r, t, grant->outcome == OUTCOME_COMPLETED, "it was not reported so");
    struct cursor c = cursor_over(pack_find(done->output, "token"));
    struct bytes token = cursor_blob(&c);
    TALE_HOLDS(r, t,
        token.size > GRANT_NAME_SIZE
            && memcmp(token.data, grant->name, GRANT_NAME_SIZE) == 0,
        "the output is of another");
    s->attempt.ended = s->attempt.completed = true;
}

static void
an_attempt_fails_once_for_a_reason(struct reading *r, struct tale *t,
    struct step_tale *s, const struct action_failed *failed)
{
    const struct grant *grant =
        grant_behind(r, t, failed->step, failed->attempt, failed->offer);
    TALE_HOLDS(r, t, !s->attempt.ended && !s->over, "step %" PRIu32, failed->step);
    TALE_HOLDS(r, t,
        failed->attempt == s->attempt.number && failed->offer == s->attempt.offer,
        "attempt %" PRIu32 " offer %" PRIu32, failed->attempt, failed->offer);
    switch ((enum ending)failed->ending) {
    case ENDING_REPORT:
        TALE_HOLDS(
            r, t, grant != NULL && grant->outcome == OUTCOME_FAILED, "no report");
        break;
    case ENDING_CANCEL:
        TALE_HOLDS(
            r, t, grant != NULL && grant->outcome == OUTCOME_CANCELLED, "no report");
        break;
    case ENDING_FATAL:
        TALE_HOLDS(r, t, grant != NULL && grant->outcome == OUTCOME_FATAL, "no report");
        break;
    case ENDING_SILENCE:
        TALE_HOLDS(r, t, grant != NULL && grant->granted, "nobody held it");
        break;
    case ENDING_TIME:
        TALE_HOLDS(r, t,
            s->attempt.deadline_ms != 0 && r->at_ms >= s->attempt.deadline_ms,
            "before its time");
        break;
    }
    s->counted += failed->ending == ENDING_REPORT || failed->ending == ENDING_TIME;
    s->attempt.ended = true;
    s->attempt.ending = (enum ending)failed->ending;
}

/* Silence was delay enough. */
static void
the_next_attempt_waits_for_its_delay(struct reading *r, struct tale *t,
    const struct step_tale *s, const struct plan_step *plan,
    const struct step_retried *retried)
{
    /* Chance may take so much of it away. */
    uint64_t least_ms = plan->delay_ms * (100 - plan->jitter) / 100;
    if (s->attempt.ending == ENDING_SILENCE)
        least_ms = 0;
    TALE_HOLDS(r, t, retried->due_ms >= r->at_ms + least_ms,
        "step %" PRIu32 " waits %" PRId64 " ms of %" PRIu64, retried->step,
        (int64_t)(retried->due_ms - r->at_ms), least_ms);
}

static void
no_more_attempts_than_the_policy_says(struct reading *r, struct tale *t,
    struct step_tale *s, const struct step_retried *retried)
{
    struct plan_step plan = tale_plan_step(r, t, retried->step);
    if (plan.kind != STEP_ACTION)
        s->attempt = (struct attempt_tale){
            .number = s->past + s->counted++ + 1, .offer = 1, .ended = true
        };
    TALE_HOLDS(
        r, t, s->attempt.ended && !s->attempt.completed && !s->over, "nothing failed");
    TALE_HOLDS(r, t, retried->attempt == s->attempt.number + 1, "attempt %" PRIu32,
        retried->attempt);
    TALE_HOLDS(r, t, s->counted < plan.attempts_max, "%" PRIu32 " of %" PRIu32,
        s->counted, plan.attempts_max);
    the_next_attempt_waits_for_its_delay(r, t, s, &plan, retried);
    s->retry_ms = retried->due_ms;
}

static bool
is_doomed(struct reading *r, struct tale *t, uint32_t step)
{
    struct plan_step plan = tale_plan_step(r, t, step);
    bool doomed = plan.handles && !handles_a_failure(r, t, step);
    for (uint32_t i = 0; i < plan.needs_count; i++) {
        const struct step_tale *need = beside(t, step, plan.needs[i]);
        doomed |= need->over && !lets_go_on(r, t, step, plan.needs[i]);
    }
    return doomed;
}

static void
a_step_ends_once(struct reading *r, struct tale *t, struct step_tale *s,
    const struct message *fact, uint32_t step)
{
    struct plan_step plan = tale_plan_step(r, t, step);
    bool acts = plan.kind == STEP_ACTION && s->attempt.number > s->past;
    TALE_HOLDS(r, t, !s->over && !s->waiting, "step %" PRIu32, step);
    if (fact->code == STEP_COMPLETED)
        TALE_HOLDS(r, t,
            s->started
                && (!acts || s->attempt.completed
                    || plan.on_timeout == ON_TIMEOUT_CONTINUE),
            "step %" PRIu32, step);
    if (fact->code == STEP_FAILED)
        TALE_HOLDS(r, t,
            s->started && (!acts || (s->attempt.ended && !s->attempt.completed)),
            "step %" PRIu32, step);
    if (fact->code == STEP_SKIPPED && !s->started)
        TALE_HOLDS(r, t,
            plan.condition.size > 0 || is_doomed(r, t, step)
                || skipped_by_hand(&fact->step_skipped),
            "step %" PRIu32, step);
    if (fact->code == STEP_CANCELLED)
        TALE_HOLDS(r, t, s->started, "step %" PRIu32, step);
    no_more_items_at_once_than_the_step_says(r, t, step, !s->started);
    s->over = true;
    s->over_event = t->events;
    s->completed = fact->code == STEP_COMPLETED;
    s->failed = fact->code == STEP_FAILED;
    s->passes = s->completed || (s->failed && plan.on_error == ON_ERROR_CONTINUE)
                || (fact->code == STEP_SKIPPED && fact->step_skipped.passes);
    end_item(r, t, step);
}

static void
an_each_has_steps_for_all_its_items(
    struct reading *r, struct tale *t, const struct step_expanded *expanded)
{
    struct plan_step plan = tale_plan_step(r, t, expanded->step);
    struct cursor items = cursor_over(expanded->items);
    TALE_HOLDS(r, t, plan.kind == STEP_EACH && expanded->first == t->step_count,
        "step %" PRIu32, expanded->step);
    TALE_HOLDS(r, t, cursor_array(&items) == expanded->count, "%" PRIu32 " items",
        expanded->count);
    size_t count = t->step_count + expanded->count * plan.body_count;
    struct step_tale *steps = sim_room(count * sizeof *steps);
    memcpy(steps, t->steps, t->step_count * sizeof *steps);
    free(t->steps);
    t->steps = steps;
    struct each_tale *eaches = sim_room((t->each_count + 1) * sizeof *eaches);
    if (t->each_count > 0)
        memcpy(eaches, t->eaches, t->each_count * sizeof *eaches);
    free(t->eaches);
    t->eaches = eaches;
    t->eaches[t->each_count++] = (struct each_tale){ expanded->step, expanded->first,
        expanded->count, plan.body_first, plan.body_count };
    t->step_count = (uint32_t)count;
}

static void
a_wait_is_opened_once_and_ends_once(struct reading *r, struct tale *t,
    struct step_tale *s, uint32_t step, bool opens, uint64_t due_ms)
{
    TALE_HOLDS(
        r, t, s->started && !s->over && s->waiting != opens, "step %" PRIu32, step);
    s->waiting = opens;
    s->due_ms = due_ms;
}

static void
a_wait_is_not_over_before_its_time(
    struct reading *r, struct tale *t, const struct step_tale *s, uint32_t step)
{
    TALE_HOLDS(r, t, s->due_ms != 0 && r->at_ms >= s->due_ms, "step %" PRIu32, step);
}

/* Those of the automations that can fail say that they may. */
static void
an_assertion_holds(struct reading *r, struct tale *t, const struct check_failed *failed)
{
    struct plan_step plan = tale_plan_step(r, t, failed->step);
    struct plan_check check;
    plan_config_read(&plan_check_shape, plan.config, &check);
    TALE_HOLDS(r, t, check.on_fail == 1, "%.*s", (int)plan.key.size,
        (const char *)plan.key.data);
}

static void
offers_follow_each_other(struct reading *r, struct tale *t, struct step_tale *s,
    const struct job_reoffered *again)
{
    TALE_HOLDS(r, t, again->attempt == s->attempt.number && !s->attempt.ended,
        "attempt %" PRIu32, again->attempt);
    TALE_HOLDS(
        r, t, again->offer == s->attempt.offer + 1, "offer %" PRIu32, again->offer);
    s->attempt.offer = again->offer;
    s->attempt.leased = false;
}

static void
a_job_has_one_lease_at_a_time(struct reading *r, struct tale *t, struct step_tale *s,
    const struct job_leased *leased)
{
    TALE_HOLDS(r, t, !s->attempt.ended && !s->over && !s->attempt.leased,
        "step %" PRIu32 " attempt %" PRIu32, leased->step, leased->attempt);
    TALE_HOLDS(r, t,
        leased->attempt == s->attempt.number && leased->offer == s->attempt.offer,
        "attempt %" PRIu32 " offer %" PRIu32, leased->attempt, leased->offer);
    s->attempt.leased = true;
}

static void
a_run_prints_no_more_than_it_may(
    struct reading *r, struct tale *t, const struct job_printed *printed)
{
    enum { NOTICE_MAX = 80 }; /* that the rest is left out, said once */
    uint64_t most = r->sim->config.log_bytes_max;
    TALE_HOLDS(r, t, t->printed <= most, "more than %" PRIu64 " bytes", most);
    t->printed += printed->chunk.size;
    TALE_HOLDS(r, t, t->printed <= most + NOTICE_MAX,
        "%" PRIu64 " of %" PRIu64 " bytes", t->printed, most);
}

/* Its own time, or that somebody asked for its end. */
static void
a_run_is_broken_off_for_a_reason(
    struct reading *r, struct tale *t, const struct run_failed *failed)
{
    if (bytes_equal(failed->stop_reason, text("wall_clock_exceeded")))
        TALE_HOLDS(
            r, t, t->deadline_ms != 0 && r->at_ms >= t->deadline_ms, "before its time");
}

static bool
fails_its_run(struct reading *r, struct tale *t, uint32_t step)
{
    struct plan_step plan = tale_plan_step(r, t, step);
    return t->steps[step].failed && !plan.nested && !plan.cleanup
           && plan.on_error == ON_ERROR_FAIL;
}

/* Unless it never began, or was cancelled while it did so. */
static void
a_run_cleans_up_before_it_ends(struct reading *r, struct tale *t, uint32_t status)
{
    size_t left = 0, cleanups = 0;
    for (uint32_t i = 0; i < t->step_count; i++) {
        struct plan_step plan = tale_plan_step(r, t, i);
        cleanups += plan.cleanup && !plan.nested;
        left += plan.cleanup && !plan.nested && !t->steps[i].over;
    }
    TALE_HOLDS(r, t, !t->began || cleanups == 0 || t->cleaning, "it did not begin to");
    TALE_HOLDS(r, t, !t->began || left == 0 || status == RUN_STOPPED,
        "%zu steps of its cleanup are left", left);
    if (status == RUN_STOPPED && !t->began)
        sim_probe(PROBE_QUEUE_LEFT);
    if (status == RUN_STOPPED && cleanups > 0 && t->cleaning && left == 0)
        sim_probe(PROBE_CLEANED_UP_AFTER_CANCEL);
}

static void
a_run_ends_once_as_its_steps_did(struct reading *r, struct tale *t, uint32_t status)
{
    size_t fatal = 0, open = 0, left = 0;
    for (uint32_t i = 0; i < t->step_count; i++) {
        const struct step_tale *s = &t->steps[i];
        struct plan_step plan = tale_plan_step(r, t, i);
        fatal += fails_its_run(r, t, i);
        open += s->started && !s->over;
        left += !plan.nested && !s->over && (!plan.cleanup || status != RUN_STOPPED);
    }
    TALE_HOLDS(r, t, open == 0, "%zu steps are under way", open);
    TALE_HOLDS(r, t,
        status == RUN_STOPPED || t->deadline_ms != 0
            || ((status == RUN_DONE) == (fatal == 0) && left == 0),
        "status %" PRIu32 ", %zu steps failed, %zu are left", status, fatal, left);
    TALE_HOLDS(r, t, t->ending == 0 || t->ending == status || status == RUN_STOPPED,
        "status %" PRIu32 ", not %" PRIu32, status, t->ending);
    a_run_cleans_up_before_it_ends(r, t, status);
    t->over = true;
    t->status = status;
}

static bool
a_fact_is_about_a_step_of_the_plan(
    struct reading *r, const struct tale *t, uint32_t step)
{
    TALE_HOLDS(r, t, step < t->step_count, "step %" PRIu32, step);
    return step < t->step_count;
}

static void
time_out(struct reading *r, struct tale *t, struct step_tale *s, uint32_t step)
{
    enum step_kind kind = tale_plan_step(r, t, step).kind;
    if (!s->waiting) /* a parallel or an each */
        return;
    a_wait_is_not_over_before_its_time(r, t, s, step);
    a_wait_is_opened_once_and_ends_once(r, t, s, step, false, 0);
    sim_probe(kind == STEP_WAIT          ? PROBE_WAIT_EXPIRED
              : kind == STEP_INTERACTION ? PROBE_EXPIRED
                                         : PROBE_CHILD_EXPIRED);
}

static void
resume(struct reading *r, struct tale *t, struct step_tale *s,
    const struct wait_resumed *resumed)
{
    if (bytes_equal(resumed->by, text("timer")))
        a_wait_is_not_over_before_its_time(r, t, s, resumed->step);
    a_wait_is_opened_once_and_ends_once(r, t, s, resumed->step, false, 0);
    if (bytes_equal(resumed->by, text("signal")))
        step_signalled(r, t, s, resumed);
}

static void
follow_step(struct reading *r, struct tale *t, const struct message *fact)
{
    uint32_t step = fact->step_started.step;
    if (!a_fact_is_about_a_step_of_the_plan(r, t, step))
        return;
    struct step_tale *s = &t->steps[step];
    switch ((int)fact->code) {
    case STEP_STARTED:
        a_step_starts_once_when_all_it_needs_is_over(r, t, s, step);
        return;
    case ACTION_CALLED:
        an_attempt_has_its_time(r, t, &fact->action_called);
        attempts_follow_each_other(r, t, s, &fact->action_called);
        return;
    case ACTION_COMPLETED:
        an_attempt_completes_once_by_its_holder(r, t, s, &fact->action_completed);
        return;
    case ACTION_FAILED:
        an_attempt_fails_once_for_a_reason(r, t, s, &fact->action_failed);
        return;
    case STEP_RETRIED:
        no_more_attempts_than_the_policy_says(r, t, s, &fact->step_retried);
        return;
    case JOB_LEASED: a_job_has_one_lease_at_a_time(r, t, s, &fact->job_leased); return;
    case JOB_PRINTED:
        a_run_prints_no_more_than_it_may(r, t, &fact->job_printed);
        return;
    case JOB_REOFFERED: offers_follow_each_other(r, t, s, &fact->job_reoffered); return;
    case STEP_EXPANDED:
        an_each_has_steps_for_all_its_items(r, t, &fact->step_expanded);
        return;
    case WAIT_OPENED:
        a_wait_is_opened_once_and_ends_once(
            r, t, s, step, true, fact->wait_opened.due_ms);
        return;
    case CHILD_CALLED:
        a_wait_is_opened_once_and_ends_once(
            r, t, s, step, true, r->at_ms + tale_plan_step(r, t, step).timeout_ms);
        return;
    case INTERACTION_REQUESTED:
        a_wait_is_opened_once_and_ends_once(
            r, t, s, step, true, fact->interaction_requested.due_ms);
        question_asked(r, s, &fact->interaction_requested);
        return;
    case WAIT_RESUMED: resume(r, t, s, &fact->wait_resumed); return;
    case STEP_WITHDRAWN: s->withdrawn = true; return;
    case STEP_OVERRIDDEN: step_overridden(r, t, s, &fact->step_overridden); return;
    case WAIT_TIMED_OUT: time_out(r, t, s, step); return;
    case INTERACTION_RESPONDED:
        question_answered(r, t, s, &fact->interaction_responded);
        return;
    case STEP_COPIED: step_copied(r, t, s, &fact->step_copied); return;
    case CHECK_FAILED: an_assertion_holds(r, t, &fact->check_failed); return;
    case STEP_CANCELLED:
        s->waiting = false;
        a_step_ends_once(r, t, s, fact, step);
        return;
    case STEP_SKIPPED:
        if (skipped_by_hand(&fact->step_skipped))
            step_skipped_by_hand(r, t, s, &fact->step_skipped);
        a_step_ends_once(r, t, s, fact, step);
        return;
    case STEP_COMPLETED:
        step_has_seen(r, t, &fact->step_completed);
        a_step_ends_once(r, t, s, fact, step);
        return;
    case STEP_FAILED: a_step_ends_once(r, t, s, fact, step); return;
    default: return;
    }
}

static void
nothing_follows_the_end_of_a_run(
    struct reading *r, const struct tale *t, const struct message *fact)
{
    TALE_HOLDS(r, t,
        !t->over || fact->code == JOB_PRINTED || fact->code == RUN_RESUMED
            || fact->code == STEP_OVERRIDDEN,
        "%s does", message_shapes[fact->code].name);
}

/* The chain goes on over the facts of one run that follow each other in a record. */
static void
end_chain(struct reading *r)
{
    if (r->speaking != NULL)
        r->speaking->chain = hash_chain(&r->speaking->chain, buffer_bytes(&r->said));
    buffer_clear(&r->said);
    r->speaking = NULL;
}

static void
note_chain(struct reading *r, struct tale *t, const struct message *fact)
{
    if (r->speaking != t)
        end_chain(r);
    r->speaking = t;
    pack_u64(&r->said, fact->code);
    pack_blob(&r->said, fact->raw);
}

/* Where the fact lies. */
static void
note_position(struct reading *r, struct tale *t, const struct message *fact)
{
    if (t->last_record != r->record) {
        struct position position = { r->record, t->events };
        buffer_append(&t->positions, &position, sizeof position);
        t->last_record = r->record;
    }
    t->events += history_name(fact->code) != NULL;
}

static bool
a_fact_is_about_a_run_that_began(const struct reading *r, const struct tale *t)
{
    HOLDS(r->sim, t != NULL, "record %" PRIu64, r->record);
    return t != NULL;
}

static void
follow(struct reading *r, const struct message *fact)
{
    switch ((int)fact->code) {
    case PLAN_LEARNED:
    case LEASE_SEEN:
    case WAIT_SETTLED: return;
    case RUN_FORWARDED: r->forwarded += fact->run_forwarded.key.size > 0; return;
    case FORWARD_SETTLED:
    case START_REFUSED:
    case FIRE_REFUSED:
    case CHILD_ENDED:
    case AUTOMATION_FAILING:
    case ENDS_LEARNED:
    case RUN_ENDED:
    case TELLING_SETTLED: return; /* about no run of this log */
    }
    if (fact->code == RUN_QUEUED
        || (fact->code == RUN_STARTED && !fact->run_started.queued))
        a_run_starts_once(r, fact);
    struct tale *t = map_get(&r->by_run, bytes_of(fact->body, ID_SIZE));
    if (!a_fact_is_about_a_run_that_began(r, t))
        return;
    nothing_follows_the_end_of_a_run(r, t, fact);
    note_position(r, t, fact);
    note_chain(r, t, fact);
    switch ((int)fact->code) {
    case RUN_QUEUED: return;
    case RUN_STARTED: t->began = true; return;
    case RUN_RESUMED: run_goes_on(r, t, &fact->run_resumed); return;
    case RUN_DEFERRED:
        if (!fact->run_deferred.more)
            t->ending = fact->run_deferred.ending;
        t->cleaning |= t->ending != 0;
        return;
    case RUN_COMPLETED: a_run_ends_once_as_its_steps_did(r, t, RUN_DONE); return;
    case RUN_FAILED:
        a_run_is_broken_off_for_a_reason(r, t, &fact->run_failed);
        a_run_ends_once_as_its_steps_did(r, t, RUN_BROKEN);
        return;
    case RUN_CANCELLED: a_run_ends_once_as_its_steps_did(r, t, RUN_STOPPED); return;
    default: follow_step(r, t, fact); return;
    }
}

static void
no_earlier_life_writes(const struct reading *r, const struct record *record)
{
    HOLDS(r->sim, record->at_ms >= r->at_ms, "record %" PRIu64 " goes back in time",
        record->number);
    HOLDS(r->sim, record->epoch >= r->epoch, "record %" PRIu64 " does", record->number);
}

static void
every_record_can_be_read(const struct reading *r, const struct record_reader *reader)
{
    HOLDS(r->sim, !reader->bad, "record %" PRIu64, r->record);
}

static void
read_log(struct reading *r)
{
    struct journal *journal = r->machine->journal;
    struct arena arena = { 0 };
    for (uint64_t n = 1; n <= journal_last(journal); n++) {
        struct record record;
        struct record_reader reader;
        struct message fact;
        if (journal_read(journal, n, &record) != ERR_NONE)
            WRONG("a record is missing");
        no_earlier_life_writes(r, &record);
        r->at_ms = record.at_ms;
        r->record = n;
        r->epoch = record.epoch;
        if (!record_open(&reader, journal, &arena, record.facts))
            WRONG("a record cannot be read");
        while (record_next(&reader, &fact))
            follow(r, &fact);
        end_chain(r);
        every_record_can_be_read(r, &reader);
        arena_reset(&arena);
    }
    arena_free(&arena);
}

static void
forget(struct reading *r)
{
    struct list *at;
    while ((at = list_first(&r->all)) != NULL) {
        struct tale *t = LIST_OF(at, struct tale, link);
        list_remove(at);
        buffer_free(&t->positions);
        free(t->steps);
        free(t->eaches);
        free(t);
    }
    map_free(&r->by_run);
    buffer_free(&r->said);
    arena_free(&r->arena);
}

static void
every_run_has_its_end(struct reading *r, const struct tale *t)
{
    TALE_HOLDS(r, t, t->over, "it has none");
}

void
log_check(struct sim *sim, const struct machine *scheduler)
{
    struct reading r = { .sim = sim, .machine = scheduler };
    list_open(&r.all);
    read_log(&r);
    for (struct list *at = r.all.next; at != &r.all; at = at->next)
        every_run_has_its_end(&r, LIST_OF(at, struct tale, link));
    for (struct list *at = r.all.next; at != &r.all; at = at->next)
        all_is_copied_that_was_over(&r, LIST_OF(at, struct tale, link));
    log_end_check(&r);
    forget(&r);
}

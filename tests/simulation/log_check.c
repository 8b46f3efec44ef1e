/* What the log of a scheduler must say, read from its beginning and compared with the
 * rows, with what was granted and with what was answered outside. */
#include "actors/history.h"
#include "actors/record.h"
#include "actors/scheduler/run.h"
#include "base/wrong.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

#include <inttypes.h>
#include <stdlib.h>

struct attempt_tale {
    uint32_t number, offer;
    uint64_t deadline_ms;
    bool ended, completed;
};

struct step_tale {
    bool started, completed, over;
    struct attempt_tale attempt; /* the last one */
    uint32_t counted;            /* attempts that count against the policy */
    uint64_t retry_ms;           /* 0: no retry is due */
};

/* One run as the log tells it. */
struct tale {
    struct list link;
    struct id run, project, automation;
    uint32_t version;
    struct plan plan;
    struct step_tale *steps;
    uint64_t deadline_ms, events, last_record;
    bool over;
    uint32_t status;
    struct hash chain;
    struct buffer positions;
    struct bytes key;
    uint64_t input;
};

struct reading {
    struct sim *sim;
    const struct machine *machine;
    struct arena arena;
    struct map by_run;
    struct list all;
    uint64_t at_ms, record;
    struct tale *speaking; /* of the last fact of this record */
    struct buffer said;    /* its facts, one after another */
};

#define TALE_HOLDS(r, tale, condition, ...)                                            \
    do {                                                                               \
        if (!(condition)) {                                                            \
            char run_[ID_TEXT_MAX];                                                    \
            sim_trace((r)->sim, "about %s", id_print(&(tale)->run, "run_", run_));     \
            sim_broken((r)->sim, __func__, __VA_ARGS__);                               \
        }                                                                              \
    } while (0)

static struct plan_step
plan_step(struct reading *r, const struct tale *t, uint32_t step)
{
    return plan_step_at(&t->plan, step, &r->arena);
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
    t = sim_room(sizeof *t);
    t->run = started->run;
    t->project = fact->envelope.project;
    t->automation = started->automation;
    t->version = started->version;
    t->key = arena_copy(&r->arena, started->key);
    t->input = input_of(started->inputs);
    t->deadline_ms = started->timeout_ms == 0 ? 0 : r->at_ms + started->timeout_ms;
    open_plan(r, t);
    HOLDS(r->sim, started->steps == t->plan.step_count, "%" PRIu32 " steps",
        started->steps);
    t->steps = sim_room(started->steps * sizeof *t->steps);
    list_append(&r->all, &t->link);
    map_put(&r->by_run, id_bytes(&t->run), t);
}

static void
a_step_starts_once_when_all_it_needs_is_done(
    struct reading *r, struct tale *t, struct step_tale *s, uint32_t step)
{
    struct plan_step plan = plan_step(r, t, step);
    TALE_HOLDS(r, t, !s->started && !s->over, "step %" PRIu32, step);
    for (uint32_t i = 0; i < plan.needs_count; i++)
        TALE_HOLDS(r, t, t->steps[plan.needs[i]].completed,
            "step %" PRIu32 " needs %" PRIu32, step, plan.needs[i]);
    s->started = true;
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
}

static void
no_more_attempts_than_the_policy_says(struct reading *r, struct tale *t,
    struct step_tale *s, const struct step_retried *retried)
{
    struct plan_step plan = plan_step(r, t, retried->step);
    TALE_HOLDS(
        r, t, s->attempt.ended && !s->attempt.completed && !s->over, "nothing failed");
    TALE_HOLDS(r, t, retried->attempt == s->attempt.number + 1, "attempt %" PRIu32,
        retried->attempt);
    TALE_HOLDS(r, t, s->counted < plan.attempts_max, "%" PRIu32 " of %" PRIu32,
        s->counted, plan.attempts_max);
    TALE_HOLDS(r, t, retried->due_ms >= r->at_ms, "in the past");
    s->retry_ms = retried->due_ms;
}

static void
a_step_ends_once(struct reading *r, struct tale *t, struct step_tale *s,
    const struct message *fact, uint32_t step)
{
    struct plan_step plan = plan_step(r, t, step);
    bool doomed = false;
    for (uint32_t i = 0; i < plan.needs_count; i++) {
        const struct step_tale *need = &t->steps[plan.needs[i]];
        doomed |= need->over && !need->completed;
    }
    TALE_HOLDS(r, t, !s->over, "step %" PRIu32, step);
    /* What waits for an event has no attempts; events_check looks at it. */
    if (plan.kind == STEP_ACTION && fact->code == STEP_COMPLETED)
        TALE_HOLDS(r, t, s->attempt.completed, "step %" PRIu32, step);
    if (plan.kind == STEP_ACTION && fact->code == STEP_FAILED)
        TALE_HOLDS(
            r, t, s->attempt.ended && !s->attempt.completed, "step %" PRIu32, step);
    if (fact->code == STEP_SKIPPED)
        TALE_HOLDS(r, t, !s->started && doomed, "step %" PRIu32, step);
    if (fact->code == STEP_CANCELLED)
        TALE_HOLDS(r, t, s->started, "step %" PRIu32, step);
    s->over = true;
    s->completed = fact->code == STEP_COMPLETED;
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
}

static void
a_run_ends_once_as_its_steps_did(struct reading *r, struct tale *t, uint32_t status)
{
    size_t completed = 0, open = 0;
    for (uint32_t i = 0; i < t->plan.step_count; i++) {
        completed += t->steps[i].completed;
        open += t->steps[i].started && !t->steps[i].over;
    }
    TALE_HOLDS(r, t, open == 0, "%zu steps are under way", open);
    TALE_HOLDS(r, t,
        (status == RUN_DONE) == (completed == t->plan.step_count)
            || status == RUN_STOPPED || t->deadline_ms != 0,
        "status %" PRIu32 ", %zu steps completed", status, completed);
    t->over = true;
    t->status = status;
}

static void
follow_step(struct reading *r, struct tale *t, const struct message *fact)
{
    uint32_t step = fact->step_started.step;
    HOLDS(r->sim, step < t->plan.step_count, "step %" PRIu32, step);
    struct step_tale *s = &t->steps[step];
    switch ((int)fact->code) {
    case STEP_STARTED:
        a_step_starts_once_when_all_it_needs_is_done(r, t, s, step);
        return;
    case ACTION_CALLED:
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
    case JOB_REOFFERED: offers_follow_each_other(r, t, s, &fact->job_reoffered); return;
    case STEP_COMPLETED:
    case STEP_FAILED:
    case STEP_SKIPPED:
    case STEP_CANCELLED: a_step_ends_once(r, t, s, fact, step); return;
    default: return;
    }
}

static void
nothing_follows_the_end_of_a_run(
    struct reading *r, const struct tale *t, const struct message *fact)
{
    TALE_HOLDS(r, t, !t->over || fact->code == JOB_PRINTED, "%s does",
        message_shapes[fact->code].name);
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
        uint8_t written[POSITION_SIZE];
        position_write(&position, written);
        buffer_append(&t->positions, written, POSITION_SIZE);
        t->last_record = r->record;
    }
    t->events += history_name(fact->code) != NULL;
}

static void
follow(struct reading *r, const struct message *fact)
{
    /* What the trigger actor has been told is no part of the run. */
    if (fact->code == PLAN_LEARNED || fact->code == LEASE_SEEN
        || fact->code == WAIT_SETTLED)
        return;
    if (fact->code == RUN_STARTED)
        a_run_starts_once(r, fact);
    struct tale *t = map_get(&r->by_run, bytes_of(fact->body, ID_SIZE));
    HOLDS(r->sim, t != NULL, "a fact about a run that never began");
    nothing_follows_the_end_of_a_run(r, t, fact);
    note_position(r, t, fact);
    note_chain(r, t, fact);
    switch ((int)fact->code) {
    case RUN_STARTED:
    case RUN_DEFERRED: return;
    case RUN_COMPLETED: a_run_ends_once_as_its_steps_did(r, t, RUN_DONE); return;
    case RUN_FAILED: a_run_ends_once_as_its_steps_did(r, t, RUN_BROKEN); return;
    case RUN_CANCELLED: a_run_ends_once_as_its_steps_did(r, t, RUN_STOPPED); return;
    default: follow_step(r, t, fact); return;
    }
}

/* ---- what was read, against everything else ---- */

static void
the_row_says_what_the_log_says(struct reading *r, struct tale *t)
{
    struct run run;
    TALE_HOLDS(r, t,
        run_read(&run, r->machine->journal, &r->arena, &t->project, &t->run),
        "there is none");
    TALE_HOLDS(r, t, run.row.status == t->status, "status %" PRIu32, run.row.status);
    TALE_HOLDS(r, t, run.row.events == t->events, "%" PRIu64 " events, not %" PRIu64,
        run.row.events, t->events);
    TALE_HOLDS(r, t, bytes_equal(run.row.chain, bytes_of(t->chain.bytes, HASH_SIZE)),
        "another chain of facts");
    for (uint32_t i = 0; i < t->plan.step_count; i++)
        TALE_HOLDS(r, t,
            (run_step(&run, i)->status == STEP_DONE) == t->steps[i].completed,
            "step %" PRIu32, i);
}

/* So the log that a client reads by them has no gap. */
static void
positions_name_every_fact(struct reading *r, struct tale *t)
{
    struct buffer stored = { 0 };
    struct run run;
    if (!run_read(&run, r->machine->journal, &r->arena, &t->project, &t->run))
        WRONG("it was there before");
    for (uint32_t i = 0; i < run.row.pages; i++) {
        struct row_key key = row_key_run('E', &t->project, &t->run);
        row_key_u32(&key, i);
        buffer_append_bytes(
            &stored, journal_get(r->machine->journal, row_key_bytes(&key)));
    }
    buffer_append_bytes(&stored, run.row.positions);
    TALE_HOLDS(r, t, bytes_equal(buffer_bytes(&stored), buffer_bytes(&t->positions)),
        "%zu positions, not %zu", stored.size / POSITION_SIZE,
        t->positions.size / POSITION_SIZE);
    buffer_free(&stored);
}

static void
what_was_said_outside_is_in_the_log(struct reading *r, struct tale *t)
{
    const struct told *told = oracle_told(r->sim->oracle, &t->run);
    if (told == NULL)
        return;
    TALE_HOLDS(r, t, told->sequence <= t->events, "event %" PRIu64, told->sequence);
    TALE_HOLDS(r, t, told->status == 0 || told->status == t->status,
        "status %" PRIu32 ", not %" PRIu32, told->status, t->status);
}

static void
a_key_names_one_run(struct reading *r, const struct tale *t)
{
    for (struct list *at = r->all.next; t->key.size > 0 && at != &r->all;
         at = at->next) {
        const struct tale *other = LIST_OF(at, struct tale, link);
        TALE_HOLDS(r, t,
            other == t || !bytes_equal(other->key, t->key)
                || !id_equal(&other->project, &t->project),
            "%.*s", (int)t->key.size, (const char *)t->key.data);
    }
}

static void
an_accepted_start_has_its_inputs(struct reading *r)
{
    const struct oracle *o = r->sim->oracle;
    for (size_t i = 0; i < o->start_count; i++) {
        const struct start *start = &o->starts[i];
        const struct tale *t = map_get(&r->by_run, id_bytes(&start->run));
        HOLDS(r->sim,
            t == NULL || (t->input == start->input && t->version == start->version),
            "start %" PRIu64, start->input);
    }
}

static void
an_accepted_report_is_in_the_log(struct reading *r)
{
    const struct oracle *o = r->sim->oracle;
    for (struct list *at = o->all_grants.next; at != &o->all_grants; at = at->next) {
        const struct grant *grant = LIST_OF(at, struct grant, link);
        struct bytes left = bytes_of(grant->name, GRANT_NAME_SIZE);
        struct id id = row_take_id(&left);
        uint32_t step = row_take_u32(&left), attempt = row_take_u32(&left);
        uint32_t offer = row_take_u32(&left);
        struct tale *t = map_get(&r->by_run, id_bytes(&id));
        struct run run;
        if (t == NULL || grant->verdict == 0)
            continue;
        if (!run_read(&run, r->machine->journal, &r->arena, &t->project, &id))
            WRONG("it was there before");
        struct attempt_ending ending = step_ending(run_step(&run, step), attempt);
        bool there =
            ending.offer == offer
            && (ending.ending == ENDING_REPORT || ending.ending == ENDING_CANCEL);
        TALE_HOLDS(r, t, there == (grant->verdict == VERDICT_ACCEPTED),
            "step %" PRIu32 " attempt %" PRIu32 " offer %" PRIu32 " verdict %" PRIu32,
            step, attempt, offer, grant->verdict);
    }
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
        HOLDS(r->sim, record.at_ms >= r->at_ms, "record %" PRIu64 " goes back in time",
            n);
        r->at_ms = record.at_ms;
        r->record = n;
        if (!record_open(&reader, journal, &arena, record.facts))
            WRONG("a record cannot be read");
        while (record_next(&reader, &fact))
            follow(r, &fact);
        end_chain(r);
        HOLDS(r->sim, !reader.bad, "record %" PRIu64 " cannot be read", n);
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
        free(t);
    }
    map_free(&r->by_run);
    buffer_free(&r->said);
    arena_free(&r->arena);
}

void
log_check(struct sim *sim, const struct machine *scheduler)
{
    struct reading r = { .sim = sim, .machine = scheduler };
    list_open(&r.all);
    read_log(&r);
    for (struct list *at = r.all.next; at != &r.all; at = at->next) {
        struct tale *t = LIST_OF(at, struct tale, link);
        TALE_HOLDS(&r, t, t->over, "a run never ended");
        the_row_says_what_the_log_says(&r, t);
        positions_name_every_fact(&r, t);
        what_was_said_outside_is_in_the_log(&r, t);
        a_key_names_one_run(&r, t);
    }
    an_accepted_start_has_its_inputs(&r);
    an_accepted_report_is_in_the_log(&r);
    forget(&r);
}

/* A run that shares the beginning of another: the other is followed from its facts up
 * to the event, in memory; what was over by then is said of the new run.  What one turn
 * cannot say follows in others, and until then no step of the run begins. */
#include "actors/history.h"
#include "actors/record.h"
#include "actors/scheduler/policy.h"
#include "actors/scheduler/scope.h"
#include "base/wrong.h"

#include <assert.h>
#include <inttypes.h>

/* Room in a turn for what begins the run and what follows at once. */
enum { BEGIN_ROOM = 40 };

struct copy {
    uint32_t step;   /* in the origin; PLAN_NO_STEP: only its output is given */
    uint32_t target; /* in the new run */
    struct bytes key, output;
    uint32_t status, attempt;
    bool passes;
    bool given; /* by who forks */
};

struct forking {
    const struct scheduler_state *state;
    struct outbox *out;
    const struct run_fork *asked;
    struct turn shadow; /* the origin as it was */
    struct run_started started;
    uint32_t *over; /* steps in the order in which they ended, some more than once */
    uint32_t over_count, over_capacity;
    struct copy *copies;
    uint32_t copy_count;
};

static const struct refusal none = { .err = ERR_NONE, .detail = "" };
static const struct refusal too_many = { .err = ERR_TOO_LARGE,
    .detail = "more outputs are given than one turn can say" };

/* ---- the origin as it was ---- */

static void
note_over(struct forking *f, const struct message *fact)
{
    struct arena *arena = f->out->arena;
    switch ((int)fact->code) {
    case STEP_COMPLETED:
    case STEP_FAILED:
    case STEP_SKIPPED:
    case STEP_OVERRIDDEN:
    case STEP_COPIED: break;
    default: return;
    }
    if (f->over_count == f->over_capacity) {
        uint32_t capacity = f->over_capacity * 2 + 32;
        uint32_t *grown = arena_take(arena, capacity * sizeof *grown);
        if (f->over_count > 0)
            memcpy(grown, f->over, f->over_count * sizeof *grown);
        f->over = grown;
        f->over_capacity = capacity;
    }
    f->over[f->over_count++] = fact->step_started.step;
}

/* It has the id of no run: no page of its steps is read. */
static void
begin_shadow(struct forking *f, const struct message *fact)
{
    static const uint64_t shadow_tag = (uint64_t)'s' << 56;
    struct run *run = &f->shadow.run;
    struct run_started started = fact->run_started;
    started.run = id_derive(&f->asked->run, shadow_tag);
    run_begin(run, f->state->journal, f->state->plans, f->out->arena, &f->out->project,
        &started);
}

/* Follow what one record says of the origin.  False: its next event is behind the last
 * one that is shared. */
static bool
follow_record(struct forking *f, uint64_t number)
{
    struct record record;
    struct record_reader reader;
    struct message fact;
    struct journal *journal = f->state->journal;
    struct run *run = &f->shadow.run;
    if (journal_read(journal, number, &record) != ERR_NONE
        || !record_open(
            &reader, journal, f->out->arena, arena_copy(f->out->arena, record.facts)))
        WRONG("a record of a run cannot be read");
    while (record_next(&reader, &fact)) {
        if (!fact_is_about(&fact, &f->asked->origin))
            continue;
        if (history_name(fact.code) != NULL && run->row.events == f->asked->event)
            return false;
        bool creates = fact.code == RUN_QUEUED
                       || (fact.code == RUN_STARTED && !fact.run_started.queued);
        if (creates)
            begin_shadow(f, &fact);
        run->record = number;
        run_follow(run, record.at_ms, &fact);
        note_over(f, &fact);
    }
    return true;
}

static bool
follow_positions(struct forking *f, struct bytes positions)
{
    struct position_list list = position_list_over(positions);
    struct position at;
    while (position_list_next(&list, &at))
        if (!follow_record(f, at.record))
            return false;
    return true;
}

/* At least its start is read: it has the inputs. */
static void
follow_origin(struct forking *f, const struct run *origin)
{
    struct journal *journal = f->state->journal;
    for (uint32_t page = 0; page < origin->row.pages; page++) {
        struct row_key key = row_key_run('E', &origin->project, &origin->id);
        row_key_u32(&key, page);
        struct bytes positions = journal_get(journal, row_key_bytes(&key));
        if (!follow_positions(f, positions))
            return;
    }
    (void)follow_positions(f, origin->row.positions);
}

static void
make_shadow(struct forking *f, const struct run *origin)
{
    follow_origin(f, origin);
    /* What it made lies in the journal, not in this turn. */
    f->shadow.run.record = journal_last(f->state->journal) + 1;
}

static bool
look_for_start(void *self, const struct message *fact)
{
    struct forking *f = self;
    /* Both are said with the same words, and before all else of a run. */
    assert(fact->code == RUN_STARTED || fact->code == RUN_QUEUED);
    f->started = fact->run_started;
    return true;
}

/* ---- what is copied ---- */

static struct copy *
copy_of(struct forking *f, struct bytes key)
{
    for (uint32_t i = 0; i < f->copy_count; i++)
        if (bytes_equal(f->copies[i].key, key))
            return &f->copies[i];
    return NULL;
}

/* What was over twice is collected twice, and said once. */
static struct refusal
collect(struct forking *f)
{
    struct run *run = &f->shadow.run;
    for (uint32_t i = 0; i < f->over_count; i++) {
        uint32_t step = f->over[i];
        struct plan_step plan = run_plan_step(run, step);
        if (plan.nested || !run_kept(run, step))
            continue;
        const struct step_row *row = run_step(run, step);
        struct copy *copy = &f->copies[f->copy_count++];
        *copy = (struct copy){ .step = step,
            .key = plan.key,
            .status = row->status,
            .attempt = row->attempt,
            .passes = row->passed || row->status == STEP_DONE };
        if (row->status == STEP_DONE && !step_output(&f->shadow, step, &copy->output))
            return refuse(ERR_TOO_LARGE, "an output is larger than payload_max");
    }
    return none;
}

static uint32_t
given_count(const struct forking *f)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->copy_count; i++)
        count += f->copies[i].given;
    return count;
}

static struct refusal
set_outputs(struct forking *f)
{
    struct bytes outputs = f->asked->outputs;
    struct cursor in = cursor_over(outputs);
    if (outputs.size == 0)
        return none;
    if (pack_check(outputs) != ERR_NONE || cursor_type(&in) != PACK_MAP)
        return refuse(ERR_INVALID, "outputs: expected a map of step keys");
    size_t count = cursor_map(&in);
    if (count > OUTBOX_MAX)
        return too_many; /* before each is looked for among all */
    for (size_t i = 0; i < count; i++) {
        struct cursor name = cursor_over(cursor_skip(&in));
        struct bytes key = cursor_text(&name), output = cursor_skip(&in);
        struct copy *copy = copy_of(f, key);
        if (copy == NULL) {
            copy = &f->copies[f->copy_count++];
            *copy = (struct copy){ .step = PLAN_NO_STEP, .key = key };
        }
        copy->given = true;
        copy->output = output;
        copy->status = STEP_DONE;
        copy->passes = true;
    }
    return none;
}

static const char *
print(struct forking *f, const char *before, struct bytes key, const char *after)
{
    struct buffer words = { 0 };
    buffer_print(
        &words, "%s%.*s%s", before, (int)key.size, (const char *)key.data, after);
    buffer_append(&words, "", 1);
    struct bytes kept = arena_copy(f->out->arena, buffer_bytes(&words));
    buffer_free(&words);
    return (const char *)kept.data;
}

/* Every step that is copied must be one of the version that is started. */
static struct refusal
find_targets(struct forking *f, const struct plan *plan)
{
    for (uint32_t i = 0; i < f->copy_count; i++) {
        struct copy *copy = &f->copies[i];
        copy->target = plan_find_step(plan, copy->key);
        if (copy->target == PLAN_NO_STEP)
            return refuse(
                ERR_CONFLICT, print(f, "the version has no step ", copy->key, ""));
        struct plan_step step = plan_step_at(plan, copy->target, f->out->arena);
        if (step.nested || step.cleanup)
            return refuse(ERR_CONFLICT,
                print(f, "the output of ", copy->key,
                    " cannot be given: it lies in another step, or cleans up"));
    }
    return none;
}

static size_t
outputs_given(const struct forking *f)
{
    struct cursor in = cursor_over(f->asked->outputs);
    return f->asked->outputs.size > 0 && cursor_type(&in) == PACK_MAP ? cursor_map(&in)
                                                                      : 0;
}

static struct refusal
plan_copies(struct forking *f)
{
    size_t most = f->over_count + outputs_given(f);
    f->copies = arena_take(f->out->arena, (most + 1) * sizeof *f->copies);
    struct refusal refusal = collect(f);
    if (refusal.err == ERR_NONE)
        refusal = set_outputs(f);
    if (refusal.err == ERR_NONE
        && !outbox_has_room(f->out, given_count(f) + BEGIN_ROOM))
        return too_many;
    return refusal;
}

/* ---- the new run ---- */

static struct refusal
begin(struct forking *f, struct turn *turn)
{
    const struct run_fork *asked = f->asked;
    const struct run_started *was = &f->started;
    char automation[ID_TEXT_MAX];
    struct start_of of;
    id_print(&was->automation, "aut_", automation);
    struct start start = {
        .run = asked->run,
        .automation = arena_copy(f->out->arena, text(automation)),
        .version = asked->version > 0 ? asked->version : was->version,
        .inputs = asked->inputs.size > 0 ? asked->inputs : was->inputs,
        .source = text("fork"),
        .trigger = was->trigger,
        .data = was->data,
        .meta = was->meta,
        .config = was->config,
        .origin = asked->origin,
        .origin_event = asked->event,
        .by = asked->by,
        .at_once = true,
    };
    struct refusal refusal = start_find(f->state, f->out, &start, &of);
    if (refusal.err == ERR_NONE)
        refusal = find_targets(f, &of.kept->plan);
    if (refusal.err != ERR_NONE)
        return refusal;
    if (home_of(f->state, &of.kept->plan, &start, &was->automation)
        != f->state->partition)
        return refuse(ERR_CONFLICT,
            "runs of that version see each other, and those of its origin did not");
    return start_run(turn, &start);
}

static void
say_copy(struct turn *turn, const struct copy *copy)
{
    struct step_copied copied = {
        .run = turn->run.id,
        .step = copy->target,
        .key = copy->key,
        .status = copy->status,
        .output = copy->output,
        .attempt = copy->attempt,
        .passes = copy->passes,
    };
    turn_say(turn, &(struct message){ .code = STEP_COPIED, .step_copied = copied });
}

/* Those that somebody gives are in no record but what is said now.  Returns whether
 * there was room for all. */
static bool
say_copies(struct forking *f, struct turn *turn, bool given)
{
    for (uint32_t i = 0; i < f->copy_count; i++) {
        const struct copy *copy = &f->copies[i];
        bool was_said = run_step(&turn->run, copy->target)->status != STEP_PENDING;
        if (was_said || (given && !copy->given))
            continue;
        if (!outbox_has_room(f->out, BEGIN_ROOM))
            return false;
        say_copy(turn, copy);
    }
    return true;
}

static void
say_copying(struct turn *turn, bool copying)
{
    struct run_deferred deferred = {
        .run = turn->run.id, .more = true, .copying = copying
    };
    turn_say(turn, &(struct message){ .code = RUN_DEFERRED, .run_deferred = deferred });
}

static void
begin_copies(struct forking *f, struct turn *turn)
{
    bool whole = outbox_has_room(f->out, f->copy_count + BEGIN_ROOM);
    if (!whole)
        (void)say_copies(f, turn, true);
    if (!say_copies(f, turn, false))
        say_copying(turn, true);
}

static const char *
last_event(struct forking *f, const struct turn *origin)
{
    struct buffer count = { 0 };
    buffer_print(&count, "%" PRIu64, origin->run.row.events);
    const char *said = print(f, "event: the run has ", buffer_bytes(&count), " so far");
    buffer_free(&count);
    return said;
}

static struct refusal
fork_run(struct forking *f, struct turn *turn, uint64_t now_ms)
{
    const struct run_fork *asked = f->asked;
    struct turn origin;
    if (!turn_open(&origin, f->state, now_ms, f->out, &asked->origin))
        return refuse(ERR_NOT_FOUND, "there is no such run in the project");
    if (asked->event > origin.run.row.events)
        return refuse(ERR_INVALID, last_event(f, &origin));
    turn_look(&origin, origin.run.row.record, look_for_start, f);
    if (asked->event > 0)
        make_shadow(f, &origin.run);
    struct refusal refusal = plan_copies(f);
    if (refusal.err == ERR_NONE)
        refusal = begin(f, turn);
    if (refusal.err != ERR_NONE)
        return refusal;
    begin_copies(f, turn);
    turn_close(turn);
    return none;
}

static struct forking *
forking_new(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out,
    const struct run_fork *asked)
{
    struct forking *f = arena_take(out->arena, sizeof *f);
    *f = (struct forking){ .state = state,
        .out = out,
        .asked = asked,
        .shadow = {
            .state = state, .now_ms = now_ms, .out = out, .history = &asked->origin } };
    return f;
}

/* The same is collected again, and what was said of it before is left out.  The origin
 * is there: nobody is removed while a run is left waiting. */
static struct refusal
copy_more(struct forking *f, struct turn *turn)
{
    struct turn origin;
    if (!turn_open(&origin, f->state, turn->now_ms, f->out, &f->asked->origin))
        WRONG("a run is copied from one that is not there");
    make_shadow(f, &origin.run);
    struct refusal refusal = plan_copies(f);
    if (refusal.err != ERR_NONE)
        return refusal;
    if (find_targets(f, &turn->run.plan).err != ERR_NONE)
        WRONG("a step is copied that the version has not");
    if (say_copies(f, turn, false)) {
        say_copying(turn, false);
        turn_look_through(turn);
    }
    return none;
}

void
fork_go_on(struct turn *turn)
{
    struct run_fork *asked = arena_take(turn->out->arena, sizeof *asked);
    struct forking *f = forking_new(turn->state, turn->now_ms, turn->out, asked);
    turn_look(turn, turn->run.row.record, look_for_start, f);
    *asked = (struct run_fork){ .run = turn->run.id,
        .origin = f->started.origin,
        .event = f->started.origin_event };
    struct refusal refusal = copy_more(f, turn);
    if (refusal.err != ERR_NONE)
        end_run(turn, RUN_STOPPED, text(refusal.detail));
}

void
on_run_fork(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct run_fork *asked = &in->run_fork;
    struct forking *f = forking_new(state, now_ms, out, asked);
    struct turn turn;
    if (turn_open(&turn, state, now_ms, out, &asked->run)) {
        accept_run(&turn, asked->request, true, false);
        return;
    }
    struct refusal refusal = fork_run(f, &turn, now_ms);
    if (refusal.err != ERR_NONE)
        refuse_request(out, asked->request, refusal);
    else
        accept_run(&turn, asked->request, false, false);
}

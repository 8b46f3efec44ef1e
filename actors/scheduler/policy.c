#include "actors/scheduler/policy.h"

#include "actors/scheduler/groups.h"
#include "actors/scheduler/scope.h"
#include "base/wrong.h"

#include <stdio.h>

/* Room that a run needs to begin, with less left it is queued and begins next turn; and
 * that an older one needs to be told to end, which it may do over several. */
enum { START_ROOM = 64, END_ROOM = STEP_FACTS + 2 * TURN_RESERVE };

static bool
scoped(const struct start *start)
{
    return start->runs_max > 0 || start->concurrency != 0;
}

static enum plan_concurrency
concurrency_of(const struct plan *plan, const struct start *start)
{
    if (start->concurrency != 0)
        return start->concurrency;
    /* A limit without a word about it: what is above the limit is refused. */
    if (scoped(start) && plan->concurrency == PLAN_ALLOW)
        return PLAN_FORBID;
    return plan->concurrency;
}

static uint32_t
runs_max_of(const struct plan *plan, const struct start *start)
{
    if (scoped(start) && start->concurrency == PLAN_ALLOW)
        return start->runs_max;
    if (concurrency_of(plan, start) == PLAN_ALLOW)
        return 0;
    uint32_t max = scoped(start) ? start->runs_max : plan->runs_max;
    return max > 0 ? max : 1;
}

uint32_t
home_of(const struct scheduler_state *state, const struct plan *plan,
    const struct start *start, const struct id *automation)
{
    if (!plan_single(plan) && runs_max_of(plan, start) == 0)
        return state->partition;
    return hash_of(id_bytes(automation)).bytes[0] % state->config->schedulers;
}

static bool
keep_first(void *self, const struct id *run)
{
    *(struct id *)self = *run;
    return false;
}

/* Who asks why hears which run it is. */
static struct refusal
refuse_held(struct turn *turn, const struct group *group, const char *what)
{
    struct id holder = { { 0 } };
    char printed[ID_TEXT_MAX];
    struct buffer words = { 0 };
    group_active(turn->state->journal, group, keep_first, &holder);
    buffer_print(&words, "%s: %s is active", what, id_print(&holder, "run_", printed));
    buffer_append(&words, "", 1);
    struct bytes kept = arena_copy(turn->out->arena, buffer_bytes(&words));
    buffer_free(&words);
    return refuse(ERR_CONFLICT, (const char *)kept.data);
}

/* ---- replace ---- */

struct older {
    const struct scheduler_state *state;
    uint64_t now_ms;
    struct outbox *out;
    uint32_t to_end; /* so many runs must end */
    uint32_t ended;  /* so many have, in this turn */
};

static bool
replace_run(void *self, const struct id *run)
{
    struct older *older = self;
    struct turn turn;
    if (older->to_end == 0 || !outbox_has_room(older->out, END_ROOM))
        return false;
    if (!turn_open(&turn, older->state, older->now_ms, older->out, run))
        WRONG("a slot is held by no run");
    if (turn.run.row.ending == 0) {
        end_run(&turn, RUN_STOPPED, text("replaced"));
        turn_close(&turn);
    }
    older->to_end--;
    older->ended += run_over(&turn.run);
    return true;
}

/* Returns how many slots are free afterwards.  Queued ones for which a turn has no room
 * end when one of them would begin: see on_vacancy. */
static uint32_t
replace_older(struct turn *turn, const struct group *group, const struct group_row *row,
    uint32_t max)
{
    struct older older = {
        .state = turn->state,
        .now_ms = turn->now_ms,
        .out = turn->out,
        .to_end = row->active < max ? 0 : row->active - max + 1,
    };
    group_active(turn->state->journal, group, replace_run, &older);
    uint32_t active = row->active - older.ended;
    older.to_end = row->queued;
    group_queued(turn->state->journal, group, replace_run, &older);
    return active < max ? max - active : 0;
}

/* ---- */

static void
say(struct turn *turn, enum message_code code, struct run_started *started)
{
    turn_say(turn, &(struct message){ .code = code, .run_started = *started });
}

static void
say_queued(struct turn *turn, struct run_started *started, const char *why,
    const struct group_row *row)
{
    struct buffer words = { 0 };
    buffer_print(&words, "concurrency %s: %u of %u runs are active", why,
        (unsigned)row->active, (unsigned)started->runs_max);
    started->queue_reason = arena_copy(turn->out->arena, buffer_bytes(&words));
    buffer_free(&words);
    say(turn, RUN_QUEUED, started);
}

static uint32_t
queued_max_of(const struct turn *turn, const struct plan *plan)
{
    return plan->queued_max > 0 ? plan->queued_max
                                : turn->state->config->runs_queued_max;
}

/* The value of the key.  False: it cannot be evaluated. */
static bool
find_group(struct turn *turn, const struct plan *plan, const struct start *start,
    struct run_started *started, struct bytes *wrong)
{
    started->runs_max = runs_max_of(plan, start);
    if (started->runs_max == 0)
        return true;
    started->concurrency = concurrency_of(plan, start);
    started->scoped = scoped(start);
    if (started->scoped || plan->concurrency_key.size == 0)
        return true;
    scope_begin(turn, started);
    return evaluate_words(turn, PLAN_NO_STEP, "concurrency key", plan->concurrency_key,
        &started->group, wrong);
}

struct refusal
admit(struct turn *turn, const struct plan *plan, const struct start *start,
    struct run_started *started)
{
    struct bytes wrong = { 0 };
    if (!find_group(turn, plan, start, started, &wrong))
        return refuse(ERR_INVALID, turn_string(turn, wrong));
    struct group group = { turn->run.project, started->automation, group_id(started) };
    struct group_row row = group_read(turn->state->journal, &group);
    uint32_t max = started->runs_max;
    bool is_free = max == 0 || (row.active < max && row.queued == 0);
    if (!is_free && started->concurrency == PLAN_REPLACE && !start->at_once) {
        if (replace_older(turn, &group, &row, max) == 0
            || !outbox_has_room(turn->out, START_ROOM)) {
            say_queued(turn, started, "replace", &row);
            return refuse(ERR_NONE, "");
        }
    } else if (!is_free && started->concurrency == PLAN_QUEUE && !start->at_once) {
        if (row.queued >= queued_max_of(turn, plan))
            return refuse_held(turn, &group, "concurrency queue: the queue is full");
        say_queued(turn, started, "queue", &row);
        return refuse(ERR_NONE, "");
    } else if (!is_free) {
        return refuse_held(turn, &group,
            started->concurrency == PLAN_FORBID ? "concurrency forbid"
                                                : "no slot is free");
    }
    say(turn, RUN_STARTED, started);
    return refuse(ERR_NONE, "");
}

struct refusal
may_hold_again(struct turn *turn)
{
    struct group group = group_of_run(&turn->run);
    if (id_is_zero(&group.id))
        return refuse(ERR_NONE, "");
    struct group_row row = group_read(turn->state->journal, &group);
    if (row.active == 0 || row.active < row.max)
        return refuse(ERR_NONE, "");
    return refuse_held(turn, &group, "no slot is free");
}

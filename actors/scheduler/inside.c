/* Steps that hold others: a parallel its body side by side, an each its body once for
 * every item, in order, so many items at a time. */
#include "actors/plan/plan_kinds.h"
#include "actors/scheduler/kinds.h"
#include "actors/scheduler/scope.h"

#include <assert.h>

/* Steps of a run: their indexes are 32 bits, with room to add. */
enum { STEPS_OF_RUN_MAX = 1 << 30 };

void
inside_begin(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    (void)plan;
    run_note_moving(&turn->run, step);
}

static bool
read_items(struct turn *turn, uint32_t step, const struct plan_each *each,
    struct bytes *items, uint32_t *count, struct bytes *wrong)
{
    if (!evaluate_payload(turn, step, "items", each->items, items, wrong))
        return false;
    struct cursor in = cursor_over(*items);
    if (cursor_type(&in) != PACK_ARRAY) {
        *wrong = text("items: expected a list");
        return false;
    }
    size_t found = cursor_array(&in);
    *count = (uint32_t)found;
    if (found <= turn->state->config->items_max)
        return true;
    *wrong = text("items: more than items_max");
    return false;
}

void
each_begin(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    struct plan_each each;
    struct bytes items, wrong;
    uint32_t count;
    plan_config_read(&plan_each_shape, plan->config, &each);
    if (!read_items(turn, step, &each, &items, &count, &wrong)) {
        fail_template(turn, step, plan, wrong);
        return;
    }
    uint32_t first = turn->run.row.step_count;
    if ((uint64_t)first + (uint64_t)count * plan->body_count > STEPS_OF_RUN_MAX) {
        fail_step(turn, step, plan,
            (struct failure){ text("TooLarge"), text("the run has too many steps") });
        return;
    }
    if (count == 0) {
        complete_step(turn, step, plan, pack_or_list((struct bytes){ 0 }));
        return;
    }
    struct step_expanded expanded = {
        .run = turn->run.id,
        .step = step,
        .key = plan->key,
        .first = first,
        .count = count,
        .items = items,
    };
    turn_say(
        turn, &(struct message){ .code = STEP_EXPANDED, .step_expanded = expanded });
}

/* The first one in it that failed says why. */
static void
fail_inside(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    uint32_t failed = run_step(&turn->run, step)->failed - 1;
    const struct step_row *row = run_step(&turn->run, failed);
    struct bytes key = run_plan_step(&turn->run, failed).key;
    struct buffer words = { 0 };
    buffer_append_bytes(&words, key);
    buffer_append_bytes(&words, text(row->error_message.size > 0 ? ": " : " failed"));
    buffer_append_bytes(&words, row->error_message);
    struct failure failure = { row->error_type,
        arena_copy(turn->out->arena, buffer_bytes(&words)) };
    buffer_free(&words);
    fail_step(turn, step, plan, failure);
}

static void
end_inside(struct turn *turn, uint32_t step, const struct plan_step *plan, bool bears)
{
    if (run_step(&turn->run, step)->failed != 0 && !bears)
        fail_inside(turn, step, plan);
    else
        complete_step(turn, step, plan, (struct bytes){ 0 });
}

static void
move_each(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    const struct step_row *row = run_step(&turn->run, step);
    struct plan_each each;
    plan_config_read(&plan_each_shape, plan->config, &each);
    bool stopped = row->failed != 0 && !each.go_on;
    uint32_t under_way = row->items_begun - row->items_over - row->items_idle;
    bool idle = row->items_idle > 0;
    if ((idle || row->items_begun < row->items) && !stopped) {
        if (under_way >= each.concurrency)
            return;
        run_note_item(&turn->run, layout_expansion(&turn->run.layout, row->first),
            idle ? row->items_next : row->items_begun);
        /* One that was idle says so itself when it goes on. */
        if (!idle)
            run_note_moving(&turn->run, step);
    } else if (under_way == 0) {
        end_inside(turn, step, plan, each.go_on != 0);
    }
}

void
move_inside(struct turn *turn, uint32_t step)
{
    const struct step_row *row = run_step(&turn->run, step);
    bool timed_out = row->due_ms != 0 && row->due_ms <= turn->now_ms;
    if (row->status != STEP_INSIDE || timed_out)
        return;
    if (row->withdrawn != 0) {
        end_withdrawn(turn, step);
        return;
    }
    struct plan_step plan = run_plan_step(&turn->run, step);
    if (plan.kind == STEP_EACH)
        move_each(turn, step, &plan);
    else if (row->items_over == row->items)
        end_inside(turn, step, &plan, false);
}

/* If there is not room for all of it the timer stays, and comes back.  What lies in it
 * is tried again by itself, whatever policy plans of earlier releases have for it. */
void
inside_due(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    const char *late = "the steps in it took longer than its timeout";
    struct plan_step once = *plan;
    once.attempts_max = 1;
    if (cancel_inside(turn, step, late))
        time_out_step(turn, step, &once, late);
}

#include "actors/view/explain.h"

#include "actors/plan/plan_kinds.h"
#include "actors/view/explain_step.h"
#include "actors/view/sheet.h"
#include "base/stamp.h"

/* What the steps under way wait for, the most blocking first. */
struct found {
    struct run_rows *run;
    struct stall *list; /* at most EXPLAIN_ALSO_MAX + 1 */
    uint32_t count, total;
    uint32_t looked_at; /* steps of items */
};

static void
keep(struct found *found, const struct stall *stall)
{
    uint32_t at = found->count;
    found->total++;
    while (at > 0 && found->list[at - 1].code > stall->code)
        at--;
    if (at > EXPLAIN_ALSO_MAX)
        return;
    if (found->count <= EXPLAIN_ALSO_MAX)
        found->count++;
    for (uint32_t i = found->count - 1; i > at; i--)
        found->list[i] = found->list[i - 1];
    found->list[at] = *stall;
}

static void look_at_range(struct found *found, uint32_t first, uint32_t count);

/* Items that have not begun, and those before the floor, wait for nothing. */
static void
look_inside(struct found *found, uint32_t step)
{
    struct run_rows *run = found->run;
    const struct step_row *row = run_rows_step(run, step);
    uint32_t floor = row->items_floor, begun = row->items_begun, first = row->first;
    struct place place = layout_place(&run->layout, step);
    struct plan_step plan = plan_step_at(&run->plan, place.plan, run->arena);
    if (plan.kind == STEP_PARALLEL)
        look_at_range(found, layout_beside(place, plan.body_first), plan.body_count);
    else
        look_at_range(
            found, first + floor * plan.body_count, (begun - floor) * plan.body_count);
}

static bool
is_nested_in_range(struct run_rows *run, uint32_t first, uint32_t step)
{
    struct place parent, place = layout_place(&run->layout, step);
    return layout_parent(&run->layout, place, &parent) && parent.step >= first;
}

/* There may be any number of items. */
static bool
looked_enough(struct found *found, uint32_t step)
{
    return step >= found->run->plan.fixed_count
           && found->looked_at++ >= EXPLAIN_STEPS_MAX;
}

/* A body of a parallel lies behind it in the same range: it is looked at as such. */
static void
look_at_range(struct found *found, uint32_t first, uint32_t count)
{
    struct run_rows *run = found->run;
    for (uint32_t i = first; i < first + count; i++) {
        uint32_t status = run_rows_step(run, i)->status;
        if (looked_enough(found, i))
            return;
        if (status == STEP_PENDING || step_status_over(status)
            || is_nested_in_range(run, first, i))
            continue;
        struct stall stall;
        if (status == STEP_INSIDE)
            look_inside(found, i);
        else if (stall_of_step(run, i, &stall))
            keep(found, &stall);
    }
}

static void
write_stall(struct sheet *map, struct run_rows *run, const struct stall *stall)
{
    sheet_text(map, "code", text(stall_name(stall->code)));
    sheet_text(map, "reason", stall_reason(run, stall));
    sheet_text(map, "step", stall->key);
    sheet_moment(map, "since", stall->since_ms);
    sheet_moment(map, "due_at", stall->due_ms);
    sheet_text(map, "hint", stall->hint);
    sheet_key(map, "detail");
    struct sheet detail = sheet_map(map->out);
    stall_detail(&detail, stall);
    sheet_end(&detail);
}

static void
write_also(struct sheet *map, const struct found *found)
{
    sheet_key(map, "also");
    struct sheet also = sheet_array(map->out);
    for (uint32_t i = 1; i < found->count; i++) {
        sheet_item(&also);
        struct sheet item = sheet_map(map->out);
        write_stall(&item, found->run, &found->list[i]);
        sheet_end(&item);
    }
    sheet_end(&also);
    if (found->total > found->count)
        sheet_number(map, "more", found->total - found->count);
}

/* Steps under way without a reason of their own are about to be moved by what was said
 * already. */
static void
find(struct found *found)
{
    struct run_rows *run = found->run;
    struct stall stall;
    if (stall_of_run(run, &stall)) {
        keep(found, &stall);
        if (stall.code != STALL_deferred)
            return;
    }
    if (run->planned)
        look_at_range(found, 0, run->plan.fixed_count);
    if (found->count == 0) {
        stall_moving(run, &stall);
        keep(found, &stall);
    }
}

void
explain(struct buffer *out, struct run_rows *run)
{
    struct stall list[EXPLAIN_ALSO_MAX + 1];
    struct found found = { .run = run, .list = list };
    struct sheet map = sheet_map(out);
    find(&found);
    sheet_id(&map, "run_id", "run_", &run->id);
    sheet_text(&map, "automation", run->row.name);
    sheet_text(&map, "status", text(run_status_name((enum run_status)run->row.status)));
    if (run->row.cleaning)
        sheet_bool(&map, "cleanup", true);
    write_stall(&map, run, &list[0]);
    write_also(&map, &found);
    sheet_end(&map);
}

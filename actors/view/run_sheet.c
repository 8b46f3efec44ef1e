#include "actors/view/run_sheet.h"

#include "actors/view/sheet.h"
#include "base/pack.h"
#include "transport/messages.h"

/* Of all steps without their outputs; the payloads come on top. */
enum { STEPS_BYTES_MAX = 960 * 1024 };

static void
write_error(
    struct sheet *map, struct bytes type, struct bytes message, struct bytes step)
{
    sheet_key(map, "error");
    struct sheet error = sheet_map(map->out);
    sheet_text(&error, "type", type);
    sheet_text(&error, "message", message);
    sheet_text(&error, "step", step);
    sheet_end(&error);
}

static void
write_progress(struct sheet *map, const struct run_row *row)
{
    sheet_key(map, "progress");
    struct sheet progress = sheet_map(map->out);
    sheet_number(&progress, "steps", row->step_count);
    sheet_number(&progress, "completed", row->steps_done);
    sheet_number(&progress, "failed", row->steps_failed);
    sheet_number(&progress, "open", row->steps_open);
    sheet_end(&progress);
}

/* Where it is from, and what it has been through. */
static void
write_lineage(struct sheet *map, const struct run_row *row)
{
    if (row->attempt > 0)
        sheet_number(map, "attempt", row->attempt);
    sheet_text(map, "trigger", row->trigger);
    sheet_id(map, "parent_run_id", "run_", &row->parent);
    sheet_id(map, "origin_run_id", "run_", &row->origin);
    if (row->status == RUN_WAITING)
        sheet_text(map, "queue_reason", row->queue_reason);
}

static void
write_line(struct sheet *map, const struct id *id, const struct run_row *row)
{
    sheet_id(map, "id", "run_", id);
    sheet_text(map, "name", row->title);
    sheet_text(map, "automation", row->name);
    sheet_id(map, "automation_id", "aut_", &row->automation);
    sheet_number(map, "version", row->version);
    sheet_text(map, "status", text(run_status_name((enum run_status)row->status)));
    sheet_text(map, "source", row->source);
    sheet_text(map, "idempotency_key", row->key);
    sheet_moment(
        map, "created_at", row->queued_ms > 0 ? row->queued_ms : row->started_ms);
    sheet_moment(map, "updated_at", row->updated_ms);
    sheet_moment(map, "started_at", row->status == RUN_WAITING ? 0 : row->started_ms);
    sheet_moment(map, "finished_at", row->finished_ms);
    sheet_text(map, "stop_reason", row->stop_reason);
    sheet_text(map, "cancelled_by", row->cancelled_by);
    sheet_text(map, "cancel_reason", row->cancel_reason);
    if (row->status == RUN_BROKEN)
        write_error(map, row->error_type, row->error_message, row->failed_step);
    write_lineage(map, row);
    write_progress(map, row);
    sheet_number(map, "last_sequence", row->events);
}

void
run_sheet_line(struct buffer *out, const struct id *id, const struct run_row *row)
{
    struct sheet map = sheet_map(out);
    write_line(&map, id, row);
    sheet_end(&map);
}

/* Where something lies in the buffer that is being written. */
struct span {
    size_t at, size; /* bytes; size 0: nowhere */
};

struct whole {
    struct run_rows *run;
    struct sheet map;
    size_t from, bytes_max;
    struct span *outputs; /* by step */
    uint32_t listed;      /* steps that are in the document */
    bool left_out;        /* what the run returns is not */
    bool truncated;
};

static size_t
room_left(const struct whole *w)
{
    size_t used = w->map.out->size - w->from;
    return used < w->bytes_max ? w->bytes_max - used : 0;
}

static void
write_inputs(struct whole *w)
{
    struct bytes inputs = run_rows_inputs(w->run);
    bool there = inputs.data != NULL;
    sheet_payload(&w->map, "inputs", there ? pack_or_map(inputs) : inputs);
}

static void
write_result(struct whole *w)
{
    if (w->run->row.status != RUN_DONE)
        return;
    struct bytes result = run_rows_result(w->run, room_left(w));
    w->left_out = w->run->planned && result.data == NULL;
    sheet_payload(&w->map, "output", result);
}

/* Once one does not fit no other is looked for: that would be a search for small ones.
 */
static void
write_output(struct whole *w, struct sheet *map, uint32_t step)
{
    if (run_rows_step(w->run, step)->output == 0 || w->truncated)
        return;
    struct bytes output = run_rows_output(w->run, step);
    if (output.size > room_left(w)) {
        w->truncated = true;
        return;
    }
    sheet_key(map, "output");
    w->outputs[step].at = map->out->size;
    sheet_value(map, output);
    w->outputs[step].size = map->out->size - w->outputs[step].at;
}

/* What a step waits for. */
static void
write_wait(struct sheet *map, struct run_rows *run, uint32_t step,
    const struct plan_step *plan)
{
    struct step_row row = *run_rows_step(run, step);
    struct message fact;
    sheet_id(map, "interaction_id", "iact_", &row.interaction);
    if (plan->kind == STEP_WAIT
        && run_rows_fact(run, row.called, WAIT_OPENED, step, &fact))
        sheet_text(map, "event_type", fact.wait_opened.event_type);
}

static void
write_items(struct sheet *map, const struct step_row *row)
{
    sheet_key(map, "items");
    struct sheet items = sheet_map(map->out);
    sheet_number(&items, "count", row->items);
    sheet_number(&items, "begun", row->items_begun);
    sheet_number(&items, "over", row->items_over);
    sheet_end(&items);
}

static void
write_step(struct whole *w, uint32_t step)
{
    struct buffer *out = w->map.out;
    struct run_rows *run = w->run;
    const struct step_row *row = run_rows_step(run, step);
    struct plan_step plan = run_rows_plan_step(run, step);
    struct sheet map = sheet_map(out);
    sheet_text(&map, "key", plan.key);
    sheet_text(&map, "name", plan.name);
    sheet_number(&map, "index", step);
    sheet_text(&map, "kind", text(step_kind_name(plan.kind)));
    sheet_text(&map, "status", text(step_status_name((enum step_status)row->status)));
    sheet_number(&map, "attempt", row->attempt);
    sheet_text(&map, "worker", row->worker);
    sheet_id(&map, "session_id", "wsess_", &row->session);
    sheet_moment(&map, "leased_at", row->leased_ms);
    sheet_moment(&map, "started_at", row->started_ms);
    sheet_moment(&map, "finished_at", row->finished_ms);
    sheet_moment(&map, "due_at", row->due_ms);
    if (row->error_type.size > 0 && row->status != STEP_DONE)
        write_error(&map, row->error_type, row->error_message, (struct bytes){ 0 });
    sheet_id(&map, "child_run_id", "run_", &row->child);
    if (row->status == STEP_WAITING)
        write_wait(&map, run, step, &plan);
    if (row->items > 0)
        write_items(&map, row);
    write_output(w, &map, step);
    sheet_end(&map);
}

static void
write_steps(struct whole *w)
{
    struct buffer *out = w->map.out;
    size_t payloads = 0, from = out->size;
    sheet_key(&w->map, "steps");
    struct sheet items = sheet_array(out);
    while (w->listed < w->run->row.step_count
           && out->size - from - payloads < STEPS_BYTES_MAX) {
        sheet_item(&items);
        write_step(w, w->listed);
        payloads += w->outputs[w->listed++].size;
    }
    sheet_end(&items);
    w->truncated |= w->listed < w->run->row.step_count;
}

/* The buffer may move while it grows. */
static void
repeat(struct buffer *out, struct span span)
{
    uint8_t *to = buffer_reserve(out, span.size);
    memcpy(to, out->data + span.at, span.size);
    out->size += span.size;
}

/* What the steps have made, by their keys. */
static void
write_outputs(struct whole *w)
{
    if (w->run->row.status != RUN_DONE || !w->run->planned)
        return;
    sheet_key(&w->map, "outputs");
    struct sheet map = sheet_map(w->map.out);
    for (uint32_t step = 0; step < w->listed; step++) {
        struct span span = w->outputs[step];
        if (span.size == 0)
            continue;
        if (span.size > room_left(w)) {
            w->truncated = true;
            break;
        }
        sheet_key_text(&map, run_rows_plan_step(w->run, step).key);
        repeat(map.out, span);
    }
    sheet_end(&map);
}

void
run_sheet_whole(struct buffer *out, struct run_rows *run, size_t bytes_max)
{
    struct whole w = { .run = run, .from = out->size, .bytes_max = bytes_max };
    w.outputs = arena_take(run->arena, run->row.step_count * sizeof *w.outputs);
    w.map = sheet_map(out);
    write_line(&w.map, &run->id, &run->row);
    write_inputs(&w);
    write_result(&w);
    write_steps(&w);
    write_outputs(&w);
    if (w.truncated || w.left_out)
        sheet_bool(&w.map, "truncated", true);
    sheet_end(&w.map);
}

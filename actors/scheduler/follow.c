/* What each fact makes of its run.  The policy of a step (what follows its failure, who
 * needs it) is read from the plan, which the run keeps. */
#include "actors/history.h"
#include "actors/scheduler/groups.h"
#include "base/wrong.h"

#include <assert.h>

/* Attempt `attempt` has ended: it may have been the last one said, never an older. */
static void
end_attempt(struct run *run, struct step_row *step, uint32_t attempt, uint32_t offer,
    enum ending ending)
{
    size_t size = (size_t)attempt * ENDING_SIZE;
    uint8_t *endings = arena_take(run->arena, size);
    assert(step->endings.size == size - ENDING_SIZE);
    if (step->endings.size > 0)
        memcpy(endings, step->endings.data, step->endings.size);
    uint8_t *last = endings + size - ENDING_SIZE;
    for (int i = 0; i < 4; i++)
        last[i] = (uint8_t)(offer >> (24 - 8 * i));
    last[4] = (uint8_t)ending;
    step->endings = bytes_of(endings, size);
    step->due_ms = 0;
}

/* A run is running while a worker holds one of its jobs. */
static void
set_status(struct run *run, struct step_row *step, enum step_status status)
{
    run->row.steps_leased += status == STEP_LEASED;
    run->row.steps_leased -= step->status == STEP_LEASED;
    step->status = status;
    if (run->row.status == RUN_RUNNING || run->row.status == RUN_SUSPENDED)
        run->row.status = run->row.steps_leased > 0 ? RUN_RUNNING : RUN_SUSPENDED;
}

/* What `place` feeds has one thing less to wait for, or will never have it. */
static void
feed(struct run *run, struct place place, bool passes)
{
    struct plan_step plan = *layout_plan(&run->layout, place.plan);
    for (uint32_t i = 0; i < plan.feeds_count; i++) {
        uint32_t next = layout_beside(place, plan.feeds[i]);
        struct step_row *row = run_touch(run, next);
        if (row->status != STEP_PENDING)
            continue;
        row->needs_met += passes;
        row->doomed |= !passes;
        if (run->watch && run_is_ready(run, next))
            run_note_ready(run, next);
    }
}

/* A step has failed: its handler is called for.  It has ended otherwise: it is not.
 * Who skipped the handler, or said what it gives, did so in its place. */
static void
call_handler(
    struct run *run, struct place place, const struct plan_step *plan, bool failed)
{
    uint32_t handler = layout_beside(place, plan->handler);
    struct step_row *row = run_touch(run, handler);
    if (failed && step_status_over(row->status))
        feed(run, place, true);
    else if (failed)
        row->handled = place.step + 1;
    else
        row->doomed = 1;
    run_note_ready(run, handler);
}

/* An item of an each that was resumed goes on, or is over. */
static void
wake_item(struct run *run, const struct expansion *in, uint32_t item)
{
    uint32_t number = layout_item(in, item);
    if (!run_step(run, number)->idle)
        return;
    struct step_row *each = run_touch(run, in->row.step);
    run_touch(run, number)->idle = 0;
    each->items_idle--;
    while (
        each->items_idle > 0 && !run_step(run, layout_item(in, each->items_next))->idle)
        each->items_next++;
    run_note_moving(run, in->row.step);
}

/* A step in a parallel or an each is over. */
static void
leave(struct run *run, struct place place, bool fatal)
{
    struct place parent;
    if (!layout_parent(&run->layout, place, &parent))
        WRONG("a nested step lies in nothing");
    struct step_row *row = run_touch(run, parent.step);
    if (fatal && row->failed == 0)
        row->failed = place.step + 1;
    if (place.in == NULL || place.in->row.step != parent.step) {
        row->items_over++;
        run_note_moving(run, parent.step);
        return;
    }
    const struct expansion_row *in = &place.in->row;
    if (++run_touch(run, layout_item(place.in, place.item))->beside_over < in->direct)
        return;
    row->items_over++;
    wake_item(run, place.in, place.item);
    while (row->items_floor < row->items_begun
           && run_step(run, layout_item(place.in, row->items_floor))->beside_over
                  == in->direct)
        row->items_floor++;
    run_note_moving(run, parent.step);
}

/* The trigger actor must hear that nobody waits for the event any more, unless it was
 * the one that brought it. */
static void
close_wait(struct run *run, uint32_t number, bool matched)
{
    struct step_row *step = run_touch(run, number);
    if (step->untold == 0)
        return;
    step->untold = 0;
    if (matched)
        return;
    struct row_key closed = row_key('Y'); /* bytes as in a key, of no row */
    closed.size = 0;
    row_key_u64(&closed, run->record);
    row_key_u32(&closed, step->attempt);
    size_t before = step->closed.size;
    uint8_t *grown = arena_take(run->arena, before + CLOSED_SIZE);
    if (before > 0)
        memcpy(grown, step->closed.data, before);
    memcpy(grown + before, closed.bytes, CLOSED_SIZE);
    step->closed = bytes_of(grown, before + CLOSED_SIZE);
}

/* The step will not move again.  `passes`: what needs it goes on. */
static void
end_step(struct run *run, uint32_t step, uint64_t at_ms, enum step_status status,
    bool passes)
{
    struct step_row *row = run_touch(run, step);
    struct place place = layout_place(&run->layout, step);
    struct plan_step plan = *layout_plan(&run->layout, place.plan);
    bool failed = status == STEP_BROKEN;
    bool handled = failed && plan.on_error == ON_ERROR_STEP;
    run->row.steps_open -= row->status != STEP_PENDING;
    run->row.steps_over++;
    run->row.steps_done += status == STEP_DONE;
    run->row.steps_failed += failed;
    close_wait(run, step, false);
    set_status(run, row, status);
    row->finished_ms = at_ms;
    row->due_ms = 0;
    row->lane = 0;
    row->passed = passes && status != STEP_DONE;
    if (plan.nested)
        leave(run, place, failed && !passes && !handled);
    else if (plan.cleanup)
        run->row.cleanups_over++;
    else
        run->row.mains_over++;
    if (plan.on_error == ON_ERROR_STEP)
        call_handler(run, place, &plan, failed);
    if (!handled)
        feed(run, place, passes);
    if (row->handled != 0)
        feed(run, layout_place(&run->layout, row->handled - 1), passes);
}

/* The first step of an item that is started or skipped begins the item, or goes on with
 * it, and with the items that this one lies in. */
static void
begin_item(struct run *run, uint32_t step)
{
    struct place place = layout_place(&run->layout, step);
    if (place.in == NULL)
        return;
    struct step_row *each = run_touch(run, place.in->row.step);
    if (place.item >= each->items_begun)
        each->items_begun = place.item + 1;
    for (; place.in != NULL; place = layout_place(&run->layout, place.in->row.step))
        wake_item(run, place.in, place.item);
}

/* What a run is, from the fact that creates it. */
static void
created(struct run *run, uint64_t at_ms, const struct run_started *fact)
{
    run->row.automation = fact->automation;
    run->row.name = fact->name;
    run->row.version = fact->version;
    run->row.source = fact->source;
    run->row.key = fact->key;
    run->row.started_ms = at_ms;
    run->row.step_count = fact->steps;
    run->row.mains = fact->mains == 0 ? fact->steps : fact->mains;
    run->row.cleanups = fact->cleanups;
    run->row.title = fact->title;
    run->row.record = run->record;
    run->row.group = group_id(fact);
    run->row.trigger = fact->trigger;
    run->row.parent = fact->parent;
    run->row.parent_step = fact->parent_step;
    run->row.parent_attempt = fact->parent_attempt;
    run->row.awaited = fact->awaited;
    run->row.depth = fact->depth;
    run->row.echo = fact->echo;
    run->row.origin = fact->origin;
}

static void
queued(struct run *run, uint64_t at_ms, const struct run_started *fact)
{
    created(run, at_ms, fact);
    run->row.status = RUN_WAITING;
    run->row.queued = run->record;
    run->row.queued_ms = at_ms;
    run->row.queue_reason = fact->queue_reason;
}

static void
started(struct run *run, uint64_t at_ms, const struct run_started *fact)
{
    if (!fact->queued)
        created(run, at_ms, fact);
    run->row.status = RUN_SUSPENDED;
    run->row.started_ms = at_ms;
    run->row.queued = 0;
    run->row.deadline_ms = fact->timeout_ms == 0 ? 0 : at_ms + fact->timeout_ms;
    if (run->watch)
        run_find_ready(run);
}

static void
step_started(struct run *run, uint64_t at_ms, const struct step_started *fact)
{
    struct step_row *step = run_touch(run, fact->step);
    struct place place = layout_place(&run->layout, fact->step);
    struct plan_step plan = *layout_plan(&run->layout, place.plan);
    begin_item(run, fact->step);
    step->status = STEP_OPEN;
    step->started_ms = at_ms;
    step->due_ms = fact->due_ms;
    run->row.steps_open++;
    if (plan.kind != STEP_ACTION)
        step->attempt = step->attempts_past + 1;
    if (plan.kind != STEP_PARALLEL)
        return;
    step->status = STEP_INSIDE;
    for (uint32_t i = 0; i < plan.body_count; i++)
        step->items +=
            layout_plan(&run->layout, plan.body_first + i)->parent == place.plan;
    step->items_begun = step->items;
    if (run->watch)
        run_note_body(run, fact->step);
}

static void
expanded(struct run *run, const struct step_expanded *fact)
{
    struct step_row *step = run_touch(run, fact->step);
    assert(fact->first == run->row.step_count);
    step->status = STEP_INSIDE;
    step->items = fact->count;
    step->first = fact->first;
    const struct expansion *in = layout_expand(
        &run->layout, fact->step, fact->first, fact->count, fact->items, run->record);
    run->row.step_count += fact->count * in->row.body_count;
    run_note_moving(run, fact->step);
}

static void
called(struct run *run, const struct action_called *fact)
{
    struct step_row *step = run_touch(run, fact->step);
    set_status(run, step, STEP_OPEN);
    step->attempt = fact->attempt;
    step->offer = 1;
    step->called = step->offered = run->record;
    step->due_ms = fact->deadline_ms;
    step->lane = fact->lane;
    step->session = (struct id){ { 0 } };
    step->leased_ms = 0;
}

static void
action_completed(struct run *run, const struct action_completed *fact)
{
    struct step_row *step = run_touch(run, fact->step);
    end_attempt(run, step, fact->attempt, fact->offer, ENDING_REPORT);
    step->output = run->record;
    step->session = fact->session;
}

static void
action_failed(struct run *run, const struct action_failed *fact)
{
    struct step_row *step = run_touch(run, fact->step);
    end_attempt(run, step, fact->attempt, fact->offer, (enum ending)fact->ending);
    step->error_type = fact->error_type;
    step->error_message = fact->error_message;
}

static void
leased(struct run *run, uint64_t at_ms, const struct job_leased *fact)
{
    struct step_row *step = run_touch(run, fact->step);
    set_status(run, step, STEP_LEASED);
    step->session = fact->session;
    step->worker = fact->worker;
    step->leased_ms = at_ms;
}

static void
reoffered(struct run *run, const struct job_reoffered *fact)
{
    struct step_row *step = run_touch(run, fact->step);
    set_status(run, step, STEP_OPEN);
    step->offer = fact->offer;
    step->offered = run->record;
    step->session = (struct id){ { 0 } };
    step->leased_ms = 0;
}

/* An action's attempt counts from its call, any other's from here. */
static void
retried(struct run *run, const struct step_retried *fact)
{
    struct step_row *step = run_touch(run, fact->step);
    set_status(run, step, STEP_DELAYED);
    step->due_ms = fact->due_ms;
    if (run_plan_step(run, fact->step).kind != STEP_ACTION)
        step->attempt = fact->attempt;
}

/* The step waits until `due_ms`, or for ever. */
static void
wait(struct run *run, uint32_t number, uint64_t due_ms)
{
    struct step_row *step = run_touch(run, number);
    set_status(run, step, STEP_WAITING);
    step->called = run->record;
    step->due_ms = due_ms;
}

/* It waits no more: what follows is said in the same turn. */
static void
resume(struct run *run, uint32_t number, bool matched)
{
    struct step_row *step = run_touch(run, number);
    close_wait(run, number, matched);
    set_status(run, step, STEP_OPEN);
    step->called = 0;
    step->due_ms = 0;
}

static void
child_called(struct run *run, uint64_t at_ms, const struct child_called *fact)
{
    uint64_t timeout_ms = run_plan_step(run, fact->step).timeout_ms;
    wait(run, fact->step, timeout_ms == 0 ? 0 : at_ms + timeout_ms);
    run_touch(run, fact->step)->child = fact->child;
    run->row.children++;
}

static void
step_completed(struct run *run, uint64_t at_ms, const struct step_completed *fact)
{
    if (fact->has_output)
        run_touch(run, fact->step)->output = run->record;
    end_step(run, fact->step, at_ms, STEP_DONE, true);
}

static void
step_failed(struct run *run, uint64_t at_ms, const struct step_failed *fact)
{
    struct plan_step plan = run_plan_step(run, fact->step);
    struct step_row *step = run_touch(run, fact->step);
    step->error_type = fact->error_type;
    step->error_message = fact->error_message;
    if (!plan.nested && !plan.cleanup && plan.on_error == ON_ERROR_FAIL
        && run->row.mains_failed++ == 0) {
        run->row.failed_step = fact->key;
        run->row.error_type = fact->error_type;
        run->row.error_message = fact->error_message;
    }
    end_step(run, fact->step, at_ms, STEP_BROKEN, plan.on_error == ON_ERROR_CONTINUE);
}

/* Its own time is over: only what lies in it is still to be cancelled. */
static void
withdrawn(struct run *run, uint32_t number)
{
    struct step_row *step = run_touch(run, number);
    step->withdrawn = run->record;
    step->due_ms = 0;
    run_note_moving(run, number);
}

/* Said by hand, in place of what the step would have done or has done. */
static void
overridden(struct run *run, uint64_t at_ms, const struct step_overridden *fact)
{
    struct step_row *step = run_touch(run, fact->step);
    step->output = run->record;
    step->overridden = 1;
    if (!step_status_over(step->status)) {
        begin_item(run, fact->step);
        end_step(run, fact->step, at_ms, STEP_DONE, true);
        return;
    }
    run->row.steps_done += step->status != STEP_DONE;
    run->row.steps_failed -= step->status == STEP_BROKEN;
    step->status = STEP_DONE;
    step->passed = 0;
}

/* As the run had it that this one was forked from. */
static void
copied(struct run *run, uint64_t at_ms, const struct step_copied *fact)
{
    struct step_row *step = run_touch(run, fact->step);
    step->attempt = step->attempts_past = fact->attempt;
    step->endings = bytes_of(arena_take(run->arena, fact->attempt * ENDING_SIZE),
        fact->attempt * ENDING_SIZE);
    if (fact->status == STEP_DONE)
        step->output = run->record;
    end_step(run, fact->step, at_ms, (enum step_status)fact->status, fact->passes);
}

static void
finish(struct run *run, uint64_t at_ms, enum run_status status, struct bytes reason)
{
    run->row.status = status;
    run->row.finished_ms = at_ms;
    run->row.deadline_ms = 0;
    run->row.stop_reason = reason;
    run->row.ending = 0;
    run->row.queued = 0;
}

static void
cancelled(struct run *run, uint64_t at_ms, const struct run_cancelled *fact)
{
    bool replaced = fact->stop_reason.size > 0;
    run->row.cancelled_by = fact->by;
    run->row.cancel_reason = replaced ? (struct bytes){ 0 } : fact->reason;
    finish(run, at_ms, RUN_STOPPED, replaced ? fact->stop_reason : text("cancelled"));
}

/* From the first time on that nothing more is to be said of an ending, there is only
 * cleanup. */
static void
deferred(struct run *run, const struct run_deferred *fact)
{
    run->row.left = fact->more;
    run->row.copying = fact->copying;
    run->row.closing = fact->closing;
    run->row.ending = fact->ending;
    run->row.stop_reason = fact->reason;
    run->row.cancelled_by = fact->by;
    if (fact->ending == 0 || fact->more)
        return;
    run->row.cleaning = 1;
    run->row.deadline_ms = 0;
}

/* Where this fact lies. */
static void
note_position(struct run *run)
{
    struct position position = { run->record, run->row.events };
    if (run->noted == run->record)
        return;
    run->row.positions = position_list_add(run->row.positions, &position, run->arena);
    run->noted = run->record;
}

static void
move(struct run *run, uint64_t at_ms, const struct message *fact)
{
    switch ((int)fact->code) {
    case RUN_STARTED: started(run, at_ms, &fact->run_started); return;
    case RUN_QUEUED: queued(run, at_ms, &fact->run_started); return;
    case RUN_COMPLETED:
        run->row.finish = fact->run_completed.has_output ? run->record : 0;
        finish(run, at_ms, RUN_DONE, text("completed"));
        return;
    case RUN_FAILED:
        run->row.error_type = fact->run_failed.error_type;
        run->row.error_message = fact->run_failed.error_message;
        finish(run, at_ms, RUN_BROKEN, fact->run_failed.stop_reason);
        return;
    case RUN_CANCELLED: cancelled(run, at_ms, &fact->run_cancelled); return;
    case RUN_DEFERRED: deferred(run, &fact->run_deferred); return;
    case STEP_STARTED: step_started(run, at_ms, &fact->step_started); return;
    case STEP_EXPANDED: expanded(run, &fact->step_expanded); return;
    case STEP_COMPLETED: step_completed(run, at_ms, &fact->step_completed); return;
    case STEP_FAILED: step_failed(run, at_ms, &fact->step_failed); return;
    case STEP_SKIPPED:
        begin_item(run, fact->step_skipped.step);
        end_step(run, fact->step_skipped.step, at_ms, STEP_SKIPPED_OVER,
            fact->step_skipped.passes);
        return;
    case STEP_RETRIED: retried(run, &fact->step_retried); return;
    case STEP_CANCELLED:
        end_step(run, fact->step_cancelled.step, at_ms, STEP_STOPPED, false);
        return;
    case ACTION_CALLED: called(run, &fact->action_called); return;
    case ACTION_COMPLETED: action_completed(run, &fact->action_completed); return;
    case ACTION_FAILED: action_failed(run, &fact->action_failed); return;
    case JOB_LEASED: leased(run, at_ms, &fact->job_leased); return;
    case JOB_REOFFERED: reoffered(run, &fact->job_reoffered); return;
    case JOB_PRINTED: run->row.log_bytes += fact->job_printed.chunk.size; return;
    case WAIT_OPENED:
        wait(run, fact->wait_opened.step, fact->wait_opened.due_ms);
        if (fact->wait_opened.event_type.size > 0)
            run_touch(run, fact->wait_opened.step)->untold = run->record;
        return;
    case WAIT_RESUMED:
        resume(run, fact->wait_resumed.step, fact->wait_resumed.number != 0);
        return;
    case WAIT_TIMED_OUT: resume(run, fact->wait_timed_out.step, false); return;
    case INTERACTION_REQUESTED:
        wait(run, fact->interaction_requested.step, fact->interaction_requested.due_ms);
        run_touch(run, fact->interaction_requested.step)->interaction =
            fact->interaction_requested.interaction;
        return;
    case INTERACTION_RESPONDED:
        if (fact->interaction_responded.resolved)
            resume(run, fact->interaction_responded.step, false);
        return;
    case STEP_WITHDRAWN: withdrawn(run, fact->step_withdrawn.step); return;
    case STEP_OVERRIDDEN: overridden(run, at_ms, &fact->step_overridden); return;
    case STEP_COPIED: copied(run, at_ms, &fact->step_copied); return;
    case RUN_RESUMED: run_resume(run, at_ms, &fact->run_resumed); return;
    case CHILD_CALLED: child_called(run, at_ms, &fact->child_called); return;
    case CHECK_PASSED:
    case CHECK_FAILED:
    case INTERACTION_DELETED: return;
    default: WRONG("no fact about a run");
    }
}

void
run_follow(struct run *run, uint64_t at_ms, const struct message *fact)
{
    if (run->written != NULL) {
        note_position(run);
        pack_u64(&run->written->facts, fact->code);
        pack_blob(&run->written->facts, fact->raw);
    }
    if (history_name(fact->code) != NULL)
        run->row.events++;
    run->row.updated_ms = at_ms;
    move(run, at_ms, fact);
}

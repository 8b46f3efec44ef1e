#include "actors/scheduler/child.h"

#include "actors/plan/plan_kinds.h"
#include "actors/scheduler/kinds.h"
#include "actors/scheduler/policy.h"
#include "actors/scheduler/scope.h"

static const uint64_t child_tag = (uint64_t)'c' << 56;

static struct plan_child
config_of(const struct plan_step *plan)
{
    struct plan_child child;
    plan_config_read(&plan_child_shape, plan->config, &child);
    return child;
}

static struct bytes
copy(struct turn *turn, struct bytes bytes)
{
    return arena_copy(turn->out->arena, bytes);
}

/* ---- the step ---- */

static bool
evaluate(struct turn *turn, uint32_t step, const struct plan_child *child,
    struct bytes *automation, struct bytes *inputs, struct bytes *wrong)
{
    *inputs = (struct bytes){ 0 };
    if (!evaluate_words(turn, step, "automation", child->automation, automation, wrong))
        return false;
    return child->inputs.size == 0
           || evaluate_payload(turn, step, "inputs", child->inputs, inputs, wrong);
}

static struct id
child_id(const struct run *run, uint32_t step, uint32_t attempt, uint32_t partition)
{
    struct id of_step = id_derive(&run->id, step);
    struct id id = id_derive(&of_step, child_tag | attempt);
    return id_move(&id, partition);
}

static void
call(struct turn *turn, uint32_t step, const struct plan_step *plan,
    struct child_called called)
{
    const struct scheduler_state *state = turn->state;
    struct start start = { .automation = called.automation };
    struct start_of of;
    struct refusal refusal = start_find(state, turn->out, &start, &of);
    if (refusal.err != ERR_NONE) {
        fail_or_retry(turn, step, plan,
            (struct failure){ text("ChildRefused"), text(refusal.detail) });
        return;
    }
    uint32_t home = home_of(state, &of.kept->plan, &start, &of.row.automation);
    called.child = child_id(&turn->run, step, called.attempt, home);
    turn_say_to(
        turn, home, &(struct message){ .code = CHILD_CALLED, .child_called = called });
}

void
child_begin(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    struct plan_child child = config_of(plan);
    struct bytes automation, inputs, wrong;
    uint32_t depth = turn->run.row.depth + 1;
    if (!evaluate(turn, step, &child, &automation, &inputs, &wrong)) {
        fail_template(turn, step, plan, wrong);
        return;
    }
    if (depth > CHILD_DEPTH_MAX) {
        fail_step(turn, step, plan,
            (struct failure){ text("TooDeep"),
                text("more than 16 generations of runs: does it start itself?") });
        return;
    }
    call(turn, step, plan,
        (struct child_called){
            .run = turn->run.id,
            .step = step,
            .key = copy(turn, plan->key),
            .attempt = run_step(&turn->run, step)->attempt,
            .automation = copy(turn, automation),
            .inputs = copy(turn, inputs),
            .wait = child.wait || !child.orphan,
            .depth = depth,
            .echo = turn->run.row.echo,
        });
}

void
child_due(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    const char *late = "the run that it waits for took longer than its timeout";
    time_out_step(turn, step, plan, late);
}

static void
cancel_child(struct scheduler_state *s, const struct run *run, uint32_t step,
    const struct id *child)
{
    uint32_t peer = id_partition(child);
    telling_put(s, &(struct telling){
                       .peer = peer,
                       .subject = *child,
                       .kind = TELLING_CANCEL,
                       .project = run->project,
                       .run = run->id,
                       .step = step,
                   });
    tellings_due(s, peer);
}

void
index_child(struct scheduler_state *s, const struct fact_about_step *moved)
{
    const struct step_row *before = &moved->before, *after = &moved->after;
    const struct message *fact = moved->fact;
    if (fact->code == CHILD_CALLED) {
        telling_put(s, &(struct telling){
                           .peer = id_partition(&after->child),
                           .subject = after->child,
                           .kind = TELLING_CALL,
                           .record = after->called,
                           .project = moved->run->project,
                           .run = moved->run->id,
                           .step = moved->step,
                       });
        return;
    }
    if (before->status != STEP_WAITING || after->status == STEP_WAITING
        || id_is_zero(&before->child)
        || (fact->code == WAIT_RESUMED
            && bytes_equal(fact->wait_resumed.by, text("automation"))))
        return;
    struct plan_step plan = run_plan_step(&s->run, moved->step);
    if (!config_of(&plan).orphan)
        cancel_child(s, moved->run, moved->step, &before->child);
}

/* A run that was cancelled takes with it those that it started and did not wait for,
 * unless they are to go on. */
void
cancel_children(struct scheduler_state *s, struct run *run)
{
    for (uint32_t i = 0; run->row.children > 0 && i < run->row.step_count; i++) {
        const struct step_row *row = run_step(run, i);
        if (id_is_zero(&row->child) || row->status != STEP_DONE)
            continue;
        struct plan_step plan = run_plan_step(run, i);
        struct plan_child child = config_of(&plan);
        if (!child.wait && !child.orphan)
            cancel_child(s, run, i, &row->child);
    }
}

/* ---- where the child is ---- */

/* The child is there, now or since before; else `refusal` says why it is not. */
static bool
begin_child(const struct scheduler_state *state, uint64_t now_ms,
    const struct child_called *called, struct outbox *out, bool *existed,
    struct refusal *refusal)
{
    struct turn turn;
    *existed = turn_open(&turn, state, now_ms, out, &called->child);
    if (*existed)
        return true;
    struct start start = {
        .run = called->child,
        .automation = called->automation,
        .inputs = called->inputs,
        .source = text("automation"),
        .parent = called->run,
        .parent_step = called->step,
        .parent_attempt = called->attempt,
        .awaited = called->wait != 0,
        .depth = called->depth,
        .echo = called->echo != 0,
    };
    *refusal = start_run(&turn, &start);
    if (refusal->err == ERR_NONE)
        turn_close(&turn);
    return refusal->err == ERR_NONE;
}

static struct child_taken
taken_of(const struct child_called *called, const struct refusal *refusal,
    struct arena *arena)
{
    return (struct child_taken){
        .run = called->run,
        .step = called->step,
        .attempt = called->attempt,
        .child = called->child,
        .err = refusal->err,
        .detail = refusal_words(arena, text(refusal->detail), refusal->details),
    };
}

void
on_child_called(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    struct refusal refusal = { .err = ERR_NONE, .detail = "" };
    bool existed;
    (void)begin_child(state, now_ms, &in->child_called, out, &existed, &refusal);
    say_child_taken(out, taken_of(&in->child_called, &refusal, out->arena));
}

/* A child that cleans up goes on doing so, however often it is told. */
static bool
cancel(const struct scheduler_state *state, uint64_t now_ms, const struct id *child,
    struct bytes reason, struct outbox *out, struct turn *turn)
{
    if (!turn_open(turn, state, now_ms, out, child))
        return false;
    if (run_over(&turn->run) || turn->run.row.ending != 0)
        return true;
    end_run(turn, RUN_STOPPED, reason);
    turn_close(turn);
    return true;
}

/* The parent's scheduler has a row until it hears that the child has ended, or is not
 * there: gone, if its call was answered. */
void
on_child_cancel(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct child_cancel *asked = &in->child_cancel;
    struct turn turn;
    struct child_ended ended = {
        .run = asked->run, .step = asked->step, .child = asked->child
    };
    if (cancel(state, now_ms, &asked->child, asked->reason, out, &turn)) {
        if (!turn.was_over)
            return;
        ended.attempt = turn.run.row.parent_attempt;
        ended.status = turn.run.row.status;
    }
    outbox_put_to(out, ACTOR_scheduler, id_partition(&asked->run),
        &(struct message){ .code = CHILD_ENDED, .again = true, .child_ended = ended });
}

void
take_up_cancel(const struct scheduler_state *state, uint64_t now_ms,
    const struct telling *telling, struct outbox *out)
{
    struct turn turn;
    (void)cancel(state, now_ms, &telling->subject, text("nobody waits for it any more"),
        out, &turn);
    settle_telling(
        state, out, telling->peer, &telling->subject, (enum telling_kind)telling->kind);
}

void
tell_parent(struct turn *turn)
{
    const struct run_row *row = &turn->run.row;
    struct bytes wrong;
    if (id_is_zero(&row->parent) || !row->awaited)
        return;
    struct child_ended ended = {
        .run = row->parent,
        .step = row->parent_step,
        .attempt = row->parent_attempt,
        .child = turn->run.id,
        .status = row->status,
        .error_type = copy(turn, row->error_type),
        .error_message = copy(turn, row->error_message),
    };
    if (row->status == RUN_DONE) {
        ended.output = turn->output;
        if (ended.output.size == 0 && !run_output(turn, &ended.output, &wrong))
            ended.output = (struct bytes){ 0 };
        ended.output = copy(turn, ended.output);
    }
    struct message m = { .code = CHILD_ENDED, .child_ended = ended };
    m = addressed(turn->state, m, id_partition(&row->parent));
    outbox_put_to(turn->out, m.to, m.to_instance, &m);
}

void
apply_child_ended(struct scheduler_state *s, const struct message *fact)
{
    const struct child_ended *ended = &fact->child_ended;
    telling_put(s, &(struct telling){
                       .peer = id_partition(&ended->run),
                       .subject = ended->child,
                       .kind = TELLING_END,
                       .record = journal_last(s->journal),
                       .project = fact->envelope.project,
                       .run = ended->run,
                       .step = ended->step,
                   });
}

void
on_child_settled(
    const struct scheduler_state *state, const struct message *in, struct outbox *out)
{
    const struct child_settled *settled = &in->child_settled;
    settle_telling(
        state, out, id_partition(&settled->run), &settled->child, TELLING_END);
}

/* ---- where the parent is ---- */

/* Does the step wait for this child? */
static bool
waits(struct turn *turn, uint32_t step, const struct id *child)
{
    if (run_over(&turn->run) || run_closing(&turn->run)
        || step >= turn->run.row.step_count)
        return false;
    const struct step_row *row = run_step(&turn->run, step);
    return row->status == STEP_WAITING && id_equal(&row->child, child);
}

static struct bytes
run_output_of(struct turn *turn, const struct id *child)
{
    char printed[ID_TEXT_MAX];
    struct buffer out = { 0 };
    pack_map(&out, 1);
    pack_string(&out, "run_id");
    pack_string(&out, id_print(child, "run_", printed));
    struct bytes kept = copy(turn, buffer_bytes(&out));
    buffer_free(&out);
    return kept;
}

static void
take(struct turn *turn, const struct child_taken *taken)
{
    struct plan_step plan = run_plan_step(&turn->run, taken->step);
    struct plan_child child = config_of(&plan);
    if (taken->err == ERR_NONE && child.wait)
        return;
    resume_step(turn, taken->step, &plan, "automation", 0);
    if (taken->err == ERR_NONE)
        complete_step(turn, taken->step, &plan, run_output_of(turn, &taken->child));
    else
        fail_or_retry(turn, taken->step, &plan,
            (struct failure){ text("ChildRefused"), taken->detail });
    turn_close(turn);
}

/* It may have been told to end before it was there, or have been refused before. */
static void
cancel_again(const struct scheduler_state *state, const struct child_taken *taken,
    struct turn *turn, struct outbox *out)
{
    uint32_t peer = id_partition(&taken->child);
    const struct step_row *row = run_step(&turn->run, taken->step);
    bool gone_on = !id_equal(&row->child, &taken->child) || row->status == STEP_BROKEN;
    if (peer != state->partition
        && (gone_on || telling_there(state, peer, &taken->child, TELLING_CANCEL)))
        outbox_put_to(out, ACTOR_scheduler, peer,
            &(struct message){ .code = CHILD_CANCEL,
                .child_cancel = { taken->run, taken->step, taken->child,
                    text("nobody waits for it any more") } });
}

static void
hear_taken(const struct scheduler_state *state, uint64_t now_ms,
    const struct child_taken *taken, struct outbox *out)
{
    struct turn turn;
    uint32_t peer = id_partition(&taken->child);
    settle_telling(state, out, peer, &taken->child, TELLING_CALL);
    if (taken->err != ERR_NONE)
        settle_telling(state, out, peer, &taken->child, TELLING_CANCEL);
    if (!turn_open(&turn, state, now_ms, out, &taken->run)
        || taken->step >= turn.run.row.step_count)
        return;
    if (waits(&turn, taken->step, &taken->child))
        take(&turn, taken);
    else if (taken->err == ERR_NONE)
        cancel_again(state, taken, &turn, out);
}

void
on_child_taken(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    hear_taken(state, now_ms, &in->child_taken, out);
}

/* A child that begins fills a turn of its own; the parent hears in the next one. */
void
take_up_call(const struct scheduler_state *state, uint64_t now_ms,
    const struct telling *telling, struct outbox *out)
{
    struct message fact = telling_fact(state, out, telling);
    struct refusal refusal = { .err = ERR_NONE, .detail = "" };
    bool existed;
    if (begin_child(state, now_ms, &fact.child_called, out, &existed, &refusal)
        && !existed)
        return;
    struct child_taken taken = taken_of(&fact.child_called, &refusal, out->arena);
    hear_taken(state, now_ms, &taken, out);
}

static void
end(struct turn *turn, const struct child_ended *ended)
{
    struct plan_step plan = run_plan_step(&turn->run, ended->step);
    resume_step(turn, ended->step, &plan, "automation", 0);
    if (ended->status == RUN_DONE)
        complete_step(turn, ended->step, &plan, pack_or_nil(ended->output));
    else if (ended->status == RUN_STOPPED)
        fail_or_retry(turn, ended->step, &plan,
            (struct failure){ text("ChildCancelled"),
                text("the run that it waited for was cancelled") });
    else
        fail_or_retry(turn, ended->step, &plan,
            (struct failure){ ended->error_type, ended->error_message });
    turn_close(turn);
}

static void
hear_ended(const struct scheduler_state *state, uint64_t now_ms,
    const struct child_ended *ended, struct outbox *out)
{
    struct turn turn;
    uint32_t peer = id_partition(&ended->child);
    settle_telling(state, out, peer, &ended->child, TELLING_CALL);
    settle_telling(state, out, peer, &ended->child, TELLING_CANCEL);
    if (turn_open(&turn, state, now_ms, out, &ended->run)
        && waits(&turn, ended->step, &ended->child))
        end(&turn, ended);
}

void
on_child_ended(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct child_ended *ended = &in->child_ended;
    uint32_t peer = id_partition(&ended->child);
    if (ended->status == 0) {
        if (!telling_there(state, peer, &ended->child, TELLING_CALL))
            settle_telling(state, out, peer, &ended->child, TELLING_CANCEL);
        return;
    }
    hear_ended(state, now_ms, ended, out);
    say_child_settled(out, (struct child_settled){ ended->run, ended->child });
}

void
take_up_end(const struct scheduler_state *state, uint64_t now_ms,
    const struct telling *telling, struct outbox *out)
{
    struct message fact = telling_fact(state, out, telling);
    hear_ended(state, now_ms, &fact.child_ended, out);
    settle_telling(state, out, telling->peer, &telling->subject, TELLING_END);
}

/* Assertions: all are evaluated, whatever the others say, with one tank of fuel.  One
 * that cannot be evaluated does not hold. */
#include "actors/plan/plan_kinds.h"
#include "actors/scheduler/kinds.h"
#include "actors/scheduler/scope.h"
#include "base/put.h"

struct verdict_of_check {
    struct buffer detail, failed; /* for the fact; names for people */
    uint32_t failed_count;
    uint64_t fuel;
};

static void
judge(struct turn *turn, uint32_t step, struct bytes check, struct verdict_of_check *v)
{
    struct cursor name_at = cursor_over(pack_find(check, "name"));
    struct cursor expr_at = cursor_over(pack_find(check, "expr"));
    struct bytes name = cursor_text(&name_at), source = cursor_text(&expr_at);
    struct bytes wrong = { 0 };
    bool holds = false;
    if (!evaluate_condition(turn, step, "expr", source, &v->fuel, &holds, &wrong))
        holds = false;
    pack_map(&v->detail, wrong.size > 0 ? 3 : 2);
    put_text(&v->detail, "name", name);
    pack_string(&v->detail, "passed");
    pack_bool(&v->detail, holds);
    if (wrong.size > 0) {
        put_text(&v->detail, "error", wrong);
    }
    if (holds)
        return;
    buffer_append_bytes(&v->failed, text(v->failed_count++ == 0 ? "" : ", "));
    buffer_append_bytes(&v->failed, name);
}

static struct bytes
keep(struct turn *turn, struct buffer *buffer)
{
    struct bytes kept = arena_copy(turn->out->arena, buffer_bytes(buffer));
    buffer_free(buffer);
    return kept;
}

static struct bytes
output_of(struct turn *turn, const char *verdict, struct bytes detail)
{
    struct buffer out = { 0 };
    pack_map(&out, 2);
    pack_string(&out, "verdict");
    pack_string(&out, verdict);
    pack_string(&out, "checks");
    buffer_append_bytes(&out, detail);
    return keep(turn, &out);
}

static void
open_gate(struct turn *turn, uint32_t step, const struct plan_step *plan,
    const struct plan_check *check, struct bytes failed)
{
    struct buffer prompt = { 0 };
    buffer_append_bytes(&prompt, text("these checks failed: "));
    buffer_append_bytes(&prompt, failed);
    struct bytes own = keep(turn, &prompt);
    (void)ask_people(turn, step, plan,
        &(struct question){
            .protocol = text("request_approval"),
            .prompt = check->prompt.size > 0 ? check->prompt : own,
            .literal = check->prompt.size == 0, /* names of checks may be templates */
            .targets = check->targets,
            .expires_ms = plan->timeout_ms,
        });
}

void
check_begin(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    struct plan_check check;
    struct verdict_of_check v = { .fuel = expression_limits_default.fuel };
    plan_config_read(&plan_check_shape, plan->config, &check);
    struct cursor in = cursor_over(check.checks);
    size_t count = cursor_array(&in);
    pack_array(&v.detail, count);
    for (size_t i = 0; i < count; i++)
        judge(turn, step, cursor_skip(&in), &v);
    struct bytes detail = keep(turn, &v.detail), failed = keep(turn, &v.failed);
    struct check_passed said = { turn->run.id, step, plan->key, detail };
    if (v.failed_count == 0) {
        turn_say(turn, &(struct message){ .code = CHECK_PASSED, .check_passed = said });
        complete_step(turn, step, plan, output_of(turn, "pass", detail));
        return;
    }
    struct check_failed not = { turn->run.id, step, plan->key, detail };
    turn_say(turn, &(struct message){ .code = CHECK_FAILED, .check_failed = not });
    if (check.on_fail == ON_FAIL_CONTINUE)
        complete_step(turn, step, plan, output_of(turn, "fail", detail));
    else if (check.on_fail == ON_FAIL_GATE)
        open_gate(turn, step, plan, &check, failed);
    else
        fail_or_retry(
            turn, step, plan, (struct failure){ text("CheckFailed"), failed });
}

static bool
look_for_failure(void *self, const struct message *fact)
{
    struct check_failed *failed = self;
    if (fact->code != CHECK_FAILED || fact->check_failed.step != failed->step)
        return false;
    failed->detail = fact->check_failed.detail;
    return true;
}

/* What failed was said in the record in which the gate was opened. */
void
check_answered(struct turn *turn, uint32_t step, const struct plan_step *plan,
    uint64_t asked, bool approved)
{
    struct check_failed failed = { .step = step };
    if (!approved) {
        fail_step(turn, step, plan,
            (struct failure){ text("CheckFailed"),
                text("checks failed, and going on was not approved") });
        return;
    }
    turn_look(turn, asked, look_for_failure, &failed);
    complete_step(turn, step, plan, output_of(turn, "approved", failed.detail));
}

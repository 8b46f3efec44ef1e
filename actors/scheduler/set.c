#include "actors/plan/plan_kinds.h"
#include "actors/scheduler/kinds.h"
#include "actors/scheduler/scope.h"

void
set_begin(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    struct plan_set set;
    struct bytes output, wrong;
    plan_config_read(&plan_set_shape, plan->config, &set);
    if (evaluate_payload(turn, step, "set", set.values, &output, &wrong))
        complete_step(turn, step, plan, output);
    else
        fail_template(turn, step, plan, wrong);
}

/* Agents are part of the language, and come later. */
void
agent_begin(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    fail_step(turn, step, plan,
        (struct failure){ text("NoAgentRuntime"), text("there is no agent runtime") });
}

#include "actors/scheduler/kinds.h"

#include "base/wrong.h"

static const struct kind_rules rules[] = {
    [STEP_ACTION] = { attempt_begin, attempt_due, attempt_withdraw },
    [STEP_SLEEP] = { sleep_begin, sleep_due, NULL },
    [STEP_WAIT] = { wait_begin, wait_due, NULL },
    [STEP_INTERACTION] = { interaction_begin, interaction_due, NULL },
    [STEP_CHILD] = { child_begin, child_due, NULL },
    [STEP_CHECK] = { check_begin, interaction_due, NULL },
    [STEP_PARALLEL] = { inside_begin, inside_due, NULL },
    [STEP_EACH] = { each_begin, inside_due, NULL },
    [STEP_SET] = { set_begin, NULL, NULL },
    [STEP_AGENT] = { agent_begin, NULL, NULL },
};

const struct kind_rules *
kind_rules(enum step_kind kind)
{
    if ((unsigned)kind >= COUNT(rules) || rules[kind].begin == NULL)
        WRONG("a step of no kind");
    return &rules[kind];
}

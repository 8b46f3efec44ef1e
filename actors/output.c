#include "actors/output.h"

static struct bytes
or_nil(struct bytes payload)
{
    static const uint8_t nil[1] = { 0xc0 };
    return payload.size > 0 ? payload : bytes_of(nil, sizeof nil);
}

bool
output_of_fact(const struct message *fact, uint32_t step, struct bytes *output)
{
    switch ((int)fact->code) {
    case ACTION_COMPLETED: *output = or_nil(fact->action_completed.output); break;
    case STEP_COMPLETED:
        if (!fact->step_completed.has_output)
            return false;
        *output = or_nil(fact->step_completed.output);
        break;
    case STEP_OVERRIDDEN: *output = or_nil(fact->step_overridden.output); break;
    case STEP_COPIED: *output = or_nil(fact->step_copied.output); break;
    default: return false;
    }
    /* Every fact about a step has the run first and the step second. */
    return fact->action_completed.step == step;
}

/* condition - a trigger of ours may name a function that is asked first: only an
 * explicit false keeps its own function from being called; what fails does so, too.
 */
#ifndef GATEWAY_III_CONDITION_H
#define GATEWAY_III_CONDITION_H
#include "gateway/iii/hub.h"

/* Is the one that a config names, if any, a text?  Else `fault` says that it is not. */
bool iii_condition_fits(struct bytes config, struct fault *fault);
/* Call the function of the trigger with `data`, as its `condition_function_id` says. */
void iii_fire_if(const struct iii_entry *trigger, struct bytes data);
#endif

/* cron - functions that are called at times: triggers of the type cron.
 *
 *     {expression: "0 30 9 * * MON-FRI", condition_function_id?}
 *
 * They are called while their worker is there, and only then: a time that passes while
 * nobody has the trigger, or while the function still does an earlier call, is left
 * out.
 */
#ifndef GATEWAY_III_CRON_H
#define GATEWAY_III_CRON_H
#include "gateway/iii/hub.h"

/* As struct iii_own_type has it. */
bool iii_cron_bind(struct iii_entry *trigger, struct fault *fault);
#endif

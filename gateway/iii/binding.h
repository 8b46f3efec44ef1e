/* binding - triggers that no worker has: they stay when whoever made them goes, as long
 * as the gateway lives. */
#ifndef GATEWAY_III_BINDING_H
#define GATEWAY_III_BINDING_H
#include "gateway/iii/hub.h"

/* engine::register_trigger {trigger_type, function_id, config, metadata?} → {id}.  A
 * provider has 10 s to refuse it. */
void binding_register(struct iii_worker *caller, const struct iii_frame *asked);
/* engine::unregister_trigger {id} → {removed}: of these, and of the caller's own. */
void binding_unregister(struct iii_worker *caller, const struct iii_frame *asked);

/* Its provider agreed, or not: who waits for that hears of it. */
void binding_result(const struct iii_entry *trigger, const struct iii_frame *said);
/* All of a hub. */
void bindings_end(struct hub *hub);
#endif

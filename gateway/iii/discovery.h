/* discovery - who is there and what it offers, as clients of iii ask for it.
 *
 * Rows have what clients of before and after 0.13 look for: both read what they know.
 */
#ifndef GATEWAY_III_DISCOVERY_H
#define GATEWAY_III_DISCOVERY_H
#include "gateway/iii/hub.h"

void discover_workers(struct iii_worker *caller, const struct iii_frame *asked);
void discover_worker(struct iii_worker *caller, const struct iii_frame *asked);
void discover_functions(struct iii_worker *caller, const struct iii_frame *asked);
void discover_function(struct iii_worker *caller, const struct iii_frame *asked);
void discover_triggers(struct iii_worker *caller, const struct iii_frame *asked);
void discover_types(struct iii_worker *caller, const struct iii_frame *asked);
/* One trigger type, one trigger. */
void discover_type(struct iii_worker *caller, const struct iii_frame *asked);
void discover_trigger(struct iii_worker *caller, const struct iii_frame *asked);
/* → {status, components, timestamp, version} */
void discover_health(struct iii_worker *caller, const struct iii_frame *asked);
void discover_registered(struct iii_worker *caller, const struct iii_frame *asked);

/* Append the payload of engine::functions-available. */
void discovery_functions(const struct hub *hub, struct buffer *out);
#endif

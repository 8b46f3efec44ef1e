/* records - what workers log: each record goes to the engine's log, to the latest of
 * their project that are kept here, and to triggers of the type log {level?}.
 *
 * The latest 1,000, of 512 KiB at most.  A trigger has 16 calls under way at most, and
 * what its worker logs meanwhile does not fire it again: no record leads to itself.
 */
#ifndef GATEWAY_III_RECORDS_H
#define GATEWAY_III_RECORDS_H
#include "gateway/iii/hub.h"

/* {message, data?, trace_id?, span_id?, service_name?} */
void records_error(struct iii_worker *caller, const struct iii_frame *asked);
void records_warn(struct iii_worker *caller, const struct iii_frame *asked);
void records_info(struct iii_worker *caller, const struct iii_frame *asked);
void records_debug(struct iii_worker *caller, const struct iii_frame *asked);
void records_trace(struct iii_worker *caller, const struct iii_frame *asked);

/* {trace_id?, span_id?, severity_text?, severity_min?, start_time?, end_time?, offset?,
 * limit?} → {logs, total, timestamp}; times are unix ms, the oldest comes first. */
void records_list(struct iii_worker *caller, const struct iii_frame *asked);
void records_clear(struct iii_worker *caller, const struct iii_frame *asked);
/* All of a hub. */
void records_forget(struct hub *hub);

/* As struct iii_own_type has it. */
bool records_bind(struct iii_entry *trigger, struct fault *fault);
#endif

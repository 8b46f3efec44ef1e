/* state - iii's state::* as a translation of the state of the project, and its trigger
 * type `state`: see docs/state.md.
 */
#ifndef GATEWAY_III_STATE_H
#define GATEWAY_III_STATE_H
#include "gateway/iii/hub.h"

void iii_state_set(struct iii_worker *caller, const struct iii_frame *asked);
void iii_state_get(struct iii_worker *caller, const struct iii_frame *asked);
void iii_state_delete(struct iii_worker *caller, const struct iii_frame *asked);
void iii_state_update(struct iii_worker *caller, const struct iii_frame *asked);
void iii_state_list(struct iii_worker *caller, const struct iii_frame *asked);
void iii_state_list_groups(struct iii_worker *caller, const struct iii_frame *asked);
void iii_state_list_keys(struct iii_worker *caller, const struct iii_frame *asked);
void iii_state_list_entries(struct iii_worker *caller, const struct iii_frame *asked);

bool iii_state_bind(struct iii_entry *trigger, struct fault *fault);
#endif

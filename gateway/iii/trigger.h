/* trigger - who is called when something happens: triggers find the worker that
 * provides their type, or us, or wait until one comes.
 */
#ifndef GATEWAY_III_TRIGGER_H
#define GATEWAY_III_TRIGGER_H
#include "gateway/iii/hub.h"

/* The types that are ours. */
struct iii_own_type {
    const char *id, *about;
    /* Why this cannot be the config of such a trigger, or NULL.  NULL: any can. */
    const char *(*config_mistake)(struct bytes config);
};
/* NULL behind the last. */
const struct iii_own_type *trigger_own_type(size_t i);

/* A trigger was registered; or is about to go. */
void trigger_came(struct iii_entry *trigger);
void trigger_left(struct iii_entry *trigger);
/* What it needs could not be made: who registered it hears why. */
void trigger_failed(const struct iii_entry *trigger, struct bytes why);
/* A type was registered; or is about to go: its triggers wait for another. */
void trigger_type_came(struct iii_entry *type);
void trigger_type_left(struct iii_entry *type);
/* A provider says what became of a trigger: who registered it hears of failures. */
void trigger_result(struct iii_worker *provider, const struct iii_frame *said);
/* All types and triggers of a worker go. */
void trigger_leave(struct iii_worker *worker);

/* Call the functions of all triggers of a type of ours. */
void trigger_fire(struct hub *hub, const char *type, struct bytes data);
#endif

/* trigger - who is called when something happens: triggers find the worker that
 * provides their type, or us, or wait until one comes.
 */
#ifndef GATEWAY_III_TRIGGER_H
#define GATEWAY_III_TRIGGER_H
#include "gateway/iii/hub.h"

/* The types that are ours. */
struct iii_own_type {
    const char *id, *about;
    /* A trigger of it came: keep what it is.  False: `fault` says why it cannot be, and
     * the trigger is gone when this returns.  NULL: nothing is kept. */
    bool (*bind)(struct iii_entry *trigger, struct fault *fault);
    unsigned scope; /* that the key needs besides; or 0 */
};
/* May somebody with this key have triggers of this type? */
bool trigger_allowed(const struct key *key, struct bytes type);
/* NULL behind the last. */
const struct iii_own_type *trigger_own_type(size_t i);
/* NULL if it is none of ours. */
const struct iii_own_type *trigger_own_type_named(struct bytes id);

/* A trigger was registered; or is about to go.  False: it is gone already, and `fault`
 * says why; who registered it was told. */
bool trigger_came(struct iii_entry *trigger, struct fault *fault);
void trigger_left(struct iii_entry *trigger);
/* Its worker is about to register it anew. */
void trigger_replaced(struct iii_entry *trigger, const struct iii_frame *by);
/* What it needs could not be made: who registered it hears why, and it is gone. */
void trigger_failed(struct iii_entry **trigger, struct bytes why);
/* A type was registered; or is about to go: its triggers wait for another. */
void trigger_type_came(struct iii_entry *type);
void trigger_type_left(struct iii_entry *type);
/* Another worker has registered it: who had it hears that its triggers are gone. */
void trigger_type_lost(struct iii_worker *provider, struct bytes type);
/* A provider says what became of a trigger: who registered it hears of failures. */
void trigger_result(struct iii_worker *provider, const struct iii_frame *said);
/* All types and triggers of a worker go. */
void trigger_leave(struct iii_worker *worker);

/* Call the functions of all triggers of a type of ours. */
void trigger_fire(struct hub *hub, const char *type, struct bytes data);
#endif

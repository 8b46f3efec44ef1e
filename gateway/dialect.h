/* dialect - one way in which strangers speak to the engine.
 *
 * A dialect translates both ways and has no rules of its own: if two of them need the
 * same decision, it belongs to an actor.
 */
#ifndef GATEWAY_DIALECT_H
#define GATEWAY_DIALECT_H
#include "gateway/router.h"

struct dialect {
    const char *name;
    struct route_table routes; /* disjoint from those of every other dialect */
};

extern const struct dialect native_dialect;
#endif

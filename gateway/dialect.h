/* dialect - one way in which strangers speak to the engine.
 *
 * A dialect translates both ways and has no rules of its own: if two of them need the
 * same decision, it belongs to an actor.
 */
#ifndef GATEWAY_DIALECT_H
#define GATEWAY_DIALECT_H
#include "gateway/request.h"

struct dialect {
    const char *name;
    struct route_table routes; /* disjoint from those of every other dialect */
    /* Serves every path and method that has no row; NULL: those are not found. */
    const struct http_route *any;
    /* On loopback a caller without a key acts for the project "default", as long as the
     * engine's development key stands; its clients send none. */
    bool trusting;
    /* Pages of every site may call it and read what it answers; they need a key. */
    bool cross_origin;
    /* Headers of every answer besides those that it has: a msgpack map of texts, in the
     * arena; NULL: none. */
    struct bytes (*headers)(struct request *r);
    /* What its keys begin with instead of "cap_"; NULL: with that.  What follows a "."
     * at the end of one is a name, and is passed over. */
    const char *key_prefix;
    /* What is served though the caller's project is deleted; NULL behind the last. */
    void (*const *despite)(struct request *r);
    /* What may be asked about another project than the caller's: who serves it, judges.
     */
    void (*const *abroad)(struct request *r);
    /* How a failure is shown; NULL: as {"error": {code, message, details}}. */
    void (*refuse)(
        struct request *r, enum err err, struct bytes message, struct bytes details);
};

extern const struct dialect native_dialect, mobius_dialect, workflow_graph_dialect,
    console_dialect, iii_dialect, iii_http_dialect;
#endif

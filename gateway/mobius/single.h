/* single - runs of one step that nobody wrote an automation for: an action that is
 * invoked directly, a question of no run.
 *
 * The first of its kind sees to the automation `mobius.…`, whose text follows from its
 * name alone; what such a run is given is its input.
 */
#ifndef GATEWAY_MOBIUS_SINGLE_H
#define GATEWAY_MOBIUS_SINGLE_H
#include "gateway/request.h"

/* Begin the names of the automations. */
#define SINGLE_ACTION      "mobius.action "
#define SINGLE_INTERACTION "mobius.interaction "

struct single {
    struct bytes automation; /* its name, in the arena */
    struct bytes definition; /* its text, in the arena */
    struct bytes inputs;     /* msgpack map, in the arena */
    struct bytes key;        /* idempotency key, or nothing */
    bool applied;
    void (*done)(struct request *r, const struct message *answer);
};

/* Start the run; `single` is r->own until done(), which hears RUN_ACCEPTED or what
 * refused it. */
void single_start(struct request *r, struct single *single);
/* Is it an automation of this kind, or of any? */
bool single_is(struct bytes automation, const char *begin);
bool single_is_any(struct bytes automation);
#endif

/* listeners - who listens for which events: steps that wait, and event triggers.
 *
 * One index for both.  A listener lies under the class of its pattern, the set of paths
 * whose values it compares, and the hash of the values it wants there.  An event looks
 * into one class for each dot of its type and two more, in each at the few sets of
 * paths that are in use, and there finds exactly those who want its own values: a
 * million listeners that want others cost it nothing.
 */
#ifndef ACTORS_TRIGGER_LISTENERS_H
#define ACTORS_TRIGGER_LISTENERS_H
#include "actors/trigger/entries.h"
#include "base/arena.h"
#include "base/pack.h"

enum {
    EVENT_TYPE_MAX = 128,  /* bytes */
    EVENT_NAMES_MAX = 16,  /* of a type, between its dots */
    LISTENER_AT_MAX = 160, /* bytes of a place in a walk */
};

/* Numbers are on disk. */
enum listener_kind { LISTENER_TRIGGER = 1, LISTENER_WAIT = 2 };

struct listener {
    enum listener_kind kind;
    struct id id;             /* automation, or run */
    uint32_t first, second;   /* of a wait: step and attempt */
    struct bytes trigger_key; /* of a trigger; else nothing */
};

/* Is `type` one that an event may have: names of letters, digits, _, - and :, with dots
 * between them? */
bool event_type_right(struct bytes type);

/* Does `type` fit `pattern`, in which * stands for any characters? */
bool type_fits(struct bytes pattern, struct bytes type);
bool pattern_is_literal(struct bytes pattern);

/* What `path`, such as issue.labels.0, names in `data`; nothing if it is not there. */
struct bytes value_in(struct bytes data, struct bytes path);

/* Has `data` at each path of the map `match` the value there?  Numbers are compared as
 * numbers, maps without regard to order.  An empty match holds. */
bool match_holds(struct bytes match, struct bytes data);

void listener_add(struct journal *journal, const struct id *project,
    struct bytes pattern, struct bytes match, const struct listener *listener);
void listener_drop(struct journal *journal, const struct id *project,
    struct bytes pattern, struct bytes match, const struct listener *listener);

struct walk {
    struct journal *journal;
    struct id project;
    struct bytes type, data; /* of the event */
    void *self;
    /* The next listener, whose pattern and match may still not fit; false: go no
     * further, this one is for the next walk.  Must not change the journal. */
    bool (*each)(void *self, const struct listener *listener);
    /* The place of the last one; empty: the beginning. */
    uint8_t at[LISTENER_AT_MAX];
    size_t at_size;
};

/* Call `each` for those that may want the event, behind the place.  True: it was called
 * for all. */
bool listeners_walk(struct walk *walk);
/* Does anybody name this type itself; by a pattern whose star is behind `name` and a
 * dot, and before another one? */
bool
listeners_named(struct journal *journal, const struct id *project, struct bytes type);
bool
listeners_below(struct journal *journal, const struct id *project, struct bytes name);
/* May anybody want such an event?  Says yes too often rather than too seldom. */
bool listeners_any(struct journal *journal, const struct id *project, struct bytes type,
    struct bytes data);
#endif

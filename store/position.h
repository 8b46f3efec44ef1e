/* position - where a run's facts lie: a record, and the run's sequence before it. */
#ifndef STORE_POSITION_H
#define STORE_POSITION_H
#include "base/arena.h"

struct position {
    uint64_t record, events;
};
enum { POSITION_MIN = 2 }; /* bytes that one takes in a list, at least */

/* Some of them, in order.  On disk: by how much each number grew since the one before,
 * in groups of 7 bits, the low ones first, all but the last with the high bit set.  Of
 * before there are lists of pairs of 8 bytes, big-endian: their first byte is zero. */
struct position_list {
    struct bytes left;
    struct position last; /* that was taken */
    bool wide;
};
struct position_list position_list_over(struct bytes list);
/* False: there is no more. */
bool position_list_next(struct position_list *list, struct position *position);
uint32_t position_list_count(struct bytes list);
/* The list with one more, in `arena`; the same if its last is of the same record. */
struct bytes position_list_add(
    struct bytes list, const struct position *position, struct arena *arena);
#endif

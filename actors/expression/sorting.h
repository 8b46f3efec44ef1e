/* sorting - values in their order, equal ones in the order in which they came. */
#ifndef ACTORS_EXPRESSION_SORTING_H
#define ACTORS_EXPRESSION_SORTING_H
#include "actors/expression/value.h"

struct sortable {
    struct bytes by, value;
};

/* All numbers or all texts; a fault where they are not. */
void sortables_sort(struct evaluation *e, struct sortable *items, size_t count);
/* The pairs of a map by their keys, in the arena.  A key that is no text is a fault. */
struct sortable *pairs_sorted(struct evaluation *e, struct bytes map, size_t *count);
#endif

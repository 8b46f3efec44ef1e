/* row_head - the first of the rows that begin alike: pure.
 *
 * Rows before it are gone, but the store passes what it keeps of each whenever it looks
 * from their beginning.  Volatile: an actor finds it when it begins.
 */
#ifndef ACTORS_ROW_HEAD_H
#define ACTORS_ROW_HEAD_H
#include "store/journal.h"
#include "store/rows.h"

struct row_head {
    struct row_key key; /* of no size: there is none */
};

/* Find the first row from `from` on that begins with `all`. */
void row_head_find(struct journal *journal, struct row_head *head, struct row_key from,
    const struct row_key *all);
/* The row was put, or dropped. */
void row_head_put(struct row_head *head, const struct row_key *key);
void row_head_drop(struct journal *journal, struct row_head *head,
    const struct row_key *key, const struct row_key *all);
#endif

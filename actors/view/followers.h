/* followers - the journals of all schedulers, seen from outside.
 *
 * A journal is read anew at its first use in a batch, and not again before the next:
 * what was borrowed from it stays until then.
 */
#ifndef ACTORS_VIEW_FOLLOWERS_H
#define ACTORS_VIEW_FOLLOWERS_H
#include "base/config.h"
#include "base/id.h"
#include "store/journal.h"

struct follower {
    struct journal *journal; /* NULL: not open */
    uint64_t batch;          /* that it was read for */
    enum err err;            /* why it could not be read last; said once */
};

struct followers {
    const struct config *config;
    uint64_t batch;
    struct follower rows[PARTITIONS_MAX];
};

/* Opens nothing yet.  Keeps `config`. */
void followers_open(struct followers *followers, const struct config *config);
void followers_close(struct followers *followers);

/* A batch begins: what was borrowed is gone. */
void followers_begin(struct followers *followers);
/* The journal of a partition with all that was committed when the batch began; NULL if
 * it is not there yet or cannot be read now. */
struct journal *followers_journal(void *followers, uint32_t partition);
/* See what there is, though nobody asks: files that nobody else needs are let go. */
void followers_refresh(struct followers *followers);
#endif

/* rows_compare - are the rows of two journals the same? */
#ifndef ACTORS_VERIFY_ROWS_COMPARE_H
#define ACTORS_VERIFY_ROWS_COMPARE_H
#include "base/buffer.h"
#include "store/journal.h"

enum { DIFFERENCES_MAX = 5 };

struct rows_compared {
    uint64_t rows;        /* that are stored */
    uint64_t differences; /* of them, and of those that should be */
    struct buffer first;  /* the first DIFFERENCES_MAX, as a sentence each */
};

/* `stored` as it is, `replayed` as it should be.  The caller frees `first`. */
void rows_compare(
    struct journal *stored, struct journal *replayed, struct rows_compared *compared);
#endif

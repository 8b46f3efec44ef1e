/* view - answers questions about runs from what the schedulers have stored.
 *
 * Decides nothing and owns nothing.  An answer shows all that was acknowledged before
 * its question was read.
 */
#ifndef ACTORS_VIEW_VIEW_H
#define ACTORS_VIEW_VIEW_H
#include "actors/outbox.h"
#include "base/buffer.h"
#include "store/journal.h"

enum { DOCUMENT_BYTES_MAX = 4 * 1024 * 1024 };

struct view {
    uint32_t partitions;
    /* The journal of a partition as it is now, or NULL if it cannot be read. */
    struct journal *(*journal)(void *self, uint32_t partition);
    void *self;
    size_t bytes_max; /* of a run's document, its inputs and last output excepted */

    struct arena arena;     /* one answer */
    struct buffer document; /* one answer */
};

/* Say the answer to a question: see messages.def.  What is said borrows from `view`
 * until the next call. */
void view_answer(struct view *view, const struct message *in, struct outbox *out);
void view_free(struct view *view);
#endif

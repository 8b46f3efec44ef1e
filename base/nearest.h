/* nearest - which known word was probably meant? */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H
#include "base/bytes.h"

/* Zero-initialised is: nothing near was found yet. */
struct nearest {
    const char *word; /* NULL: none */
    unsigned distance;
};

/* Keep `candidate` if it is nearer to `word` than what is kept.  A word is near if at
 * most a third of it must be changed: letters put in, left out, replaced, or two
 * neighbours swapped. */
void nearest_try(struct nearest *n, struct bytes word, const char *candidate);

/* Keep `candidate` if nothing else is kept, and either is the other's beginning, up to
 * a "_": event of event_type, retry of retry_policy. */
void nearest_part_try(struct nearest *n, struct bytes word, const char *candidate);
#endif

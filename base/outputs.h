/* outputs - what a job says by lines such as ::set-output version=1.2.3 on stdout.
 *
 * Chunks may end within a line.  The last value of a name counts.  In what is not UTF-8
 * each byte that is not ASCII becomes '?'.  Pure.
 */
#ifndef BASE_OUTPUTS_H
#define BASE_OUTPUTS_H
#include "base/buffer.h"

enum {
    OUTPUTS_BYTES_MAX =
        65536,               /* of all names and values; what goes beyond is left out */
    OUTPUT_LINE_MAX = 16384, /* longer lines set nothing */
};

/* Zero-initialised is empty and valid. */
struct outputs {
    struct buffer pairs; /* msgpack texts, name and value by turns */
    size_t count;        /* pairs, repeated names included */
    struct buffer line;  /* as far as it has come */
    bool overlong;       /* the line is */
};

void outputs_read(struct outputs *o, struct bytes chunk);
/* What was printed last needs no newline. */
void outputs_end(struct outputs *o);
void outputs_set(struct outputs *o, struct bytes name, struct bytes value);
/* Append the msgpack map of all, in the order in which names came first. */
void outputs_write(const struct outputs *o, struct buffer *out);
void outputs_free(struct outputs *o);
#endif

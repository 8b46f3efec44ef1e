/* value_ops - change a value by a list of operations, one after another.
 *
 * `set`, `merge`, `increment`, `decrement`, `append` and `remove`, each at a path: the
 * names of members, outermost first; none means the value itself.  What is not there
 * yet is made, and a value that is not there at all begins as an empty map.  An
 * operation that does not fit is passed over and said; the others count.  Pure.
 */
#ifndef ACTORS_TRIGGER_VALUE_OPS_H
#define ACTORS_TRIGGER_VALUE_OPS_H
#include "base/arena.h"
#include "base/err.h"

enum {
    VALUE_OPS_MAX = 128,         /* in one list */
    VALUE_PATH_MAX = 32,         /* segments */
    VALUE_SEGMENT_MAX = 256,     /* bytes */
    VALUE_MERGED_MAX = 1024,     /* members of what is merged, */
    VALUE_MERGED_DEPTH_MAX = 16, /* and how deep it is nested */
    VALUE_WORK_MAX = 8 << 20,    /* bytes that the operations of a list go through */
};

struct value_change {
    struct bytes value;    /* what it is now, msgpack in the arena; nothing: none yet */
    uint32_t done;         /* operations that were carried out */
    uint32_t failed;       /* and those that were not: */
    struct bytes mistakes; /* msgpack: [{op_index, code, message}], in the arena */
};

/* Do what the msgpack array `ops` says to `value`; nothing: there is none yet.
 *
 * ERR_INVALID    `ops` is no such list: `fault` says which one and what was expected
 * ERR_TOO_LARGE  it has more than VALUE_OPS_MAX, is more work than VALUE_WORK_MAX, or
 *                the value grows beyond `max` bytes on the way or is nested deeper than
 *                PACK_DEPTH_MAX
 */
MUST_CHECK enum err value_change(struct bytes value, struct bytes ops, size_t max,
    struct arena *arena, struct value_change *change, struct fault *fault);
#endif

/* json_read - JSON as msgpack, strictly: UTF-8 only, no duplicate keys, numbers of 64
 * bits, nothing behind the value, PACK_DEPTH_MAX levels.
 */
#ifndef BASE_JSON_READ_H
#define BASE_JSON_READ_H
#include "base/buffer.h"
#include "base/err.h"

struct json_place {
    unsigned line, column; /* from 1; 0: nowhere in particular */
};

/* Append the msgpack of one JSON value.
 *
 * ERR_MALFORMED  it is none, or nested too deep: `fault` says what, `place` (which may
 * be NULL) where; `out` is as it was
 */
MUST_CHECK enum err json_to_msgpack(struct bytes json, struct buffer *out,
    struct json_place *place, struct fault *fault);
#endif

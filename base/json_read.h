/* json_read - JSON as msgpack, strictly: UTF-8 only, no duplicate keys, whole numbers
 * of up to 64 bits kept exactly, nothing behind the value, PACK_DEPTH_MAX levels. */
#ifndef BASE_JSON_READ_H
#define BASE_JSON_READ_H
#include "base/buffer.h"
#include "base/err.h"

/* Append the msgpack of one JSON value.
 *
 * ERR_MALFORMED  it is none: `fault` says what was expected, and at which byte; `out`
 * is as it was
 */
MUST_CHECK enum err
json_read(struct bytes json, struct buffer *out, struct fault *fault);
#endif

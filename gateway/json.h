/* json - JSON at the door, msgpack inside.
 *
 * The only place where one becomes the other.  JSON is taken strictly: UTF-8 only, no
 * duplicate keys, numbers of 64 bits, nothing after the value, a bounded depth.
 */
#ifndef GATEWAY_JSON_H
#define GATEWAY_JSON_H
#include "base/buffer.h"
#include "base/err.h"
#include "base/pack.h"

struct json_place {
    unsigned line, column; /* from 1; 0: nowhere in particular */
};

/* Append the msgpack of one JSON value.
 *
 * ERR_MALFORMED  it is none, or nested deeper than PACK_DEPTH_MAX: `fault` says what,
 *                `place` where; `out` is as it was
 */
MUST_CHECK enum err json_to_msgpack(struct bytes json, struct buffer *out,
    struct json_place *place, struct fault *fault);

/* Append the JSON of one msgpack value.  Bytes become base64, doubles the shortest
 * number that reads back the same, NaN and the infinities null.
 *
 * ERR_MALFORMED  it is not well-formed, or nested too deep; `out` is as it was
 */
MUST_CHECK enum err msgpack_to_json(struct bytes in, struct buffer *out);

/* Append a text with its quotes. */
void json_write_text(struct buffer *out, struct bytes in);
#endif

/* json - JSON at the door, msgpack inside.
 *
 * The only place where a stranger's JSON becomes msgpack; base/json_write.h is the way
 * back.  JSON is taken strictly: UTF-8 only, no duplicate keys, numbers of 64 bits,
 * nothing after the value, a bounded depth.
 */
#ifndef GATEWAY_JSON_H
#define GATEWAY_JSON_H
#include "base/json_write.h"
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
#endif

/* json_head - a few members of a JSON object whose rest cannot be read.  Pure.
 *
 * Clients let through what is no JSON here: NaN, half a surrogate pair, a number of
 * more than 64 bits, too many levels.  Whom such a frame is about can still be known.
 */
#ifndef GATEWAY_JSON_HEAD_H
#define GATEWAY_JSON_HEAD_H
#include "base/buffer.h"

/* Append a JSON object with those members of the object `json` that are among `names`,
 * 64 at most and each in its quotes, and can be read by themselves; of several of one
 * name the first.  It is empty if `json` is none. */
void json_head(
    struct buffer *out, struct bytes json, const char *const names[], size_t count);
#endif

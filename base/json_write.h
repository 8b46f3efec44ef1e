/* json_write - msgpack as compact JSON. */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H
#include "base/buffer.h"
#include "base/err.h"

enum { JSON_NUMBER_SIZE = 32 };

/* Append the JSON of one msgpack value.  Bytes become base64, doubles the shortest
 * number that reads back the same, NaN and the infinities null.
 *
 * ERR_MALFORMED  it is not well-formed, or nested too deep; `out` is as it was
 */
MUST_CHECK enum err msgpack_to_json(struct bytes in, struct buffer *out);

/* Append a text with its quotes. */
void json_write_text(struct buffer *out, struct bytes in);

/* The shortest number that reads back the same; finite. */
void json_print_double(double value, char out[JSON_NUMBER_SIZE]);
#endif

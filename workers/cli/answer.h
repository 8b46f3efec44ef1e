/* answer - JSON as engines send it.  Pure. */
#ifndef WORKERS_CLI_ANSWER_H
#define WORKERS_CLI_ANSWER_H
#include "base/buffer.h"

#include <jansson.h>

/* NULL when it is not JSON.  Numbers that are not whole, or too large for json_int_t,
 * which the outputs of runs may well have, become texts that only answer_write()
 * understands. */
json_t *answer_read(struct bytes from);
/* The same of what people wrote; `flags` are jansson's. */
json_t *answer_parse(struct bytes from, size_t flags, json_error_t *wrong);

/* As JSON, with the digits that came, behind what `out` has; `flags` are jansson's.
 * False, and nothing: there is no value, or a text is not UTF-8. */
bool answer_write(const json_t *value, size_t flags, struct buffer *out);
/* A text, and no number that stands as one. */
bool answer_plain(const json_t *value);
#endif

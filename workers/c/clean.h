/* clean - texts of an action, made fit for a frame.  Whoever sends a text that is not
 * UTF-8 is refused; a log line is not worth that. */
#ifndef WORKERS_C_CLEAN_H
#define WORKERS_C_CLEAN_H
#include "base/buffer.h"

/* At most `max` bytes of `from`, without half a character at the end. */
struct bytes clean_cut(const char *from, size_t max);
/* Append as msgpack text; if it is not UTF-8, what is not ASCII becomes '?'. */
void clean_pack(struct buffer *out, struct bytes t);
#endif

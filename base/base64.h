/* base64 - RFC 4648, with padding. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H
#include "base/buffer.h"

void base64_write(struct buffer *out, struct bytes in);
/* Append what `in` means; the alphabet of URLs and missing padding are taken, too.
 * False: it means nothing; `out` is as it was. */
bool base64_read(struct buffer *out, struct bytes in);
#endif

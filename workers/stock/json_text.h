/* json_text - a msgpack value as people read it. */
#ifndef WORKERS_STOCK_JSON_TEXT_H
#define WORKERS_STOCK_JSON_TEXT_H
#include "base/buffer.h"

/* Append the value as JSON; binary becomes hexadecimal text. */
void json_text(struct buffer *out, struct bytes msgpack);
#endif

#include "base/quoted.h"

#include "base/pack.h"

#include <stdio.h>

enum { SHOWN_MAX = 60 };

/* The bytes of the character at `i`; 0 if it must be escaped. */
static size_t
character_size(struct bytes in, size_t i)
{
    uint8_t b = in.data[i];
    size_t size = b < 0x80 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
    bool shown = b >= 0x20 && b != 0x7f && size <= in.size - i
                 && utf8_valid(bytes_of(in.data + i, size));
    return shown ? size : 0;
}

struct quoted
quoted(struct bytes in)
{
    struct quoted q = { .text = "\"" };
    size_t length = 1, i = 0;
    while (i < in.size && length < SHOWN_MAX) {
        size_t size = character_size(in, i);
        if (size == 0)
            length += (size_t)snprintf(q.text + length, 5, "\\x%02x", in.data[i]);
        memcpy(q.text + length, in.data + i, size);
        length += size;
        i += size > 0 ? size : 1;
    }
    snprintf(q.text + length, sizeof q.text - length, "%s\"", i < in.size ? "…" : "");
    return q;
}

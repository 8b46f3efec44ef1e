#include "base/quoted.h"

#include <stdio.h>

struct quoted
quoted(struct bytes in)
{
    enum { SHOWN_MAX = 60 };
    struct quoted q = { .text = "\"" };
    size_t length = 1;
    size_t i = 0;
    while (i < in.size && length < SHOWN_MAX) {
        uint8_t b = in.data[i++];
        if (b < 0x20 || b == 0x7f)
            length += (size_t)snprintf(q.text + length, 5, "\\x%02x", b);
        else
            q.text[length++] = (char)b;
        while (b >= 0xc0 && i < in.size && (in.data[i] & 0xc0) == 0x80)
            q.text[length++] = (char)in.data[i++];
    }
    snprintf(q.text + length, sizeof q.text - length, "%s\"", i < in.size ? "…" : "");
    return q;
}

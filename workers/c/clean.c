#include "workers/c/clean.h"

#include "base/pack.h"

struct bytes
clean_cut(const char *from, size_t max)
{
    size_t size = strnlen(from, max);
    if (size == max)
        for (int back = 0; back < 3 && ((uint8_t)from[size] & 0xc0) == 0x80; back++)
            size--;
    return bytes_of(from, size);
}

void
clean_pack(struct buffer *out, struct bytes t)
{
    pack_text(out, t);
    if (utf8_valid(t))
        return;
    uint8_t *at = out->data + out->size - t.size;
    for (size_t i = 0; i < t.size; i++)
        if (at[i] >= 0x80)
            at[i] = '?';
}

#include "base/utf8.h"

/* How many bytes the sequence at the beginning of `in`, which is not plain, has; 0: it
 * is none. */
static size_t
sequence_size(struct bytes in)
{
    uint8_t b = in.data[0];
    size_t size = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
    if (b < 0xc2 || b > 0xf4 || in.size < size)
        return 0;
    uint8_t low = b == 0xe0 ? 0xa0 : b == 0xf0 ? 0x90 : 0x80;
    uint8_t high = b == 0xed ? 0x9f : b == 0xf4 ? 0x8f : 0xbf;
    if (in.data[1] < low || in.data[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((in.data[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

/* How far it is plain from `at` on: nearly all of most texts. */
static size_t
plain_until(struct bytes in, size_t at)
{
    uint64_t eight;
    for (; in.size - at >= sizeof eight; at += sizeof eight) {
        memcpy(&eight, in.data + at, sizeof eight);
        if ((eight & 0x8080808080808080u) != 0)
            break;
    }
    while (at < in.size && in.data[at] < 0x80)
        at++;
    return at;
}

struct bytes
utf8_beginning(struct bytes in)
{
    size_t size = plain_until(in, 0), more = 1;
    while (size < in.size && more > 0) {
        more = sequence_size(bytes_of(in.data + size, in.size - size));
        size = plain_until(in, size + more);
    }
    return bytes_of(in.data, size);
}

bool
utf8_valid(struct bytes in)
{
    return utf8_beginning(in).size == in.size;
}

size_t
utf8_count(struct bytes in)
{
    size_t count = 0;
    for (size_t i = 0; i < in.size; i++)
        count += (in.data[i] & 0xc0) != 0x80;
    return count;
}

size_t
utf8_write(uint32_t code, uint8_t out[4])
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    for (size_t i = size; i-- > 1; code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3f));
    out[0] = (uint8_t)((0xf00u >> size & 0xf0) | code);
    return size;
}

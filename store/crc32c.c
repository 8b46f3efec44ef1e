#include "store/crc32c.h"

enum { SLICES = 8 };

static uint32_t table[SLICES][256];

/* Eight bytes a step: table[k][b] is the effect of byte b, k bytes before the end. */
__attribute__((constructor)) static void
table_fill(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
        table[0][i] = crc;
    }
    for (size_t k = 1; k < SLICES; k++)
        for (size_t i = 0; i < 256; i++) {
            uint32_t before = table[k - 1][i];
            table[k][i] = before >> 8 ^ table[0][before & 0xff];
        }
}

static uint64_t
eight_bytes(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

uint32_t
crc32c(uint32_t crc, struct bytes more)
{
    const uint8_t *at = more.data;
    size_t left = more.size;
    crc = ~crc;
    for (; left >= SLICES; at += SLICES, left -= SLICES) {
        uint64_t x = eight_bytes(at) ^ crc;
        crc = 0;
        for (size_t k = 0; k < SLICES; k++)
            crc ^= table[SLICES - 1 - k][x >> 8 * k & 0xff];
    }
    for (; left > 0; at++, left--)
        crc = crc >> 8 ^ table[0][(crc ^ *at) & 0xff];
    return ~crc;
}

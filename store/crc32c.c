#include "store/crc32c.h"

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

/* Eight bytes a step: table[k][b] is the effect of byte b, k bytes before the end. */
enum { SLICES = 8 };
static uint32_t table[SLICES][256];

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

uint32_t
crc32c_by_table(uint32_t crc, struct bytes more)
{
    const uint8_t *at = more.data;
    size_t left = more.size;
    crc = ~crc;
    for (; left >= SLICES; at += SLICES, left -= SLICES) {
        uint64_t x = eight_bytes(at) ^ crc;
        crc = table[7][x & 0xff] ^ table[6][x >> 8 & 0xff] ^ table[5][x >> 16 & 0xff]
              ^ table[4][x >> 24 & 0xff] ^ table[3][x >> 32 & 0xff]
              ^ table[2][x >> 40 & 0xff] ^ table[1][x >> 48 & 0xff] ^ table[0][x >> 56];
    }
    for (; left > 0; at++, left--)
        crc = crc >> 8 ^ table[0][(crc ^ *at) & 0xff];
    return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t
crc32c_by_processor(uint32_t crc, struct bytes more)
{
    const uint8_t *at = more.data;
    size_t left = more.size;
    uint64_t wide = ~crc;
    for (; left >= 8; at += 8, left -= 8)
        wide = __builtin_ia32_crc32di(wide, eight_bytes(at));
    crc = (uint32_t)wide;
    for (; left > 0; at++, left--)
        crc = __builtin_ia32_crc32qi(crc, *at);
    return ~crc;
}
#endif

uint32_t
crc32c(uint32_t crc, struct bytes more)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_by_processor(crc, more);
#endif
    return crc32c_by_table(crc, more);
}

#include "base/clock.h"

#include <sodium.h>
#include <time.h>

enum { ID_CHANCE = 10 }; /* bytes */

/* From the monotonic clock to the engine's time, once it has begun. */
static int64_t offset_ms;
static bool has_begun;

static uint64_t
read_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t
clock_unix_ms(void)
{
    if (!has_begun)
        return read_us(CLOCK_REALTIME) / 1000;
    return (uint64_t)((int64_t)clock_monotonic_ms() + offset_ms);
}

void
clock_begin(int64_t from_monotonic_ms)
{
    has_begun = true;
    offset_ms = from_monotonic_ms;
}

uint64_t
clock_reach(uint64_t unix_ms)
{
    uint64_t now_ms = clock_unix_ms();
    if (!has_begun || unix_ms <= now_ms)
        return 0;
    offset_ms += (int64_t)(unix_ms - now_ms);
    return unix_ms - now_ms;
}

int64_t
clock_offset_ms(void)
{
    return offset_ms;
}

uint64_t
clock_monotonic_ms(void)
{
    return read_us(CLOCK_BOOTTIME) / 1000;
}

uint64_t
clock_monotonic_us(void)
{
    return read_us(CLOCK_BOOTTIME);
}

int
clock_patience(uint64_t due_ms)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (due_ms == UINT64_MAX)
        return -1;
    if (due_ms <= now_ms)
        return 0;
    return due_ms - now_ms < 60000 ? (int)(due_ms - now_ms) : 60000;
}

void
chance_fill(void *out, size_t size)
{
    randombytes_buf(out, size);
}

/* Ten bytes of chance for an id: the kernel is asked for those of many at once, and
 * what was given is forgotten here. */
static void
take_chance(uint8_t out[ID_CHANCE])
{
    static uint8_t pool[ID_CHANCE * 50];
    static size_t left;
    if (left == 0) {
        chance_fill(pool, sizeof pool);
        left = sizeof pool;
    }
    left -= ID_CHANCE;
    memcpy(out, pool + left, ID_CHANCE);
    sodium_memzero(pool + left, ID_CHANCE);
}

struct id
id_fresh(unsigned partition)
{
    /* Twelve bits of count keep ids of one millisecond in order. */
    static uint64_t last_ms;
    static unsigned count;
    uint8_t chance[ID_CHANCE];
    uint64_t now_ms = clock_unix_ms();

    take_chance(chance);
    if (now_ms > last_ms) {
        last_ms = now_ms;
        count = (unsigned)chance[0] << 3 & 0x7ff;
    } else if (++count > 0xfff) {
        last_ms++;
        count = 0;
    }
    chance[0] = (uint8_t)(count >> 8);
    chance[1] = (uint8_t)count;
    return id_make(last_ms, chance, partition);
}

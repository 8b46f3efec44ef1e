#include "base/duration.h"

#include <stdio.h>

enum { FRACTION_DIGITS_MAX = 9, INPUT_MAX = 64 };

/* "ms" comes before "m": the first that fits is taken. */
static const struct {
    const char *name;
    uint64_t ms;
} units[] = {
    { "ms", 1 },
    { "h", 3600 * 1000 },
    { "m", 60 * 1000 },
    { "s", 1000 },
};

static const uint64_t longest_ms = (uint64_t)1 << 53;

struct reader {
    const uint8_t *at, *end;
};

static bool
digit(const struct reader *r)
{
    return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

static bool
whole_read(struct reader *r, uint64_t *whole)
{
    *whole = 0;
    if (!digit(r))
        return false;
    for (; digit(r); r->at++) {
        *whole = *whole * 10 + (uint64_t)(*r->at - '0');
        if (*whole > longest_ms)
            return false;
    }
    return true;
}

/* What is behind the point, as a number of the `scale`th part. */
static bool
fraction_read(struct reader *r, uint64_t *fraction, uint64_t *scale)
{
    *fraction = 0;
    *scale = 1;
    if (r->at == r->end || *r->at != '.')
        return true;
    r->at++;
    if (!digit(r))
        return false;
    for (unsigned i = 0; digit(r); r->at++, i++) {
        if (i == FRACTION_DIGITS_MAX)
            return false;
        *fraction = *fraction * 10 + (uint64_t)(*r->at - '0');
        *scale *= 10;
    }
    return true;
}

static uint64_t
unit_read(struct reader *r)
{
    struct bytes left = bytes_of(r->at, (size_t)(r->end - r->at));
    for (size_t i = 0; i < COUNT(units); i++)
        if (bytes_begin(left, text(units[i].name))) {
            r->at += strlen(units[i].name);
            return units[i].ms;
        }
    return 0;
}

bool
duration_read(struct bytes in, uint64_t *ms)
{
    struct reader r = { in.data, in.data + in.size };
    uint64_t sum = 0;
    if (in.size == 0 || in.size > INPUT_MAX)
        return false;
    while (r.at < r.end) {
        uint64_t whole, fraction, scale, unit;
        if (!whole_read(&r, &whole) || !fraction_read(&r, &fraction, &scale))
            return false;
        unit = unit_read(&r);
        if (unit == 0 || whole > longest_ms / unit || fraction * unit % scale != 0)
            return false;
        sum += whole * unit + fraction * unit / scale;
        if (sum > longest_ms)
            return false;
    }
    *ms = sum;
    return true;
}

void
duration_print(uint64_t ms, char out[DURATION_TEXT_SIZE])
{
    static const size_t order[] = { 1, 2, 3, 0 };
    int used = 0;
    for (size_t i = 0; i < COUNT(order); i++) {
        uint64_t of_unit = ms / units[order[i]].ms;
        ms %= units[order[i]].ms;
        if (of_unit > 0)
            used += snprintf(out + used, DURATION_TEXT_SIZE - (size_t)used, "%llu%s",
                (unsigned long long)of_unit, units[order[i]].name);
    }
    if (used == 0)
        snprintf(out, DURATION_TEXT_SIZE, "0s");
}

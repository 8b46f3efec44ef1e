#include "workers/stock/duration.h"

#include "base/bytes.h"

#include <stdlib.h>

static const double year_seconds = 366.0 * 24 * 3600;

bool
duration_seconds(double seconds, uint64_t *ms)
{
    if (!(seconds >= 0 && seconds <= year_seconds))
        return false;
    *ms = (uint64_t)(seconds * 1000 + 0.5);
    return true;
}

/* The unit at the front of `at`, in seconds; 0 if there is none. */
static double
unit(const char **at)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = { { "ms", 0.001 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } };
    for (size_t i = 0; i < COUNT(units); i++)
        if (strncmp(*at, units[i].name, strlen(units[i].name)) == 0) {
            *at += strlen(units[i].name);
            return units[i].seconds;
        }
    return 0;
}

bool
duration_read(const char *from, uint64_t *ms)
{
    double seconds = 0;
    const char *at = from;
    if (*at == '\0')
        return false;
    while (*at != '\0') {
        char *end;
        /* strtod would take "inf", "0x1p3" and signs. */
        if (strspn(at, "0123456789.") == 0)
            return false;
        double count = strtod(at, &end);
        if (end != at + strspn(at, "0123456789."))
            return false;
        at = end;
        double of = unit(&at);
        if (of <= 0)
            return false;
        seconds += count * of;
    }
    return duration_seconds(seconds, ms);
}

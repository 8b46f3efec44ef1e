/* A schedule of iii is refused with a sentence, or its times come one after the other,
 * each whole, and none between two. */
#include "base/wrong.h"
#include "gateway/iii/timetable.h"
#include "tests/fuzz/bounds.h"

void
fuzz_one(struct bytes in)
{
    struct timetable times;
    struct fault fault = { 0 };
    uint64_t at_ms = 1767225600000;
    bounds_begin();
    bool good = timetable_read(in, &times, &fault) == ERR_NONE;
    bounds_end();
    if (good != (fault.detail[0] == '\0'))
        WRONG("neither a schedule nor a mistake, or both");
    for (int i = 0; good && i < 4; i++) {
        bounds_begin();
        uint64_t next_ms = timetable_next(&times, at_ms);
        bounds_end();
        if (planted("timetable"))
            next_ms = at_ms;
        if (next_ms == UINT64_MAX)
            return;
        if (next_ms <= at_ms || next_ms % 1000 != 0)
            WRONG("the next time is not after");
        if (timetable_next(&times, next_ms - 1) != next_ms)
            WRONG("a time is none when it is looked at closely");
        if (timetable_next(&times, at_ms + (next_ms - at_ms) / 2) > next_ms)
            WRONG("a time is leapt over");
        at_ms = next_ms;
    }
}

#include "actors/schedule/cron.h"
#include "base/wrong.h"
#include "tests/fuzz/bounds.h"

/* A cron text, or a line feed and the bytes of a zone. */
static void
cron_given(struct bytes in)
{
    static const struct zone utc;
    const uint64_t after_ms = 1767225600000;
    char mistake[CRON_MISTAKE_SIZE];
    struct cron cron;
    bounds_begin();
    bool good = cron_read(in, &cron, mistake);
    bounds_end();
    good ^= planted("cron");
    if (good != (mistake[0] == '\0'))
        WRONG("neither a schedule nor a mistake, or both");
    if (!good)
        return;
    bounds_begin();
    uint64_t next_ms = cron_next(&cron, &utc, CRON_FIRST, after_ms);
    bounds_end();
    if (next_ms <= after_ms)
        WRONG("the next time is not after");
    for (enum cron_dst dst = CRON_FIRST; dst <= CRON_BOTH; dst++)
        if (cron_next(&cron, &utc, dst, after_ms) != next_ms)
            WRONG("a policy decides where no clock is changed");
}

static void
spans_hold(const struct zone *zone)
{
    int64_t at_s = -4000000000;
    for (int i = 0; i < 400 && at_s < 8000000000; i++) {
        struct zone_span span = zone_span(zone, at_s);
        if (span.begin_s > at_s || span.end_s <= at_s)
            WRONG("a moment is not in its span");
        struct zone_span last = zone_span(zone, span.end_s - 1);
        if (last.begin_s != span.begin_s || last.offset_s != span.offset_s)
            WRONG("a span is not the same to its end");
        int64_t moments[2], wall_s = at_s + span.offset_s;
        if (span.begin_s < wall_s - 26 * 3600
            && zone_moments(zone, wall_s, moments) < 1)
            WRONG("a time that is shown has no moment");
        if (span.end_s == INT64_MAX)
            break;
        at_s = span.end_s;
    }
}

static void
zone_given(struct bytes in)
{
    static const char *const texts[] = { "30 2 * * *", "0 0 30 2 *", "*/7 * * * *" };
    char mistake[CRON_MISTAKE_SIZE];
    struct zone zone;
    if (zone_read(in, &zone) != NULL)
        return;
    spans_hold(&zone);
    for (size_t i = 0; i < COUNT(texts); i++)
        for (enum cron_dst dst = CRON_FIRST; dst <= CRON_BOTH; dst++) {
            struct cron cron;
            if (!cron_read(text(texts[i]), &cron, mistake))
                WRONG("a schedule is none");
            uint64_t at_ms = 1700000000000;
            for (int n = 0; n < 4 && at_ms != UINT64_MAX; n++) {
                uint64_t next_ms = cron_next(&cron, &zone, dst, at_ms);
                if (next_ms <= at_ms)
                    WRONG("the next time is not after");
                at_ms = next_ms;
            }
        }
}

void
fuzz_one(struct bytes in)
{
    if (in.size > 0 && in.data[0] == '\n')
        zone_given(bytes_of(in.data + 1, in.size - 1));
    else
        cron_given(in);
}

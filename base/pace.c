#include "base/pace.h"

enum {
    WINDOW_FIRST = 16,
    SLACK_US = 10000, /* that a line may take: a group of questions shares a sync */
    ALONE_TIMES = 2,  /* besides, so often what one takes alone */
};

void
pace_open(struct pace *pace, uint32_t window_max)
{
    *pace = (struct pace){
        .window = window_max < WINDOW_FIRST ? window_max : WINDOW_FIRST,
        .window_max = window_max,
    };
}

void
pace_short(struct pace *pace)
{
    pace->short_of = true;
}

/* By an eighth, or by half if the line is much too long. */
static void
narrow(struct pace *pace, bool much)
{
    if (pace->window == 1)
        pace->alone_us = pace->best_us != 0 ? pace->best_us : pace->alone_us;
    else if (much)
        pace->window /= 2;
    else
        pace->window -= 1 + (pace->window - 1) / 8;
}

void
pace_late(struct pace *pace)
{
    narrow(pace, true);
    pace->answers = 0;
    pace->sum_us = pace->best_us = 0;
}

static void
widen(struct pace *pace)
{
    pace->window += 1 + pace->window / 2;
    if (pace->window > pace->window_max)
        pace->window = pace->window_max;
}

static void
end_round(struct pace *pace)
{
    if (pace->best_us < pace->alone_us)
        pace->alone_us = pace->best_us;
    uint64_t slow_us = SLACK_US + ALONE_TIMES * pace->alone_us;
    uint64_t mean_us = pace->sum_us / pace->answers;
    if (mean_us > slow_us)
        narrow(pace, mean_us > 2 * slow_us);
    else if (pace->short_of)
        widen(pace);
    pace->answers = 0;
    pace->sum_us = pace->best_us = 0;
    pace->short_of = false;
}

void
pace_answered(struct pace *pace, uint64_t took_us)
{
    took_us += took_us == 0;
    if (pace->best_us == 0 || took_us < pace->best_us)
        pace->best_us = took_us;
    pace->sum_us += took_us;
    if (++pace->answers >= pace->window)
        end_round(pace);
}

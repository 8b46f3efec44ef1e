#include "gateway/alarm.h"

#include "base/wrong.h"

#include <assert.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 64 };

static void
put(struct alarms *alarms, size_t place, struct alarm *alarm)
{
    alarms->heap[place] = alarm;
    alarm->place = place;
}

static size_t
rise(struct alarms *alarms, size_t place, const struct alarm *alarm)
{
    while (place > 1 && alarms->heap[place / 2]->at_ms > alarm->at_ms) {
        put(alarms, place, alarms->heap[place / 2]);
        place /= 2;
    }
    return place;
}

static size_t
sink(struct alarms *alarms, size_t place, const struct alarm *alarm)
{
    for (;;) {
        size_t child = place * 2;
        if (child > alarms->count)
            return place;
        if (child < alarms->count
            && alarms->heap[child + 1]->at_ms < alarms->heap[child]->at_ms)
            child++;
        if (alarms->heap[child]->at_ms >= alarm->at_ms)
            return place;
        put(alarms, place, alarms->heap[child]);
        place = child;
    }
}

static void
settle(struct alarms *alarms, size_t place, struct alarm *alarm)
{
    place = rise(alarms, place, alarm);
    put(alarms, sink(alarms, place, alarm), alarm);
}

void
alarm_set(struct alarms *alarms, struct alarm *alarm, uint64_t at_ms)
{
    alarm->at_ms = at_ms;
    if (alarm->place == 0) {
        if (alarms->count + 2 > alarms->capacity) {
            alarms->capacity = alarms->capacity ? alarms->capacity * 2 : CAPACITY_MIN;
            alarms->heap =
                reallocarray(alarms->heap, alarms->capacity, sizeof *alarms->heap);
            if (alarms->heap == NULL)
                WRONG("out of memory");
        }
        alarm->place = ++alarms->count;
    }
    settle(alarms, alarm->place, alarm);
}

void
alarm_set_loose(
    struct alarms *alarms, struct alarm *alarm, uint64_t at_ms, uint64_t slack_ms)
{
    alarm_set(alarms, alarm, at_ms + slack_ms - at_ms % (slack_ms + 1));
}

void
alarm_clear(struct alarms *alarms, struct alarm *alarm)
{
    size_t place = alarm->place;
    if (place == 0)
        return;
    assert(alarms->heap[place] == alarm);
    alarm->place = 0;
    struct alarm *last = alarms->heap[alarms->count--];
    if (last != alarm)
        settle(alarms, place, last);
}

uint64_t
alarms_next(const struct alarms *alarms)
{
    return alarms->count == 0 ? UINT64_MAX : alarms->heap[1]->at_ms;
}

uint64_t
alarms_ring(struct alarms *alarms, uint64_t now_ms)
{
    while (alarms_next(alarms) <= now_ms) {
        struct alarm *alarm = alarms->heap[1];
        alarm_clear(alarms, alarm);
        alarm->ring(alarm);
    }
    return alarms_next(alarms);
}

void
alarms_free(struct alarms *alarms)
{
    free(alarms->heap);
    *alarms = (struct alarms){ 0 };
}

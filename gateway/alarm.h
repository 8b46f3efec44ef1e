/* alarm - what is to happen at a time, earliest first. */
#ifndef GATEWAY_ALARM_H
#define GATEWAY_ALARM_H
#include <stddef.h>
#include <stdint.h>

/* Part of the thing that waits; zero-initialised is not set. */
struct alarm {
    uint64_t at_ms;                    /* monotonic */
    size_t place;                      /* in the heap, from 1; 0: not set */
    void (*ring)(struct alarm *alarm); /* not set any more when it rings */
};

/* Zero-initialised is empty and valid. */
struct alarms {
    struct alarm **heap; /* from 1 */
    size_t count, capacity;
};

/* Also moves one that is set. */
void alarm_set(struct alarms *alarms, struct alarm *alarm, uint64_t at_ms);
/* The same of one that may be up to `slack_ms` late: those that are set so ring
 * together, and what follows from them leaves together. */
void alarm_set_loose(
    struct alarms *alarms, struct alarm *alarm, uint64_t at_ms, uint64_t slack_ms);
void alarm_clear(struct alarms *alarms, struct alarm *alarm);
/* Ring all that are due.  Returns when the next is, UINT64_MAX for never. */
uint64_t alarms_ring(struct alarms *alarms, uint64_t now_ms);
uint64_t alarms_next(const struct alarms *alarms);
void alarms_free(struct alarms *alarms);
#endif

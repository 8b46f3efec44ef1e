/* led_by - what may have led to a record: the message or the moment that the scheduler
 * was told of, made again from what it said. */
#ifndef ACTORS_REPLAY_LED_BY_H
#define ACTORS_REPLAY_LED_BY_H
#include "actors/replay/rebuilt.h"

/* Each kind of message is made from the first fact, which names what came. */
enum { LED_BY_MAX = 4 };

struct led_by {
    enum message_code codes[LED_BY_MAX]; /* HELLO stands for a tick */
    size_t count;                        /* 0: what came cannot be made again */
};

/* The candidates, the likeliest first. */
struct led_by led_by(const struct facts *facts);
/* Make candidate `code` as it was told. */
void led_by_message(enum message_code code, const struct rebuilt *r, struct message *m);
/* "run_start", "tick", … */
const char *led_by_name(enum message_code code);
#endif

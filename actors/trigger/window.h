/* window - the fires that a scheduler was told and has not settled: pure.
 *
 * How many there may be follows from how long it takes to settle one, as for questions
 * of clients: see base/pace.h.  A fire that is out for FIRE_LATE_MS counts no more, so
 * that a scheduler that is away does not hold up what is for others; its row stays, and
 * it is told again when that one greets.
 *
 * Nothing here lasts: rows say what is not settled, this says what a peer has been told
 * in its life and ours.
 */
#ifndef ACTORS_TRIGGER_WINDOW_H
#define ACTORS_TRIGGER_WINDOW_H
#include "base/id.h"
#include "base/pace.h"

enum { WINDOW_MAX = 256, FIRE_LATE_MS = 1000 };

struct window {
    struct pace pace;
    uint32_t count;
    struct {
        struct id run;
        uint64_t at_ms; /* when it was told */
    } out[WINDOW_MAX];  /* the oldest first */
};

/* At most `max` of them, which is at most WINDOW_MAX. */
void window_open(struct window *window, uint32_t max);
/* The scheduler begins anew, or has missed something. */
void window_forget(struct window *window);

/* How many more it may be told. */
uint32_t window_room(const struct window *window);
/* The same of those that it is told again: half of the window is for them. */
uint32_t window_room_again(const struct window *window);

/* Also right for one that is out already. */
void window_told(struct window *window, const struct id *run, uint64_t now_ms);
/* One that is not out was late: there may be fewer.  `wanted`: others wait for its
 * place. */
void window_settled(
    struct window *window, const struct id *run, uint64_t now_ms, bool wanted);

/* When the oldest one is late; UINT64_MAX: none is out. */
uint64_t window_late_ms(const struct window *window);
void window_pass_late(struct window *window, uint64_t now_ms);
#endif

#include "actors/trigger/window.h"

#include <assert.h>
#include <string.h>

enum { US_PER_MS = 1000 };

void
window_open(struct window *window, uint32_t max)
{
    assert(max > 0 && max <= WINDOW_MAX);
    window->count = 0;
    pace_open(&window->pace, max);
}

void
window_forget(struct window *window)
{
    window->count = 0;
}

uint32_t
window_room(const struct window *window)
{
    uint32_t most = window->pace.window;
    return window->count < most ? most - window->count : 0;
}

uint32_t
window_room_again(const struct window *window)
{
    uint32_t most = (window->pace.window + 1) / 2;
    return window->count < most ? most - window->count : 0;
}

/* Its place; `count` if it is not out. */
static uint32_t
find(const struct window *window, const struct id *run)
{
    uint32_t i = 0;
    while (i < window->count && !id_equal(&window->out[i].run, run))
        i++;
    return i;
}

/* The first `count`, from `at` on, are out no more. */
static void
take_out(struct window *window, uint32_t at, uint32_t count)
{
    window->count -= count;
    memmove(&window->out[at], &window->out[at + count],
        (window->count - at) * sizeof *window->out);
}

void
window_told(struct window *window, const struct id *run, uint64_t now_ms)
{
    if (find(window, run) < window->count)
        return;
    if (window->count == WINDOW_MAX)
        take_out(window, 0, 1);
    window->out[window->count].run = *run;
    window->out[window->count++].at_ms = now_ms;
}

void
window_settled(
    struct window *window, const struct id *run, uint64_t now_ms, bool wanted)
{
    uint32_t at = find(window, run);
    if (at == window->count) {
        pace_late(&window->pace);
        return;
    }
    if (wanted && window_room(window) == 0)
        pace_short(&window->pace);
    pace_answered(&window->pace, (now_ms - window->out[at].at_ms) * US_PER_MS);
    take_out(window, at, 1);
}

uint64_t
window_late_ms(const struct window *window)
{
    return window->count == 0 ? UINT64_MAX : window->out[0].at_ms + FIRE_LATE_MS;
}

void
window_pass_late(struct window *window, uint64_t now_ms)
{
    uint32_t late = 0;
    while (late < window->count && window->out[late].at_ms + FIRE_LATE_MS <= now_ms)
        late++;
    take_out(window, 0, late);
}

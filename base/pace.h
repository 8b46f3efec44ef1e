/* pace - how many questions an actor should have at once: pure.
 *
 * As many as it answers without letting them stand in line for each other.  Those
 * beyond wait better with us, where projects take turns and who comes late is refused
 * at once.
 *
 * A round is as many answers as there may be questions.  If they were slow in the mean,
 * they stood in line: fewer.  If not, and questions had to wait here meanwhile: more.
 * What counts as slow follows from the fastest answer known, so that a slow device is
 * not taken for a line: that is forgotten when one question alone is as slow.
 */
#ifndef BASE_PACE_H
#define BASE_PACE_H
#include <stdbool.h>
#include <stdint.h>

struct pace {
    uint32_t window, window_max; /* questions */
    uint32_t answers;            /* of this round */
    bool short_of;               /* some had to wait in this round */
    uint64_t sum_us, best_us;    /* what they took, and the fastest; 0: none yet */
    uint64_t alone_us;           /* what one takes that need not wait; 0: not known */
};

void pace_open(struct pace *pace, uint32_t window_max);
/* A question had to wait because the window was full. */
void pace_short(struct pace *pace);
/* One was answered that is not counted any more: fewer, whatever the round says. */
void pace_late(struct pace *pace);
/* One was answered, so long after it was sent. */
void pace_answered(struct pace *pace, uint64_t took_us);
#endif

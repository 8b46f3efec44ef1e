/* decision - does today's code decide as was decided?
 *
 * What came from outside is told again, at the same moment, and what the scheduler says
 * is compared with what it said.
 */
#ifndef ACTORS_REPLAY_DECISION_H
#define ACTORS_REPLAY_DECISION_H
#include "actors/replay/led_by.h"

struct decision {
    bool known; /* it can be told again what came */
    bool same;
    enum message_code led_by; /* HELLO: a tick */
    struct buffer why;        /* if not the same: the first difference, as text */
};

/* Ask about the record that was read and has not been followed yet.  The state is as
 * before, but for what is not in any record. */
void decision_ask(
    struct rebuilt *r, const struct export_record *record, struct decision *decision);
#endif

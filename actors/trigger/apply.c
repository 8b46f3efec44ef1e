#include "actors/trigger/state.h"
#include "base/wrong.h"

void
trigger_apply(void *state, uint64_t at_ms, const struct message *m)
{
    struct trigger_state *s = state;
    switch (m->code) {
    case TRIGGERS_LEARNED: triggers_learned_applied(s, at_ms, m); return;
    case TRIGGER_FIRED: trigger_fired_applied(s, at_ms, m); return;
    case FIRE_SETTLED: fire_settled_applied(s, at_ms, m); return;
    case FIRES_PASSED: fires_passed_applied(s, at_ms, m); return;
    case SLOT_SKIPPED: slot_skipped_applied(s, m); return;
    case EVENT_KEPT: event_kept_applied(s, at_ms, m); return;
    case EVENT_ROUTED: event_routed_applied(s, at_ms, m); return;
    case EVENT_HELD: event_held_applied(s, m); return;
    case HOLD_ENDED: hold_ended_applied(s, m); return;
    case EVENTS_EXPIRED: events_expired_applied(s, m); return;
    case WAIT_LEARNED: wait_learned_applied(s, m); return;
    case WAIT_LOOKED: wait_looked_applied(s, m); return;
    case WAIT_MATCHED: wait_matched_applied(s, m); return;
    case WAIT_FORGOTTEN: wait_forgotten_applied(s, m); return;
    case SECRET_KEPT: secret_kept_applied(s, at_ms, m); return;
    case STATE_CHANGED: state_changed_applied(s, at_ms, m); return;
    case PEER_RESET: peer_reset_applied(s, &m->peer_reset); return;
    case ENDS_WANTED: ends_wanted_applied(s, m); return;
    case STREAM_CHANGED:
    case STATE_TOLD: return;
    default: WRONG("the trigger actor says no such thing");
    }
}

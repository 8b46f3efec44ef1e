/* What people do to steps: signal one that waits, skip one, set an output by hand. Each
 * says a number that nobody else says, so that it can be found: in the log, and in what
 * the last step of `hands` has seen. */
#include "base/pack.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/tale.h"

#include <inttypes.h>
#include <stdlib.h>

static const char skipped_by[] = "skipped by ann: ";
static const char *const keys[] = { "a", "w", "s", "b" };

uint64_t
hand_of_skip(const char *step)
{
    uint64_t hand = 0;
    while (hand < COUNT(keys) && strcmp(keys[hand], step) != 0)
        hand++;
    return hand + 1;
}

static uint64_t
number_in(struct bytes value)
{
    struct cursor in = cursor_over(value);
    return value.size > 0 && cursor_type(&in) == PACK_UNSIGNED ? cursor_u64(&in) : 0;
}

static bool
is_noted(const struct reading *r, const struct id *run, uint64_t said)
{
    for (size_t i = 0; i < r->hand_count; i++)
        if (r->hands[i].said == said && id_equal(&r->hands[i].run, run))
            return true;
    return false;
}

static void
note(struct reading *r, const struct id *run, uint64_t said)
{
    struct hand *hands = arena_take(&r->arena, (r->hand_count + 1) * sizeof *hands);
    if (r->hand_count > 0)
        memcpy(hands, r->hands, r->hand_count * sizeof *hands);
    hands[r->hand_count++] = (struct hand){ *run, said };
    r->hands = hands;
}

/* However often it is asked for; a run that goes on may wait for it again. */
static void
what_is_done_by_hand_is_done_once(
    const struct reading *r, const struct tale *t, uint64_t said)
{
    TALE_HOLDS(r, t, t->resumed > 0 || !is_noted(r, &t->run, said), "%" PRIu64, said);
}

void
step_signalled(struct reading *r, struct tale *t, struct step_tale *s,
    const struct wait_resumed *resumed)
{
    s->by_hand = number_in(resumed->result);
    what_is_done_by_hand_is_done_once(r, t, s->by_hand);
    note(r, &t->run, s->by_hand);
    sim_probe(PROBE_SIGNALLED);
}

bool
skipped_by_hand(const struct step_skipped *skipped)
{
    size_t size = sizeof skipped_by - 1;
    return skipped->reason.size > size
           && memcmp(skipped->reason.data, skipped_by, size) == 0;
}

void
step_skipped_by_hand(struct reading *r, struct tale *t, struct step_tale *s,
    const struct step_skipped *skipped)
{
    uint64_t said = 0;
    for (size_t i = sizeof skipped_by - 1; i < skipped->reason.size; i++)
        said = said * 10 + (uint64_t)(skipped->reason.data[i] - '0');
    what_is_done_by_hand_is_done_once(r, t, said);
    note(r, &t->run, said);
    note(r, &t->run, skipped->step + 1); /* as hand_of_skip */
    s->waiting = false;                  /* whatever it did is over */
    s->by_hand = 0;
    sim_probe(s->started ? PROBE_SKIPPED_BY_HAND : PROBE_SKIPPED_BEFORE);
}

/* Not what a run that completed was made of, nor a step that is over in one that goes
 * on: what needs it has seen how it ended. */
static void
only_what_may_still_change_is_overridden(struct reading *r, const struct tale *t,
    const struct step_tale *s, const struct step_overridden *said)
{
    TALE_HOLDS(r, t, !t->over || t->status != RUN_DONE, "step %" PRIu32, said->step);
    TALE_HOLDS(r, t, t->over || !s->over || s->completed, "step %" PRIu32, said->step);
}

void
step_overridden(struct reading *r, struct tale *t, struct step_tale *s,
    const struct step_overridden *said)
{
    only_what_may_still_change_is_overridden(r, t, s, said);
    if (!s->passes)
        s->over_event = t->events;
    s->over = s->completed = s->passes = s->attempt.ended = true;
    s->failed = s->waiting = false;
    /* Unless another has said something else in between. */
    if (s->by_hand == number_in(said->output))
        what_is_done_by_hand_is_done_once(r, t, s->by_hand);
    s->by_hand = number_in(said->output);
    note(r, &t->run, s->by_hand);
    sim_probe(t->over ? PROBE_OVERRIDDEN_AFTER : PROBE_OVERRIDDEN);
}

static void
a_step_sees_what_was_said_by_hand(struct reading *r, struct tale *t, uint32_t step,
    const char *key, struct bytes seen)
{
    uint64_t said = t->steps[step].by_hand;
    TALE_HOLDS(r, t, said == 0 || number_in(seen) == said,
        "%s: %" PRIu64 ", not %" PRIu64, key, number_in(seen), said);
}

void
step_has_seen(struct reading *r, struct tale *t, const struct step_completed *completed)
{
    if (!bytes_equal(t->plan.name, text(automation_name(AUTOMATION_hands)))
        || !bytes_equal(completed->key, text("d")))
        return;
    for (uint32_t i = 0; i < COUNT(keys); i++)
        a_step_sees_what_was_said_by_hand(
            r, t, i, keys[i], pack_find(completed->output, keys[i]));
}

static void
what_was_done_by_hand_is_in_the_log(struct reading *r)
{
    const struct oracle *o = r->sim->oracle;
    for (size_t i = 0; i < o->hand_count; i++) {
        const struct hand *hand = &o->hands[i];
        const struct tale *t = map_get(&r->by_run, id_bytes(&hand->run));
        HOLDS(r->sim, t == NULL || is_noted(r, &hand->run, hand->said), "%" PRIu64,
            hand->said);
    }
}

void
hands_end_check(struct reading *r)
{
    what_was_done_by_hand_is_in_the_log(r);
}

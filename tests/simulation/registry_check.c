/* What the registry says to those who wait for a version. */
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

#include <inttypes.h>

static struct waiting *
waiting_for(struct oracle *o, uint64_t request)
{
    for (size_t i = 0; i < WAITING_MAX; i++)
        if (o->waiting[i].request == request)
            return &o->waiting[i];
    return &o->waiting[o->next_waiting++ % WAITING_MAX];
}

static bool
answers(const struct outbox *out, uint64_t request)
{
    for (size_t i = 0; i < out->count; i++)
        if (out->messages[i].code == DOCUMENT
            && out->messages[i].document.request == request)
            return true;
    return false;
}

/* Whoever asked may still be waiting: by whose clock, it does not say. */
static void
who_waits_is_not_given_up_too_early(
    const struct machine *m, const struct waiting *waiting)
{
    uint64_t waited_ms = machine_now_ms(m) - waiting->since_ms;
    HOLDS(m->sim, waited_ms >= m->sim->config.request_ms, "after %" PRIu64 " ms",
        waited_ms);
}

void
registry_check(const struct machine *m, const struct outbox *out)
{
    for (size_t i = 0; i < out->count; i++) {
        const struct apply_waits *waits = &out->messages[i].apply_waits;
        if (out->messages[i].code != APPLY_WAITS)
            continue;
        struct waiting *waiting = waiting_for(m->sim->oracle, waits->request);
        bool known = waiting->request == waits->request && waiting->life == m->life;
        if (!waits->over && !known) /* it may ask twice */
            *waiting = (struct waiting){ waits->request, m->life, machine_now_ms(m) };
        else if (waits->over && known && !answers(out, waits->request))
            who_waits_is_not_given_up_too_early(m, waiting);
    }
}

/* The doors of base/clock.h: in a simulated world they open on the clock of whichever
 * machine is running.  Its monotonic clock drifts; its wall clock also jumps while it
 * runs, and nothing may depend on that.
 */
#include "base/clock.h"
#include "base/wrong.h"
#include "tests/simulation/machine.h"

uint64_t
clock_unix_ms(void)
{
    const struct machine *m = machine_running();
    return m == NULL ? 0 : machine_wall_ms(m);
}

uint64_t
clock_monotonic_ms(void)
{
    const struct machine *m = machine_running();
    return m == NULL ? 0 : machine_now_ms(m);
}

uint64_t
clock_monotonic_us(void)
{
    return clock_monotonic_ms() * MS_US;
}

void
chance_fill(void *out, size_t size)
{
    (void)out;
    (void)size;
    WRONG("chance that does not follow from the seed");
}

struct id
id_fresh(unsigned partition)
{
    (void)partition;
    WRONG("an id that does not follow from the seed");
}

#include "tests/simulation/shrink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { STARTS = 32, REASON_MAX = 256, LEAST_US = 100 * MS_US };

/* ---- as text ---- */

static uint32_t
kind_named(const char *name, size_t size)
{
    for (int i = 0; i < TRIM_COUNT; i++)
        if (strlen(trim_name(i)) == size && memcmp(trim_name(i), name, size) == 0)
            return (uint32_t)1 << i;
    return 0;
}

/* "crash+late" or "3+5": 0 if that says something else. */
static uint32_t
read_bits(const char *at, size_t size, bool numbers)
{
    uint32_t bits = 0;
    while (size > 0) {
        const char *plus = memchr(at, '+', size);
        size_t word = plus == NULL ? size : (size_t)(plus - at);
        uint32_t bit = kind_named(at, word);
        if (numbers)
            bit = strtoul(at, NULL, 10) < STARTS ? 1u << strtoul(at, NULL, 10) : 0;
        if (bit == 0)
            return 0;
        bits |= bit;
        word += plus != NULL;
        at += word;
        size -= word;
    }
    return bits;
}

bool
trims_read(const char *said, struct trims *trims)
{
    *trims = (struct trims){ 0 };
    while (said[0] != '\0') {
        size_t size = strcspn(said, ",");
        bool read = false;
        if (strncmp(said, "heal=", 5) == 0)
            read = (trims->heal_us = strtoull(said + 5, NULL, 10) * MS_US) > 0;
        else if (strncmp(said, "without=", 8) == 0)
            read = (trims->kinds = read_bits(said + 8, size - 8, false)) != 0;
        else if (strncmp(said, "starts=", 7) == 0)
            read = (trims->starts = read_bits(said + 7, size - 7, true)) != 0;
        if (!read)
            return false;
        said += size + (said[size] == ',');
    }
    return true;
}

const char *
trims_print(const struct trims *trims, char said[TRIMS_TEXT_MAX])
{
    size_t at = 0;
    const char *before = "without=";
    said[0] = '\0';
    if (trims->heal_us != 0)
        at += (size_t)snprintf(
            said, TRIMS_TEXT_MAX, "heal=%" PRIu64 ",", trims->heal_us / MS_US);
    for (int i = 0; i < TRIM_COUNT; i++) {
        if ((trims->kinds >> i & 1) == 0)
            continue;
        at += (size_t)snprintf(
            said + at, TRIMS_TEXT_MAX - at, "%s%s", before, trim_name(i));
        before = "+";
    }
    before = trims->kinds != 0 ? ",starts=" : "starts=";
    for (int i = 0; i < STARTS; i++) {
        if ((trims->starts >> i & 1) == 0)
            continue;
        at += (size_t)snprintf(said + at, TRIMS_TEXT_MAX - at, "%s%d", before, i);
        before = "+";
    }
    if (at > 0 && said[at - 1] == ',')
        said[at - 1] = '\0';
    return said;
}

/* ---- trimming ---- */

struct shrinking {
    uint64_t seed;
    struct sim_options *options;
    fails_fn *fails;
    struct dials dials; /* of its world, whole */
    char reason[REASON_MAX];
    uint64_t steps;
};

/* Does it fail as it did with these trims?  Then go on with them. */
static bool
keep(struct shrinking *s, struct trims trims)
{
    struct sim_options tried = *s->options;
    tried.trims = trims;
    struct failure failure = s->fails(s->seed, &tried);
    if (strcmp(failure.reason, s->reason) != 0 || failure.steps > s->steps)
        return false;
    s->steps = failure.steps;
    s->options->trims = trims;
    return true;
}

/* The earlier it heals, the fewer things have happened. */
static void
heal_early(struct shrinking *s)
{
    uint64_t least_us = 0, most_us = s->options->trims.heal_us;
    if (most_us == 0)
        most_us = s->dials.faults_us;
    while (most_us - least_us > LEAST_US) {
        struct trims trims = s->options->trims;
        uint64_t middle_us = (least_us + most_us) / 2 / MS_US * MS_US;
        trims.heal_us = middle_us;
        if (keep(s, trims))
            most_us = middle_us;
        else
            least_us = middle_us;
    }
}

static bool
there_is(const struct dials *dials, int kind)
{
    const uint64_t others[] = { dials->loss, dials->repeat, dials->late,
        dials->door_loss, (uint64_t)dials->clock_jump_ms };
    return (kind < MISHAP_COUNT ? dials->every_us[kind] : others[kind - TRIM_LOSS]) > 0;
}

static void
leave_out(struct shrinking *s)
{
    for (int i = 0; i < TRIM_COUNT; i++) {
        struct trims trims = s->options->trims;
        trims.kinds |= (uint32_t)1 << i;
        if (there_is(&s->dials, i) && trims.kinds != s->options->trims.kinds)
            keep(s, trims);
    }
    for (uint32_t i = 0; i < STARTS && i < s->dials.starts; i++) {
        struct trims trims = s->options->trims;
        trims.starts |= (uint32_t)1 << i;
        if (trims.starts != s->options->trims.starts)
            keep(s, trims);
    }
}

bool
shrink(uint64_t seed, struct sim_options *options, fails_fn *fails)
{
    struct shrinking s = { .seed = seed, .options = options, .fails = fails };
    s.dials = sim_dials(seed);
    struct failure whole = fails(seed, options);
    snprintf(s.reason, sizeof s.reason, "%s", whole.reason);
    s.steps = whole.steps;
    if (s.reason[0] == '\0')
        return false;
    heal_early(&s);
    leave_out(&s);
    heal_early(&s);
    return true;
}

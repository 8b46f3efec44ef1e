#include "tests/simulation/dials.h"

#include <string.h>

enum { MS = 1000, SECOND = 1000000 };

const char *
trim_name(int kind)
{
    static const char *const names[TRIM_COUNT] = { "crash", "crash_some", "power",
        "pause", "disk", "flush", "clock", "slow", "full", "reset", "cut", "silence",
        "death", "reconnect", "goodbye", "loss", "repeat", "late", "door", "jump" };
    return names[kind];
}

const char *
mishap_name(enum mishap mishap)
{
    return trim_name((int)mishap);
}

static void
draw_faults(struct dials *dials, struct chance *c)
{
    static const uint32_t mean_ms[MISHAP_COUNT] = {
        [MISHAP_CRASH] = 4000,
        [MISHAP_CRASH_SOME] = 8000,
        [MISHAP_POWER] = 12000,
        [MISHAP_PAUSE] = 5000,
        [MISHAP_DISK] = 4000,
        [MISHAP_FLUSH] = 5000,
        [MISHAP_CLOCK] = 4000,
        [MISHAP_SLOW] = 5000,
        [MISHAP_FULL] = 3000,
        [MISHAP_RESET] = 1500,
        [MISHAP_CUT] = 6000,
        [MISHAP_SILENCE] = 4000,
        [MISHAP_DEATH] = 5000,
        [MISHAP_RECONNECT] = 4000,
        [MISHAP_GOODBYE] = 6000,
    };
    /* Some worlds are far worse than others. */
    uint32_t storm = chance_hits(c, 1000) ? 5 : 1;
    uint32_t most = chance_hits(c, 1500) ? 3000 : 300;
    for (int i = 0; i < MISHAP_COUNT; i++) {
        uint64_t mean_us = (uint64_t)mean_ms[i] * MS / storm;
        bool on = chance_hits(c, 4000);
        uint64_t drawn_us = chance_between(c, mean_us / 4, mean_us * 2);
        dials->every_us[i] = on ? drawn_us : 0;
    }
    dials->loss = chance_hits(c, 5000) ? (uint32_t)chance_below(c, most) : 0;
    dials->repeat = chance_hits(c, 5000) ? (uint32_t)chance_below(c, most) : 0;
    dials->late = chance_hits(c, 5000) ? (uint32_t)chance_below(c, most) : 0;
    dials->door_loss = chance_hits(c, 5000) ? (uint32_t)chance_below(c, 500) : 0;
    if (chance_hits(c, 3000))
        dials->clock_jump_ms = chance_hits(c, 2000) ? 3600000 : 3000;
}

static void
draw_config(struct config *config, struct chance *c)
{
    config->lease_ms = (uint32_t)chance_between(c, 1500, 4000);
    config->heartbeat_ms = config->lease_ms / (uint32_t)chance_between(c, 3, 6);
    config->request_ms = 3000;
    if (chance_hits(c, 5000))
        config->lane_jobs_max = (uint32_t)chance_between(c, 1, 40);
    if (chance_hits(c, 2000))
        config->lane_bytes_max = (uint32_t)chance_between(c, 20, 400);
    if (chance_hits(c, 3000))
        config->inline_max = (uint32_t)chance_between(c, 8, 64);
    if (chance_hits(c, 3000))
        config->log_bytes_max = (uint32_t)chance_between(c, 0, 200);
    if (chance_hits(c, 3000))
        config->session_jobs_max = (uint32_t)chance_between(c, 1, 4);
    if (chance_hits(c, 3000))
        config->events_kept_bytes = chance_between(c, 4000, 12000);
    config->state_cache_bytes = chance_hits(c, 3000) ? 4096 : 1 << 20;
}

static void
draw_flood(struct dials *dials, struct config *config, struct chance *c)
{
    dials->flood = chance_hits(c, 2500);
    if (!dials->flood)
        return;
    dials->events = true;
    config->fires_max = (uint32_t)chance_between(c, 1, 4);
    if (chance_hits(c, 5000))
        config->request_wait_ms = (uint32_t)chance_between(c, 50, 1000);
}

void
dials_draw(struct dials *dials, struct config *config, struct chance *c)
{
    *dials = (struct dials){
        .schedulers = chance_hits(c, 5000) ? 1 : (uint32_t)chance_between(c, 2, 3),
        .workers = (uint32_t)chance_between(c, 3, 6),
        .starts = (uint32_t)chance_between(c, 4, 16),
        .latency_us = chance_between(c, 50, 3000),
        .faults_us = chance_between(c, 6, 20) * SECOND,
        .parked = chance_hits(c, 5000) ? 8000 : 0,
        .wide = chance_hits(c, 400),
        .linger = chance_hits(c, 1500),
        .crowd = chance_hits(c, 2000),
        .events = chance_hits(c, 3000),
    };
    config_default(config);
    draw_config(config, c);
    config->schedulers = dials->schedulers;
    draw_faults(dials, c);
    if (chance_hits(c, 300))
        dials_steady(dials);
    draw_flood(dials, config, c);
}

void
dials_steady(struct dials *dials)
{
    memset(dials->every_us, 0, sizeof dials->every_us);
    dials->loss = dials->repeat = dials->late = dials->door_loss = 0;
}

void
dials_trim(struct dials *dials, uint32_t kinds)
{
    uint32_t *const rates[] = { &dials->loss, &dials->repeat, &dials->late,
        &dials->door_loss };
    for (int i = 0; i < MISHAP_COUNT; i++)
        if ((kinds >> i & 1) != 0)
            dials->every_us[i] = 0;
    for (int i = 0; i < 4; i++)
        if ((kinds >> (TRIM_LOSS + i) & 1) != 0)
            *rates[i] = 0;
    if ((kinds >> TRIM_JUMP & 1) != 0)
        dials->clock_jump_ms = 0;
}

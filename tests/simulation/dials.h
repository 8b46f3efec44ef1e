/* dials - what kind of world a seed makes: how large, how busy, which faults and how
 * often.
 */
#ifndef TESTS_SIMULATION_DIALS_H
#define TESTS_SIMULATION_DIALS_H
#include "base/config.h"
#include "tests/simulation/chance.h"

/* Faults that come again and again until the world heals. */
enum mishap {
    MISHAP_CRASH,      /* a process is killed */
    MISHAP_CRASH_SOME, /* several at once */
    MISHAP_POWER,      /* all at once, and disks forget what was not synced */
    MISHAP_PAUSE,      /* a process stands still for a while */
    MISHAP_DISK,       /* a commit fails, written or not */
    MISHAP_FLUSH,      /* a process dies while it sends */
    MISHAP_CLOCK,      /* a wall clock jumps */
    MISHAP_SLOW,       /* a disk is slow for a while */
    MISHAP_FULL,       /* a pipe takes little for a while: the rest is dropped */
    MISHAP_RESET,      /* a connection breaks: what is on it is lost, or late */
    MISHAP_CUT,        /* two processes do not hear each other for a while */
    MISHAP_SILENCE,    /* a worker is not heard for a while, and works on */
    MISHAP_DEATH,      /* a worker dies, and another life of it begins */
    MISHAP_RECONNECT,  /* a worker's connection breaks */
    MISHAP_GOODBYE,    /* a worker leaves in order, and comes back */
    MISHAP_COUNT
};

/* What else a world can be without: see shrink.h. */
enum {
    TRIM_LOSS = MISHAP_COUNT,
    TRIM_REPEAT,
    TRIM_LATE,
    TRIM_DOOR,
    TRIM_JUMP,
    TRIM_COUNT
};

/* What is left out of the world of a seed: see shrink.h. */
struct trims {
    uint64_t heal_us; /* it heals then; 0: when its seed says */
    uint32_t kinds;   /* of mishaps, a bit for each */
    uint32_t starts;  /* of clients, a bit for each */
};

struct dials {
    uint32_t schedulers, workers, starts;
    uint32_t loss, repeat, late; /* of 10,000 packets */
    uint32_t door_loss;  /* of 10,000 frames and answers at the gateway's door */
    uint32_t parked;     /* of 10,000: packets to a dead process wait for it */
    uint64_t latency_us; /* of a packet, at most, unless it is late */
    uint64_t faults_us;  /* how long there are faults */
    uint64_t every_us[MISHAP_COUNT]; /* on the average; 0: never */
    int64_t clock_jump_ms;           /* between lives, at most, either way */
    bool linger; /* the world goes on for a while when all runs have ended */
    bool crowd;  /* most starts are of one automation, whose runs see each other */
    bool events; /* there are automations that events start */
    bool flood;  /* events of two projects come faster than runs may start */
    bool wide;   /* there is an automation of 150 steps side by side */
};

void dials_draw(struct dials *dials, struct config *config, struct chance *chance);
/* Nothing bad happens. */
void dials_steady(struct dials *dials);
/* Without these kinds, a bit for each. */
void dials_trim(struct dials *dials, uint32_t kinds);
const char *mishap_name(enum mishap mishap);
const char *trim_name(int kind);
#endif

/* engine_state - what the shell of the supervisor knows.  For engine.c, orders.c and
 * hearing.c, which share it, and for nobody else. */
#ifndef ACTORS_SUPERVISOR_ENGINE_STATE_H
#define ACTORS_SUPERVISOR_ENGINE_STATE_H
#include "actors/supervisor/claim.h"
#include "actors/supervisor/logbook.h"
#include "actors/supervisor/roster.h"
#include "actors/supervisor/spawn.h"
#include "base/status.h"

/* The shell's side of one process of the roster. */
struct running {
    const struct member *member;
    struct spawned at; /* pid 0: there is none */
    struct logstream stream;
    char said[512]; /* on the ready descriptor */
    size_t said_size;
    uint64_t since_ms; /* unix ms of the last change of state */
    char detail[STATUS_DETAIL_MAX + 1];
};

struct engine {
    struct config config;
    struct claim claim;
    struct logbook book;
    struct logstream own_stream;
    struct roster roster;
    struct supervisor machine;
    struct orders orders;
    struct running running[SUPERVISED_MAX];
    int signal_fd;
    int say_fds[2];
    uint8_t life[MAC_SIZE]; /* chance: no other life has it */
    uint64_t begin_ms;      /* monotonic */
    int64_t clock_ms;       /* from there to its processes' time: only grows */
    uint64_t since_ms;      /* unix, of the engine's own state */
    const char *state;
    char detail[STATUS_DETAIL_MAX + 1];
    bool changed; /* status is to be written */
    bool done;
};

/* Tell whoever waits for our beginning, once. */
void engine_say(struct engine *e, const char *word, const char *sentence);
/* The engine's own state, such as "ready". */
void engine_become(struct engine *e, const char *state);
/* What status says of a process, cut to fit. */
void engine_describe(struct engine *e, struct running *r, const char *detail);
/* Replace run/status. */
void engine_publish(struct engine *e);

/* Carry out the orders of the machine, and those that follow from them. */
void engine_obey(struct engine *e);

/* What a process prints; a little at a time, so that one that talks without end does
 * not fill our time. */
void hear_log(struct engine *e, struct running *r);
/* What it says of its beginning. */
void hear_beginning(struct engine *e, size_t process);
/* Everybody who has died. */
void hear_deaths(struct engine *e);
#endif

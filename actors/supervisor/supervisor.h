/* supervisor - which process starts, stops or is killed, and when.
 *
 * Processes start in their order, each when the one before is ready.  One that dies is
 * started again: at once, then after 0.1 s doubling to 5 s; a minute of health forgets
 * that.  One that is not ready five minutes after its start is killed: nobody else
 * would miss it.  At the first start, five deaths in a row before being ready, or a
 * refusal to begin, stop everything: the settings do not change by themselves.  Once
 * all were ready nothing does: a disk is full for a while only, and the others go on
 * meanwhile. Peers of a process that is started again hear of it by its epoch.
 *
 * Pure: it is told of readiness, deaths, signals and time, and gives orders.
 */
#ifndef ACTORS_SUPERVISOR_SUPERVISOR_H
#define ACTORS_SUPERVISOR_SUPERVISOR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SUPERVISED_MAX = 70,
    SUPERVISOR_HEALTH_MS = 60000,
    SUPERVISOR_START_MS = 300000, /* until it must be ready */
    SUPERVISOR_BACKOFF_MAX_MS = 5000,
    SUPERVISOR_FAILURES_MAX = 5,
    SUPERVISOR_EXIT_FAILED = 1,   /* a process refused to begin */
    SUPERVISOR_EXIT_GAVE_UP = 111 /* a process died again and again */
};

/*           start           ready          stop             died
 *  STOPPED --------> STARTING -----> READY -----> STOPPING -------> STOPPED
 *                     |   ^            |
 *                died v   | due        | died
 *                  BACKING_OFF <-------+
 */
enum process_state {
    PROCESS_STOPPED,
    PROCESS_STARTING,
    PROCESS_READY,
    PROCESS_BACKING_OFF,
    PROCESS_STOPPING
};

struct supervised {
    enum process_state state;
    uint64_t since_ms; /* of the state */
    uint64_t due_ms;   /* BACKING_OFF: when to start again; STARTING: to be ready */
    unsigned setbacks; /* deaths since the last minute of health */
    unsigned failures; /* deaths before being ready, in a row */
    unsigned restarts;
    bool was_ready; /* in any life */
    bool refused;   /* in this life: it said why it cannot begin */
};

struct supervisor {
    struct supervised processes[SUPERVISED_MAX];
    size_t process_count;
    unsigned drain_ms;
    unsigned backoff_max_ms; /* between restarts; may be set after supervisor_begin */
    bool announced;          /* all were ready once */
    bool stopping;
    uint64_t kill_ms; /* stopping: when patience ends */
    int exit_code;
};

enum order_type {
    ORDER_START,
    ORDER_TERMINATE,
    ORDER_KILL,
    ORDER_ANNOUNCE, /* all are ready, for the first time */
    ORDER_GIVE_UP,  /* because of this process; exit_code says more */
    ORDER_EXIT      /* no process is left */
};

struct order {
    enum order_type type;
    size_t process;
};

struct orders {
    struct order items[2 * SUPERVISED_MAX + 4];
    size_t count;
};

/* Each call appends to `orders`; times are monotonic milliseconds. */
void supervisor_begin(struct supervisor *s, size_t process_count, unsigned drain_ms,
    uint64_t now_ms, struct orders *orders);
void supervisor_ready(
    struct supervisor *s, size_t process, uint64_t now_ms, struct orders *orders);
/* The process said why it cannot begin; its death follows. */
void supervisor_refused(struct supervisor *s, size_t process);
void supervisor_died(
    struct supervisor *s, size_t process, uint64_t now_ms, struct orders *orders);
/* The second time, patience ends at once. */
void supervisor_stop(struct supervisor *s, uint64_t now_ms, struct orders *orders);
/* When must tick run next?  UINT64_MAX for never. */
uint64_t supervisor_due(const struct supervisor *s);
void supervisor_tick(struct supervisor *s, uint64_t now_ms, struct orders *orders);

const char *process_state_name(enum process_state state);
#endif

/* plan - where a test strikes: a file that the test writes and every process under the
 * shim maps (tests/support/power.py has the other side).
 *
 * A strike is the k-th call of some kinds, in one process or in any, from when it was
 * armed: there the process dies, before or after the call, or the call fails, or it is
 * left out and said to have been done, which is how bugs are planted.
 *
 * Wall time of single processes is another thing of the plan.  Not by libfaketime: it
 * reads a file at each question, which the sandbox of a process keeps from it, and has
 * one file for all of them.
 */
#ifndef TESTS_POWER_PLAN_H
#define TESTS_POWER_PLAN_H
#include <stdbool.h>
#include <stdint.h>

enum point {
#define POINT(name, sentence) POINT_##name,
#include "tests/power/points.def"
    POINT_COUNT
};

enum action { ACTION_DIE_BEFORE, ACTION_DIE_AFTER, ACTION_FAIL, ACTION_DROP };

/* Wall time of one process, that far from the machine's. */
struct plan_clock {
    char process[32];
    int64_t jump_us;
};

enum { PLAN_CLOCKS = 16 };

struct plan {
    uint32_t armed;   /* 0: calls are neither counted nor struck */
    uint32_t action;  /* enum action */
    uint32_t points;  /* bits of enum point */
    uint32_t error;   /* errno of ACTION_FAIL */
    uint64_t first;   /* which call is struck, from 1; 0: none, only counted */
    uint64_t last;    /* ACTION_FAIL, ACTION_DROP: the last one */
    uint64_t seen;    /* such calls since it was armed */
    uint64_t struck;  /* of those */
    char process[32]; /* such as "scheduler.0"; empty: any */
    struct plan_clock clocks[PLAN_CLOCKS]; /* the first without a name ends it */
};

/* Map the plan at `path` for the process `name`; without one nothing is ever struck. */
void plan_open(const char *path, const char *name);

enum verdict { VERDICT_CALL, VERDICT_CALL_AND_DIE, VERDICT_FAIL, VERDICT_DROP };

/* Before the call of a point; does not return where the process dies.  With
 * VERDICT_FAIL errno is set. */
enum verdict plan_ask(enum point point);

/* How far wall time of this process is from the machine's now, in microseconds. */
int64_t plan_jump(void);

/* It ends here as if it were killed. */
_Noreturn void plan_die(void);
#endif

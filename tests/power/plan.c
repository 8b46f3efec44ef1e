#include "tests/power/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct plan *plan;
static char self[sizeof plan->process];

void
plan_open(const char *path, const char *name)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *at =
        mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED)
        return;
    plan = at;
    snprintf(self, sizeof self, "%s", name);
}

int64_t
plan_jump(void)
{
    for (size_t i = 0; plan != NULL && i < PLAN_CLOCKS; i++) {
        struct plan_clock *clock = &plan->clocks[i];
        if (clock->process[0] == '\0')
            break;
        if (strncmp(clock->process, self, sizeof self) == 0)
            return __atomic_load_n(&clock->jump_us, __ATOMIC_RELAXED);
    }
    return 0;
}

_Noreturn void
plan_die(void)
{
    for (;;)
        kill(getpid(), SIGKILL);
}

static bool
is_meant(enum point point)
{
    return (plan->points >> point & 1) != 0
           && (plan->process[0] == '\0'
               || strncmp(plan->process, self, sizeof self) == 0);
}

enum verdict
plan_ask(enum point point)
{
    if (plan == NULL || point == POINT_COUNT
        || __atomic_load_n(&plan->armed, __ATOMIC_ACQUIRE) == 0 || !is_meant(point))
        return VERDICT_CALL;
    uint64_t k = __atomic_add_fetch(&plan->seen, 1, __ATOMIC_ACQ_REL);
    if (plan->first == 0 || k < plan->first)
        return VERDICT_CALL;
    bool dies = plan->action == ACTION_DIE_BEFORE || plan->action == ACTION_DIE_AFTER;
    if (k > (dies ? plan->first : plan->last))
        return VERDICT_CALL;
    __atomic_add_fetch(&plan->struck, 1, __ATOMIC_ACQ_REL);
    if (plan->action == ACTION_DIE_BEFORE)
        plan_die();
    if (plan->action == ACTION_DIE_AFTER)
        return VERDICT_CALL_AND_DIE;
    if (plan->action == ACTION_DROP)
        return VERDICT_DROP;
    errno = (int)plan->error;
    return VERDICT_FAIL;
}

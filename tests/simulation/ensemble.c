#include "tests/simulation/ensemble.h"

#include "base/wrong.h"
#include "tests/simulation/sim.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES_MAX = 64 };

/* What all processes see. */
struct shared {
    _Atomic uint64_t next, failed, steps;
    _Atomic bool stopped;
    bool apart; /* who fails does so alone */
    uint64_t probes[PROCESSES_MAX][PROBE_COUNT];
};

static struct shared *shared;

static void
share(void)
{
    if (shared != NULL)
        return;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        WRONG("no memory that processes can share");
}

void
ensemble_stop(uint64_t steps)
{
    if (shared == NULL)
        return;
    shared->stopped = !shared->apart;
    shared->steps = steps;
}

static bool
well(pid_t child)
{
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status)
           && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == EXIT_NOTHING);
}

/* Did the seed live?  If only one invariant is looked at, it may end in any way but
 * one. */
static bool
live_apart(uint64_t seed, live_fn *live)
{
    pid_t child = fork();
    if (child == 0) {
        live(seed);
        _Exit(0);
    }
    return well(child);
}

/* Whoever is free takes the next seed. */
static void
take_seeds(const struct ensemble *e)
{
    while (!shared->stopped) {
        uint64_t i = shared->next++;
        if (i >= e->count)
            return;
        if (!e->keep_going && !e->apart) {
            e->live(e->first + i);
        } else if (!live_apart(e->first + i, e->live)) {
            shared->failed++;
            shared->stopped = !e->keep_going;
        }
    }
}

static size_t
processes_of(const struct ensemble *e)
{
    long there = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = e->processes != 0 ? e->processes : there > 0 ? (size_t)there : 1;
    count = count < PROCESSES_MAX ? count : PROCESSES_MAX;
    return count < e->count ? count : (size_t)e->count;
}

static bool
share_seeds(const struct ensemble *e, size_t processes)
{
    pid_t children[PROCESSES_MAX];
    bool good = true;
    for (size_t i = 0; i < processes; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            sim_probes_at(shared->probes[i]);
            take_seeds(e);
            _Exit(0);
        }
    }
    for (size_t i = 0; i < processes; i++)
        good &= well(children[i]);
    return good;
}

static bool
all_probes_hit(const struct ensemble *e, size_t processes)
{
    bool all = true;
    for (int probe = 0; probe < PROBE_COUNT; probe++) {
        uint64_t count = 0;
        for (size_t i = 0; i < processes; i++)
            count += shared->probes[i][probe];
        if (count > 0)
            continue;
        printf("never in %" PRIu64 " seeds: %s\n", e->count,
            sim_probe_sentence((enum probe)probe));
        all = false;
    }
    return all;
}

bool
ensemble_run(const struct ensemble *e)
{
    size_t processes = processes_of(e);
    bool good = true;
    share();
    shared->stopped = false;
    shared->apart = e->apart || e->keep_going;
    sim_probes_at(shared->probes[0]);
    if (processes == 1)
        take_seeds(e);
    else
        good = share_seeds(e, processes);
    if (e->keep_going)
        printf("%" PRIu64 " of %" PRIu64 " seeds fail\n", (uint64_t)shared->failed,
            e->count);
    good &= shared->failed == 0;
    return good && (!e->probes || all_probes_hit(e, processes));
}

/* "seed 7: it does not hold at 3 ms: why": what stands between the number and the time,
 * or the end of the line. */
static const char *
reason_in(char *said)
{
    char *begin = strstr(said, ": ");
    if (begin == NULL)
        return "it says nothing";
    begin += 2;
    begin[strcspn(begin, "\n")] = '\0';
    char *end = strstr(begin, " at ");
    if (end != NULL)
        *end = '\0';
    return begin;
}

struct failure
ensemble_failure(uint64_t seed, live_fn *live)
{
    static char said[4096];
    int ends[2];
    size_t size = 0;
    ssize_t got;
    share();
    if (pipe(ends) != 0)
        WRONG("no pipe");
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        live(seed);
        _Exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], said + size, sizeof said - 1 - size)) > 0)
        size += (size_t)got;
    close(ends[0]);
    said[size] = '\0';
    bool good = well(child);
    return (struct failure){ good ? "" : reason_in(said), shared->steps };
}

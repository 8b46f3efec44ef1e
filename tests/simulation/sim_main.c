/* sim SEED [COUNT] [-v] [-q] [-k] [-s] [-o INVARIANT] - live through seeds; without
 * arguments those of the file seeds, which failed once, and then the first 1,000.
 *
 * A seed that fails is lived through again and traced, unless -q or -k is given.
 *
 *   -v  print everything that is said
 *   -q  print no trace of a seed that fails
 *   -s  a steady world: nothing bad happens
 *   -o  look at this invariant only: does any seed break it?
 *   -k  keep going: each seed in a process of its own; count those that fail
 */
#include "actors/zones_load.h"
#include "base/log.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/sim.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEEDS_DEFAULT = 1000, TWICE_EVERY = 100 };

static volatile uint64_t current;
static struct sim_options options;
static bool quiet;

/* The same again, with a trace; returns if it cannot. */
static void
live_again(void)
{
    char seed[24], *again[] = { (char[]){ "sim" }, seed, (char[]){ "-v" },
        options.steady ? (char[]){ "-s" } : NULL, NULL };
    sigset_t none;
    snprintf(seed, sizeof seed, "%" PRIu64, current);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv("/proc/self/exe", again);
}

/* An invariant that does not hold has said so; of all else, say which seed it was. */
static void
end_badly(int signal_number)
{
    char line[64];
    int size = snprintf(line, sizeof line, "seed %" PRIu64 ": ended by signal %d\n",
        current, signal_number);
    if (write(STDERR_FILENO, line, (size_t)size) < 0)
        _Exit(2);
    if (options.only != NULL)
        sim_give_up();
    if (!options.verbose && !quiet)
        live_again();
    _Exit(1);
}

static void
the_same_seed_is_the_same_world(uint64_t seed, uint64_t hash)
{
    if (sim_run(seed, &options) == hash)
        return;
    fprintf(stderr, "seed %" PRIu64 ": %s does not hold\n", seed, __func__);
    abort();
}

static void
live(uint64_t seed)
{
    current = seed;
    uint64_t hash = sim_run(seed, &options);
    if (seed % TWICE_EVERY == 0)
        the_same_seed_is_the_same_world(seed, hash);
}

/* Did the seed live?  If only one invariant is looked at, it may end in any way but
 * one. */
static bool
live_apart(uint64_t seed)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        live(seed);
        _Exit(0);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status)
           && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == EXIT_NOTHING);
}

/* Disks that fail say so; here that is nothing to tell. */
static void
take_line(void *taker, const char *line, size_t size)
{
    (void)taker;
    if (options.verbose)
        printf("           log  %.*s", (int)size, line);
}

static void
load_zones(struct zones *zones)
{
    struct config config;
    struct fault fault;
    config_default(&config);
    if (zones_load(config.zoneinfo, zones, &fault) != ERR_NONE) {
        fprintf(stderr, "%s\n", fault.detail);
        exit(EXIT_FAILURE);
    }
    options.zones = zones;
}

static void
run_file(const char *path)
{
    char line[64];
    FILE *in = fopen(path, "r");
    if (in == NULL)
        return;
    while (fgets(line, sizeof line, in) != NULL)
        if (line[0] >= '0' && line[0] <= '9')
            live(strtoull(line, NULL, 10));
    fclose(in);
}

static int
check_probes(uint64_t count)
{
    int missed = 0;
    for (int i = 0; i < PROBE_COUNT; i++) {
        if (sim_probe_count((enum probe)i) > 0)
            continue;
        printf("never in %" PRIu64 " seeds: %s\n", count,
            sim_probe_sentence((enum probe)i));
        missed++;
    }
    return missed == 0 || count < SEEDS_DEFAULT ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
run_seeds(uint64_t first, uint64_t count, bool keep_going)
{
    uint64_t failed = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (options.only != NULL && !live_apart(seed))
            return EXIT_FAILURE;
        if (options.only != NULL)
            continue;
        if (!keep_going)
            live(seed);
        else
            failed += !live_apart(seed);
    }
    if (keep_going)
        printf("%" PRIu64 " of %" PRIu64 " seeds fail\n", failed, count);
    if (failed > 0)
        return EXIT_FAILURE;
    return keep_going || options.only != NULL || count == 1 ? EXIT_SUCCESS
                                                            : check_probes(count);
}

int
main(int argc, char **argv)
{
    uint64_t numbers[2] = { 1, SEEDS_DEFAULT };
    struct zones zones;
    size_t given = 0;
    bool keep_going = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0)
            options.verbose = true;
        else if (strcmp(argv[i], "-s") == 0)
            options.steady = true;
        else if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
            options.only = argv[++i];
        else if (strcmp(argv[i], "-q") == 0)
            quiet = true;
        else if (strcmp(argv[i], "-k") == 0)
            keep_going = quiet = true;
        else if (given < 2)
            numbers[given++] = strtoull(argv[i], NULL, 10);
    }
    if (given == 1)
        numbers[1] = 1;
    signal(SIGABRT, end_badly);
    signal(SIGSEGV, end_badly);
    log_divert(take_line, NULL);
    automations_open();
    load_zones(&zones);
    const char *source = getenv("CAPSTAN_SOURCE");
    if (given == 0 && source != NULL) {
        char path[4096];
        snprintf(path, sizeof path, "%s/tests/simulation/seeds", source);
        run_file(path);
    }
    int status = run_seeds(numbers[0], numbers[1], keep_going);
    automations_close();
    zones_free(&zones);
    return status;
}

/* sim SEED [COUNT] [OPTION]... - live through seeds; without arguments those of the
 * file seeds, which failed once, and then the first 1,000.
 *
 * A seed that fails is made as small as it can be and traced, unless -q or -k is given.
 *
 *   -v           print everything that is said
 *   -q           print no trace of a seed that fails
 *   -s           a steady world: nothing bad happens
 *   -o NAME      look at this invariant only: does any seed break it?
 *   -p PROBE     a world in which this happens fails: which one, and how does it come?
 *   -k           keep going: each seed in a process of its own; count those that fail
 *   -j COUNT     processes that share the seeds; as many as there are processors
 *   -t TRIMS     without what these leave out
 *   --shrink     print what can be left out of the seed, and it fails as it did
 */
#include "actors/zones_load.h"
#include "base/log.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/ensemble.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/shrink.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* A world takes some ten milliseconds of a processor; under a sanitizer, ten times. */
enum { SEEDS_DEFAULT = 1000, TWICE_EVERY = 100, WORLD_MAX_S = 20 };

static volatile uint64_t current;
static struct sim_options options;
static bool quiet, shrinks;
static char forbidden[64]; /* the probe of -p, or nothing */

/* The same again, smaller and with a trace; returns if it cannot. */
static void
live_again(bool smaller)
{
    static char own[] = "sim", verbose[] = "-v", shrunk[] = "--shrink", steady[] = "-s",
                without[] = "-t", probe[] = "-p";
    char seed[24], trims[TRIMS_TEXT_MAX];
    char *again[10] = { own, seed, verbose };
    size_t count = 3;
    sigset_t none;
    snprintf(seed, sizeof seed, "%" PRIu64, current);
    if (smaller)
        again[count++] = shrunk;
    if (options.steady)
        again[count++] = steady;
    if (trims_print(&options.trims, trims)[0] != '\0') {
        again[count++] = without;
        again[count++] = trims;
    }
    if (forbidden[0] != '\0') {
        again[count++] = probe;
        again[count++] = forbidden;
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv("/proc/self/exe", again);
}

/* An invariant that does not hold has said so; of all else, say which seed it was. */
static void
end_badly(int signal_number)
{
    char line[128];
    const struct machine *m = machine_running();
    bool hangs = signal_number == SIGVTALRM;
    int size = snprintf(line, sizeof line, "seed %" PRIu64 ": ended by signal %d\n",
        current, signal_number);
    if (hangs)
        size = snprintf(line, sizeof line,
            "seed %" PRIu64 ": time_goes_on does not hold: %s takes %d s\n", current,
            m == NULL ? "the world" : m->title, WORLD_MAX_S);
    if (write(STDERR_FILENO, line, (size_t)size) < 0)
        _Exit(2);
    ensemble_stop(sim_steps());
    if (options.only != NULL)
        sim_give_up();
    if (!options.verbose && !quiet)
        live_again(!hangs);
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
    struct itimerval most = { .it_value.tv_sec = WORLD_MAX_S };
    current = seed;
    setitimer(ITIMER_VIRTUAL, &most, NULL);
    uint64_t hash = sim_run(seed, &options);
    if (seed % TWICE_EVERY == 0)
        the_same_seed_is_the_same_world(seed, hash);
}

static struct failure
how_it_fails(uint64_t seed, const struct sim_options *tried)
{
    options = *tried;
    return ensemble_failure(seed, live);
}

/* Returns whether it is made smaller; then options say so. */
static bool
make_smaller(uint64_t seed)
{
    struct sim_options smaller = options;
    char said[TRIMS_TEXT_MAX];
    bool was_verbose = options.verbose;
    quiet = true;
    smaller.verbose = false;
    if (!shrink(seed, &smaller, how_it_fails)) {
        fprintf(stderr, "seed %" PRIu64 " does not fail\n", seed);
        return false;
    }
    options = smaller;
    options.verbose = was_verbose;
    fprintf(stderr, "the same: sim %" PRIu64 " -v -t %s\n", seed,
        trims_print(&smaller.trims, said));
    return true;
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
run_file(void)
{
    char line[64], path[4096];
    const char *source = getenv("CAPSTAN_SOURCE");
    snprintf(
        path, sizeof path, "%s/tests/simulation/seeds", source == NULL ? "" : source);
    FILE *in = source == NULL ? NULL : fopen(path, "r");
    if (in == NULL)
        return;
    while (fgets(line, sizeof line, in) != NULL)
        if (line[0] >= '0' && line[0] <= '9')
            live(strtoull(line, NULL, 10));
    fclose(in);
}

static bool
forbid(const char *name)
{
    for (int i = 0; i < PROBE_COUNT; i++) {
        if (strcmp(sim_probe_name((enum probe)i), name) != 0)
            continue;
        sim_forbid((enum probe)i);
        snprintf(forbidden, sizeof forbidden, "%s", name);
        return true;
    }
    return false;
}

struct asked {
    uint64_t numbers[2];
    size_t given;
    struct ensemble ensemble;
};

/* An option and what follows it; false if there is no such option. */
static bool
take_option(struct asked *asked, const char *option, const char *value)
{
    if (strcmp(option, "-o") == 0)
        options.only = value;
    else if (strcmp(option, "-j") == 0)
        asked->ensemble.processes = strtoul(value, NULL, 10);
    else if (strcmp(option, "-t") == 0)
        return trims_read(value, &options.trims);
    else if (strcmp(option, "-p") == 0)
        return forbid(value);
    else
        return false;
    return true;
}

static bool
take_flag(struct asked *asked, const char *flag)
{
    if (strcmp(flag, "-v") == 0)
        options.verbose = true;
    else if (strcmp(flag, "-s") == 0)
        options.steady = true;
    else if (strcmp(flag, "-q") == 0)
        quiet = true;
    else if (strcmp(flag, "-k") == 0)
        asked->ensemble.keep_going = quiet = true;
    else if (strcmp(flag, "--shrink") == 0)
        shrinks = true;
    else if (flag[0] >= '0' && flag[0] <= '9' && asked->given < 2)
        asked->numbers[asked->given++] = strtoull(flag, NULL, 10);
    else
        return false;
    return true;
}

static void
take_arguments(struct asked *asked, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (take_flag(asked, argv[i]))
            continue;
        if (i + 1 == argc || !take_option(asked, argv[i], argv[i + 1])) {
            fprintf(stderr, "sim: %s: see the head of sim_main.c\n", argv[i]);
            exit(2);
        }
        i++;
    }
}

static int
run(struct asked *asked)
{
    if (asked->given == 0)
        run_file();
    if (shrinks) {
        if (!make_smaller(asked->numbers[0]))
            return EXIT_SUCCESS;
        if (!options.verbose)
            return EXIT_FAILURE;
        quiet = true;
    }
    asked->ensemble.first = asked->numbers[0];
    asked->ensemble.count = asked->given == 1 ? 1 : asked->numbers[1];
    asked->ensemble.apart = options.only != NULL;
    asked->ensemble.live = live;
    asked->ensemble.probes = asked->ensemble.count >= SEEDS_DEFAULT
                             && !asked->ensemble.keep_going && options.only == NULL;
    return ensemble_run(&asked->ensemble) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    struct asked asked = { .numbers = { 1, SEEDS_DEFAULT } };
    struct zones zones;
    take_arguments(&asked, argc, argv);
    signal(SIGABRT, end_badly);
    signal(SIGSEGV, end_badly);
    signal(SIGVTALRM, end_badly);
    log_divert(take_line, NULL);
    automations_open();
    load_zones(&zones);
    int status = run(&asked);
    automations_close();
    zones_free(&zones);
    return status;
}

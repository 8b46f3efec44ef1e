/* What the scheduler's machine alone can do: 1-step runs per second on a journal in
 * memory, three messages each (start, leased, reported), as the loop runs it. */
#include "actors/loop.h"
#include "actors/plan/compile.h"
#include "actors/scheduler/scheduler.h"
#include "base/clock.h"
#include "store/journal_memory.h"
#include "tests/bench/rows.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUND_MS = 1000, RUNS_AT_ONCE = 64 };

static const char automation[] =
    "name: bench\n"
    "steps:\n"
    "  - key: one\n"
    "    kind: action\n"
    "    config: { action_name: json, parameters: { order: 17, text: hello } }\n";

struct bench {
    struct loop loop;
    struct id project, run[RUNS_AT_ONCE];
    struct message inbox[RUNS_AT_ONCE];
    size_t at, count;
    uint64_t number;
};

static uint64_t
now_ms(void *self)
{
    (void)self;
    return clock_unix_ms();
}

static bool
receive(void *self, uint64_t until_ms, struct message *in)
{
    struct bench *b = self;
    (void)until_ms;
    if (b->at == b->count)
        return false;
    *in = b->inbox[b->at++];
    in->envelope.project = b->project;
    return true;
}

static void
send_nowhere(void *self, const struct message *m)
{
    (void)self;
    (void)m;
}

static void
flush_nothing(void *self)
{
    (void)self;
}

static void
take_turns(struct bench *b)
{
    b->at = 0;
    while (b->at < b->count)
        if (loop_turn(&b->loop) != ERR_NONE)
            exit(EXIT_FAILURE);
}

static void
give_all(struct bench *b, struct message (*message)(const struct id *run))
{
    b->count = RUNS_AT_ONCE;
    for (size_t i = 0; i < RUNS_AT_ONCE; i++)
        b->inbox[i] = message(&b->run[i]);
    take_turns(b);
}

static struct message
start(const struct id *run)
{
    return (struct message){ .code = RUN_START,
        .envelope.from = ACTOR_gateway,
        .run_start = { .request = 1, .run = *run, .automation = text("bench") } };
}

static struct message
reported(const struct id *run)
{
    return (struct message){ .code = JOB_REPORTED,
        .envelope.from = ACTOR_lease,
        .job_reported = { .run = *run,
            .attempt = 1,
            .offer = 1,
            .session = *run,
            .outcome = OUTCOME_COMPLETED,
            .worker = text("worker") } };
}

static double
round_of(void *self)
{
    struct bench *b = self;
    uint64_t begin_us = clock_monotonic_us(), runs = 0, now_us = begin_us;
    while (now_us - begin_us < ROUND_MS * 1000) {
        for (size_t i = 0; i < RUNS_AT_ONCE; i++)
            b->run[i] = id_fresh(0);
        give_all(b, start);
        give_all(b, reported);
        runs += RUNS_AT_ONCE;
        now_us = clock_monotonic_us();
    }
    return (double)runs * 1e6 / (double)(now_us - begin_us);
}

static void
learn(struct bench *b)
{
    static struct mistakes mistakes;
    struct compile_limits limits = {
        .text_max = 262144, .steps_max = 1000, .payload_max = 1 << 20
    };
    struct arena arena = { 0 };
    struct buffer plan = { 0 };
    if (compile(text(automation), &limits, &arena, &plan, &mistakes) != ERR_NONE)
        exit(EXIT_FAILURE);
    b->inbox[0] = (struct message){ .code = PLAN_OFFERED,
        .envelope.from = ACTOR_registry,
        .plan_offered = { .automation = id_of_name(text("bench")),
            .name = text("bench"),
            .version = 1,
            .plan = buffer_bytes(&plan) } };
    b->count = 1;
    take_turns(b);
    buffer_free(&plan);
    arena_free(&arena);
}

int
main(void)
{
    static struct bench bench;
    static struct config config;
    struct world world = { &bench, now_ms, receive, send_nowhere, flush_nothing };
    struct memory_disk *disk = memory_disk_new();
    struct journal_options options = { .epoch = 1, .state_cache_bytes = 8 << 20 };
    struct loop_options loop = { .epoch = 1, .inline_max = 4096 };
    struct journal *journal;
    struct fault fault;

    config_default(&config);
    if (journal_open_memory(disk, &options, &journal, &fault) != ERR_NONE)
        return EXIT_FAILURE;
    struct actor_setup setup = { .config = &config, .journal = journal };
    void *state = calloc(1, scheduler_actor.state_size);
    if (state == NULL)
        return EXIT_FAILURE;
    scheduler_actor.open(state, &setup);
    loop_open(&bench.loop, &scheduler_actor, state, journal, &world, &loop);
    bench.project = id_of_name(text("default"));
    learn(&bench);
    bench_row("loop: 1-step runs of the scheduler's machine, in memory", "runs/s",
        round_of, &bench);
    loop_close(&bench.loop);
    scheduler_actor.close(state);
    free(state);
    journal_close(&journal);
    memory_disk_free(&disk);
    return EXIT_SUCCESS;
}

/* What an each costs per item, early and late: a list of 100,000 items, 100 under way,
 * one job each, as the loop runs the scheduler's machine on a journal in memory. */
#include "actors/loop.h"
#include "actors/plan/compile.h"
#include "actors/scheduler/scheduler.h"
#include "base/clock.h"
#include "store/journal_memory.h"
#include "tests/bench/rows.h"

#include <stdio.h>
#include <stdlib.h>

enum { ITEMS = 100000, PART = ITEMS / 10, CONCURRENCY = 100, FIXED = 2 };

static const char automation[] =
    "name: bench\n"
    "steps:\n"
    "  - key: all\n"
    "    kind: each\n"
    "    items: ${{ inputs.list }}\n"
    "    concurrency: 100\n"
    "    steps: [{ key: one, kind: action, action: json, with: { n: '${{ item }}' } "
    "}]\n"
    "  - { key: end, kind: set, values: { done: true } }\n";

struct bench {
    struct loop loop;
    struct id project, run;
    struct message inbox[CONCURRENCY];
    size_t at, count;
    uint32_t reported; /* items */
    uint32_t status;   /* of the run */
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
note_status(void *self, const struct message *m)
{
    struct bench *b = self;
    if (m->code == RUN_CHANGED)
        b->status = m->run_changed.status;
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
    b->count = 0;
}

static void
give(struct bench *b, enum actor_name from, struct message m)
{
    m.envelope.from = from;
    b->inbox[b->count++] = m;
    if (b->count == CONCURRENCY || m.code != JOB_REPORTED)
        take_turns(b);
}

/* The jobs of a tenth of the items are reported. */
static double
part_of(struct bench *b)
{
    uint64_t begin_us = clock_monotonic_us();
    for (uint32_t i = 0; i < PART; i++)
        give(b, ACTOR_lease,
            (struct message){ .code = JOB_REPORTED,
                .job_reported = { .run = b->run,
                    .step = FIXED + b->reported++,
                    .attempt = 1,
                    .offer = 1,
                    .session = b->run,
                    .outcome = OUTCOME_COMPLETED } });
    return (double)PART * 1e6 / (double)(clock_monotonic_us() - begin_us);
}

static void
begin(struct bench *b)
{
    static struct mistakes mistakes;
    struct compile_limits limits = {
        .text_max = 262144, .steps_max = 1000, .payload_max = 1 << 20
    };
    struct arena arena = { 0 };
    struct buffer plan = { 0 }, inputs = { 0 };
    if (compile(text(automation), &limits, &arena, &plan, &mistakes) != ERR_NONE)
        exit(EXIT_FAILURE);
    give(b, ACTOR_registry,
        (struct message){ .code = PLAN_OFFERED,
            .plan_offered = {
                id_of_name(text("bench")), text("bench"), 1, buffer_bytes(&plan) } });
    pack_map(&inputs, 1);
    pack_string(&inputs, "list");
    pack_array(&inputs, ITEMS);
    for (uint64_t i = 0; i < ITEMS; i++)
        pack_u64(&inputs, i);
    b->run = id_fresh(0);
    give(b, ACTOR_gateway,
        (struct message){ .code = RUN_START,
            .run_start = { .request = 1,
                .run = b->run,
                .automation = text("bench"),
                .inputs = buffer_bytes(&inputs) } });
    buffer_free(&plan);
    buffer_free(&inputs);
    arena_free(&arena);
}

int
main(void)
{
    static struct bench bench;
    static struct config config;
    struct world world = { &bench, now_ms, receive, note_status, flush_nothing };
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
    begin(&bench);
    for (int part = 1; part <= 10; part++) {
        double figure = part_of(&bench);
        printf(
            "each: tenth %d of 100,000 items, in memory\t%.1f\titems/s\t%.1f\t%.1f\n",
            part, figure, figure, figure);
    }
    if (bench.status != RUN_DONE)
        return EXIT_FAILURE;
    loop_close(&bench.loop);
    scheduler_actor.close(state);
    free(state);
    journal_close(&journal);
    memory_disk_free(&disk);
    return EXIT_SUCCESS;
}

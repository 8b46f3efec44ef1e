/* What the journal alone can do: facts per second by the size of a group. */
#include "base/clock.h"
#include "store/journal.h"
#include "tests/bench/rows.h"

#include <stdio.h>
#include <stdlib.h>

enum { FACT_SIZE = 200, ROUND_MS = 1000 };

struct bench {
    struct journal *journal;
    unsigned group;
};

static double
round_of(void *self)
{
    const struct bench *bench = self;
    uint8_t fact[FACT_SIZE];
    uint64_t begin_us = clock_monotonic_us(), facts = 0, now_us = begin_us;
    chance_fill(fact, sizeof fact);
    while (now_us - begin_us < ROUND_MS * 1000) {
        for (unsigned i = 0; i < bench->group; i++)
            journal_append(
                bench->journal, clock_unix_ms(), bytes_of(fact, sizeof fact));
        if (journal_commit(bench->journal, true) != ERR_NONE)
            exit(EXIT_FAILURE);
        facts += bench->group;
        now_us = clock_monotonic_us();
    }
    return (double)facts * 1e6 / (double)(now_us - begin_us);
}

int
main(int argc, char **argv)
{
    struct journal_options options = {
        .epoch = clock_unix_ms() * 1000,
        .memtable_bytes = 16 << 20,
        .block_cache_bytes = 8 << 20,
        .state_cache_bytes = 8 << 20,
    };
    static const unsigned groups[] = { 1, 10, 64, 256 };
    struct bench bench = { 0 };
    struct fault fault;
    char url[300], name[64];

    if (argc != 2) {
        fprintf(stderr, "usage: bench_journal FOLDER\n");
        return 2;
    }
    snprintf(url, sizeof url, "rocksdb:%s/journal", argv[1]);
    if (journal_open(url, &options, &bench.journal, &fault) != ERR_NONE) {
        fprintf(stderr, "%s\n", fault.detail);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < COUNT(groups); i++) {
        bench.group = groups[i];
        snprintf(name, sizeof name, "journal: 200-byte facts, %u a sync", groups[i]);
        bench_row(name, "facts/s", round_of, &bench);
    }
    journal_close(&bench.journal);
    return EXIT_SUCCESS;
}

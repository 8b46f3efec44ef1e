#include "actors/verify/journal_check.h"

#include "actors/loop.h"
#include "actors/verify/rows_compare.h"
#include "actors/zones_load.h"
#include "base/folder.h"
#include "base/wrong.h"
#include "store/mark.h"
#include "store/rocksdb_files.h"

#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STATE_CACHE_BYTES = 64 << 20 };

/* An actor's state, and how many facts it has met. */
struct counted {
    const struct actor *actor;
    uint64_t facts;
    alignas(max_align_t) uint8_t state[];
};

static void
counted_apply(void *self, uint64_t at_ms, const struct message *m)
{
    struct counted *counted = self;
    counted->facts++;
    counted->actor->apply(counted->state, at_ms, m);
}

static void
counted_settle(void *self)
{
    struct counted *counted = self;
    if (counted->actor->settle != NULL)
        counted->actor->settle(counted->state);
}

static struct counted *
counted_new(
    const struct subject *subject, const struct zones *zones, struct journal *journal)
{
    const struct actor *actor = subject->actor;
    struct counted *counted = calloc(1, sizeof *counted + actor->state_size);
    struct actor_setup setup = {
        .config = subject->config,
        .journal = journal,
        .zones = zones,
        .instance = subject->instance,
    };
    if (counted == NULL)
        WRONG("out of memory");
    counted->actor = actor;
    actor->open(counted->state, &setup);
    return counted;
}

static void
wrong(struct findings *findings, const char *what)
{
    findings->ok = false;
    snprintf(findings->wrong, sizeof findings->wrong, "%s", what);
}

static void
compare(struct journal *stored, struct journal *replayed, struct findings *findings)
{
    struct rows_compared compared;
    rows_compare(stored, replayed, &compared);
    findings->rows = compared.rows;
    if (compared.differences > 0) {
        struct buffer *first = &compared.first;
        if (compared.differences > DIFFERENCES_MAX)
            buffer_print(first, "; and %" PRIu64 " more",
                compared.differences - DIFFERENCES_MAX);
        buffer_append(first, "", 1);
        wrong(findings, (const char *)first->data);
    }
    buffer_free(&compared.first);
}

/* Fold all facts anew: the same rows must follow. */
static void
replay(const struct subject *subject, struct journal *stored, struct findings *findings)
{
    struct journal_options options = { .epoch = 1,
        .state_cache_bytes = STATE_CACHE_BYTES };
    struct actor counting = { .apply = counted_apply, .settle = counted_settle };
    struct journal *replayed;
    struct zones zones;
    struct fault fault;

    if (zones_load(subject->config->zoneinfo, &zones, &fault) != ERR_NONE) {
        wrong(findings, fault.detail);
        return;
    }
    if (journal_open("memory:", &options, &replayed, &fault) != ERR_NONE)
        WRONG("a journal in memory does not open");
    struct counted *counted = counted_new(subject, &zones, replayed);
    if (loop_replay(&counting, counted, replayed, stored, &fault) == ERR_NONE)
        compare(stored, replayed, findings);
    else
        wrong(findings, fault.detail);
    findings->facts = counted->facts;
    subject->actor->close(counted->state);
    free(counted);
    journal_close(&replayed);
    zones_free(&zones);
}

static void
check_open(
    const struct subject *subject, struct journal *journal, struct findings *findings)
{
    struct fault fault;
    struct record last;
    findings->records = journal_last(journal);
    if (journal_read(journal, findings->records, &last) == ERR_NONE)
        findings->head = last.hash;
    if (journal_verify(journal, &fault) != ERR_NONE)
        wrong(findings, fault.detail);
    else
        replay(subject, journal, findings);
}

/* How far a stopped engine's store was durable; 0 if that is not known. */
static uint64_t
mark_of(const char *folder)
{
    struct fault fault;
    int mark;
    if (mark_open(folder, &mark, &fault) != ERR_NONE)
        return 0;
    uint64_t sequence = mark_read(mark);
    close(mark);
    return sequence;
}

void
journal_check(const struct subject *subject, struct findings *findings)
{
    struct journal_options options = { .state_cache_bytes = STATE_CACHE_BYTES };
    char url[FOLDER_PATH_MAX + 16];
    struct journal *journal;
    struct fault fault = { 0 };

    *findings = (struct findings){ .ok = true };
    enum err err = ERR_NONE;
    if (access(subject->folder, R_OK | X_OK) != 0)
        err = fault_set(&fault, ERR_IO, "%s is not there", subject->folder);
    else if (subject->stopped)
        err = rocksdb_files_check(
            subject->folder, mark_of(subject->folder), NULL, &fault);
    if (err == ERR_NONE) {
        snprintf(url, sizeof url, "%s:%s",
            subject->stopped ? "rocksdb-still" : "rocksdb-view", subject->folder);
        err = journal_open(url, &options, &journal, &fault);
        if (err == ERR_NOT_FOUND)
            return; /* nothing was ever written */
    }
    if (err != ERR_NONE) {
        wrong(findings, fault.detail);
        return;
    }
    check_open(subject, journal, findings);
    journal_close(&journal);
}

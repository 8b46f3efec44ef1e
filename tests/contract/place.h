/* place - somewhere to keep a journal: a disk in memory, or a folder. */
#ifndef TESTS_CONTRACT_PLACE_H
#define TESTS_CONTRACT_PLACE_H
#include "store/journal.h"
#include "store/journal_memory.h"

#include <limits.h>

enum place_kind { PLACE_MEMORY, PLACE_ROCKSDB, PLACE_KINDS };

struct place {
    enum place_kind kind;
    struct memory_disk *disk;  /* memory */
    char folder[PATH_MAX / 2]; /* rocksdb */
    struct journal_options options;
    struct fault fault; /* of the last opening */
};

/* The folder below which all places of this program lie: call before and after all
 * tests, in the process that starts them. */
void places_make(void);
void places_remove(void);

struct place place_make(int kind); /* enum place_kind, as loop tests count */
void place_free(struct place *place);

/* Open its journal with an epoch later than before; fails the test if that fails. */
struct journal *place_open(struct place *place);
struct journal *place_view(struct place *place);
MUST_CHECK enum err place_try(struct place *place, struct journal **journal);
MUST_CHECK enum err place_try_view(struct place *place, struct journal **journal);
/* Close and open again. */
void place_reopen(struct place *place, struct journal **journal);

/* Commit durably, or fail the test. */
void commit(struct journal *journal);

/* Commit records, rows "key…" and blobs "blob N" with numbers `first` to `last`. */
void fill(struct journal *journal, uint64_t first, uint64_t last);
/* Put everything into tables; the journal is closed, and on RocksDB. */
void flush_all(const struct place *place);

/* Text of the i-th thing; valid for some further calls. */
struct bytes numbered(const char *prefix, uint64_t i);
#endif

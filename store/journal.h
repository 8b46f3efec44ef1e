/* journal - one actor's facts, in order, for ever, and the state folded from them.
 *
 * A journal holds three things that change together, in one atomic batch:
 *
 *   records   what happened, numbered 1, 2, 3, …; never changed, never removed, but
 *             what they say of something that is gone may be taken out of them
 *   rows      state: keys and values, ordered by key; a fold of the records
 *   blobs     payloads too large for a record, by their hash
 *
 * One writer per journal.  Appends and puts are seen at once by this process and become
 * durable with the next journal_commit(… true).  A crash loses what came after it, and
 * never anything before, and never a part of a batch.
 *
 * Records carry a CRC and a hash that continues the one before: a changed, removed or
 * swapped record is found.  All functions but open, commit and verify end the process
 * when the device fails or a checksum is wrong: it comes back and answers from the log.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/hash.h"

struct journal;

struct journal_options {
    uint64_t epoch;           /* this life of the owner: unix microseconds */
    size_t memtable_bytes;    /* RocksDB write buffer */
    size_t block_cache_bytes; /* RocksDB block cache */
    size_t state_cache_bytes; /* rows kept in memory */
};

enum {
    JOURNAL_KEY_MAX = 512,               /* bytes of a row's key, which is not empty */
    JOURNAL_VALUE_MAX = 64 * 1024 * 1024 /* bytes of facts, of a value, of a blob */
};

/* Open or create the journal at `url`: "rocksdb:/path", "memory:" (gone when closed) or
 * "rocksdb-view:/path", a read-only follower of another process's journal.
 * "rocksdb-still:/path" is one that nobody writes meanwhile; damage to any list, log or
 * table is then ERR_CORRUPT at once.
 *
 * ERR_CONFLICT   another process owns it, or an epoch that is not earlier has
 * ERR_CORRUPT    the log is damaged: `fault` names the file; nothing was changed
 * ERR_NOT_FOUND  there is nothing to view
 * ERR_INVALID    an unknown kind of url
 * ERR_NO_SPACE, ERR_IO
 */
MUST_CHECK enum err journal_open(const char *url, const struct journal_options *options,
    struct journal **journal, struct fault *fault);

/* Close and set *journal to NULL; NULL is fine.  What was not committed is dropped,
 * what was is durable. */
void journal_close(struct journal **journal);

/* The number of the last record; 0 for none. */
uint64_t journal_last(const struct journal *journal);
/* The time given with the last record, unix ms; 0 for none. */
uint64_t journal_last_ms(const struct journal *journal);

/* Append one record: what one turn decided at `at_ms`, which must not be less than
 * journal_last_ms.  Borrows `facts`.  Returns its number. */
uint64_t journal_append(struct journal *journal, uint64_t at_ms, struct bytes facts);

struct record {
    uint64_t number;
    uint64_t at_ms;   /* unix ms, never decreases */
    uint64_t epoch;   /* the writer's */
    struct hash hash; /* of this record and all before it */
    struct bytes facts;
};

/* Read the record `number`; it is valid until the next commit or read.
 *
 * ERR_NOT_FOUND
 */
MUST_CHECK enum err
journal_read(struct journal *journal, uint64_t number, struct record *record);

/* Leave only `facts` of what the record `number` says.  It keeps its number, time and
 * hash; that the hash is that of what it said is believed from then on.  Borrows
 * `facts`. */
void journal_strip(struct journal *journal, uint64_t number, struct bytes facts);

/* Call `each` for the records from number `from` on, in order, until it returns false.
 * A record is valid during its call.  Much quicker than reading them one by one. */
void journal_replay(struct journal *journal, uint64_t from,
    bool (*each)(void *self, const struct record *record), void *self);

/* State.  Values given by journal_get are valid until the next commit or catch-up, a
 * put or delete of the same key excepted; nothing (data NULL) if there is no such row.
 * A put or delete copies what it is given. */
struct bytes journal_get(struct journal *journal, struct bytes key);
void journal_put(struct journal *journal, struct bytes key, struct bytes value);
void journal_delete(struct journal *journal, struct bytes key);

/* Call `each` for the rows from `from` (inclusive) to `to` (exclusive; empty: to the
 * end) in the order of their keys, or from the end if `backward`; stop when it returns
 * false.  Rows put in this turn are seen.  Key and value are valid during the call.
 * `each` may read but must not change the journal. */
void
journal_scan(struct journal *journal, struct bytes from, struct bytes to, bool backward,
    bool (*each)(void *self, struct bytes key, struct bytes value), void *self);

/* Payloads beside the log.  Putting the same bytes twice stores them once; they are
 * gone when they have been dropped as often as they were put. */
struct hash journal_put_blob(struct journal *journal, struct bytes blob);
/* One that is not there, or was put before puts were counted, stays as it is. */
void journal_drop_blob(struct journal *journal, const struct hash *hash);
/* Copied to `arena`; ERR_NOT_FOUND. */
MUST_CHECK enum err journal_get_blob(struct journal *journal, const struct hash *hash,
    struct arena *arena, struct bytes *blob);

/* Write what came since the last commit; if `durable`, return only when that and all
 * before it would survive a power cut.  What was committed otherwise survives the end
 * of this process; a power cut may take the last of it.  Rows in memory are kept only
 * as far as they fit, whether anything was written or not.
 *
 * ERR_NO_SPACE, ERR_IO  outcome unknown: close, exit, open again
 */
MUST_CHECK enum err journal_commit(struct journal *journal, bool durable);

/* Did anything change since the last commit? */
bool journal_dirty(const struct journal *journal);

/* Views only: see what the owner has committed by now. */
MUST_CHECK enum err journal_catch_up(struct journal *journal, struct fault *fault);

/* Read everything that is committed and check it: CRCs, numbers, times and hashes of
 * all records, the device's checksums of all rows, the hashes of all blobs.
 *
 * ERR_CORRUPT  `fault` names the record or blob and what is wrong with it
 * ERR_IO
 */
MUST_CHECK enum err journal_verify(struct journal *journal, struct fault *fault);

/* What a journal holds, in few words: equal when all that is committed is. */
struct journal_sum {
    uint64_t records, rows, blobs;
    struct hash facts; /* of the last record: of it and all before it */
    struct hash all;   /* of every key and value */
};

/* ERR_CORRUPT, ERR_IO */
MUST_CHECK enum err
journal_sum(struct journal *journal, struct journal_sum *sum, struct fault *fault);

/* Write all that is committed, as it is, to a new journal in the folder `path`,
 * durably. `sum` is that of what was read.
 *
 * ERR_CORRUPT   the journal is damaged
 * ERR_CONFLICT  there is one at `path`
 * ERR_NO_SPACE, ERR_IO
 */
MUST_CHECK enum err journal_copy(struct journal *journal, const char *path,
    struct journal_sum *sum, struct fault *fault);
#endif

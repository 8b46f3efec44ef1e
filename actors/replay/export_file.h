/* export_file - reading what actors/export.h says, and checking every byte of it. */
#ifndef ACTORS_REPLAY_EXPORT_FILE_H
#define ACTORS_REPLAY_EXPORT_FILE_H
#include "base/arena.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/pack.h"

enum { EXPORT_BLOBS_MAX = 1024 }; /* beside one record */

struct export_record {
    uint64_t number, at_ms, cause;
    struct bytes trace; /* 16 bytes */
    struct cursor facts;
    size_t items; /* of `facts`: code and body in turn, or nil */
    struct bytes *blobs;
    size_t blob_count;
};

struct export_file {
    struct bytes whole;
    struct cursor at; /* of what export_next reads */
    struct bytes blobs[EXPORT_BLOBS_MAX];
    struct id project, run, automation;
    struct bytes name, plan;
    uint32_t version;
    uint64_t records;
    /* As of the last record. */
    uint64_t events, status;
    struct bytes chain;
};

/* Check all of `whole`: its hash, that its parts follow each other, and that records
 * and times never go back.  Borrows it.
 *
 * ERR_CORRUPT    some byte is not as it was written
 * ERR_MALFORMED  it is no export, or of a later release: `fault` says where
 */
MUST_CHECK enum err
export_open(struct bytes whole, struct export_file *file, struct fault *fault);

/* Begin again with the first record. */
void export_rewind(struct export_file *file);
/* The next record, valid until the next call; false: there is none. */
bool export_next(struct export_file *file, struct export_record *record);
#endif

/* rocksdb_files - find damage to RocksDB's logs that RocksDB would take for a torn
 * tail.
 *
 * RocksDB reads a log up to the first record that seems unfinished.  That is right
 * after a power cut; but one changed byte in a length looks the same and would silently
 * drop what was durable.  So the logs are read here first, before RocksDB rewrites
 * them: checksums, lengths, and that the writes' sequence numbers have no gap.
 */
#ifndef STORE_ROCKSDB_FILES_H
#define STORE_ROCKSDB_FILES_H
#include "base/err.h"

#include <stdint.h>

/* Where the writes of a log end that are whole.  What follows was not durable. */
struct rocksdb_torn {
    uint64_t log; /* its number; 0: no log is torn */
    uint64_t at;  /* byte */
};

/* Is the database in `folder`, which may be new, undamaged as far as its logs show, and
 * do they reach `mark`, the last sequence number that was durable (0: not known)?
 * Damage beyond the mark is what a power cut leaves of writes that nobody was told of:
 * it goes to `torn`, or is reported like any other if that is NULL.
 *
 * ERR_CORRUPT  `fault` names file and offset
 * ERR_IO
 */
MUST_CHECK enum err rocksdb_files_check(
    const char *folder, uint64_t mark, struct rocksdb_torn *torn, struct fault *fault);

/* Leave out what is torn, so that RocksDB opens: the log as it was is kept beside it as
 * NUMBER.log.torn, and so is any later one.
 *
 * ERR_NO_SPACE, ERR_IO
 */
MUST_CHECK enum err rocksdb_files_cut(
    const char *folder, const struct rocksdb_torn *torn, struct fault *fault);
#endif

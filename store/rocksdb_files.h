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

/* Is the database in `folder`, which may be new, undamaged as far as its logs show, and
 * do they reach `mark`, the last sequence number that was durable (0: not known)?
 *
 * ERR_CORRUPT  `fault` names file and offset
 * ERR_IO
 */
MUST_CHECK enum err
rocksdb_files_check(const char *folder, uint64_t mark, struct fault *fault);
#endif

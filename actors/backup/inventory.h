/* inventory - what a data folder, or a backup of one, holds, in one text.
 *
 *   capstan-backup 1
 *   journal name=scheduler.0 records=12 rows=40 blobs=0 facts=HEX all=HEX
 *   file name=secret size=32 hash=HEX
 *   end
 *
 * Two folders with the same text hold the same, byte for byte of what counts.  In a
 * backup it is the file `backup`, which is written last.
 */
#ifndef ACTORS_BACKUP_INVENTORY_H
#define ACTORS_BACKUP_INVENTORY_H
#include "base/buffer.h"
#include "base/folder.h"
#include "store/journal.h"

/* The number of schedulers that the data was made with; 0: there is no data. */
unsigned inventory_schedulers(const char *folder);

/* The name of its i-th journal, such as "scheduler.0"; false when there are no more. */
bool inventory_journal(unsigned schedulers, size_t i, char name[32]);

/* The line of a journal. */
void
inventory_line(const char *name, const struct journal_sum *sum, struct buffer *out);

/* Read and check all journals in `folder`, which no engine runs on, and the files that
 * are to be kept.
 *
 * ERR_CORRUPT  `fault` names what is damaged
 * ERR_IO
 */
MUST_CHECK enum err
inventory_print(const char *folder, struct buffer *out, struct fault *fault);
#endif

/* journal_memory - a journal without a device, for traces and simulation.
 *
 * The disk outlives the journals that are opened on it, one after the other, so that a
 * crash can be played: crash the disk, close the journal, open it again.
 */
#ifndef STORE_JOURNAL_MEMORY_H
#define STORE_JOURNAL_MEMORY_H
#include "store/journal.h"

struct memory_disk;

struct memory_disk *memory_disk_new(void);
/* No journal is open on it; sets *disk to NULL; NULL is fine. */
void memory_disk_free(struct memory_disk **disk);

/* As journal_open for "memory:", but on a disk of the caller's, who keeps it (NULL: on
 * a new one that dies with the journal). */
MUST_CHECK enum err
journal_open_memory(struct memory_disk *disk, const struct journal_options *options,
    struct journal **journal, struct fault *fault);
/* As journal_open for a view.  Sees new rows at once, new records at a catch-up. */
MUST_CHECK enum err
journal_view_memory(struct memory_disk *disk, const struct journal_options *options,
    struct journal **journal, struct fault *fault);

/* How many commits would a power cut endanger? */
size_t memory_disk_unsynced(const struct memory_disk *disk);

/* Cut the power: of the commits that are not durable yet, only the first `keep` stay.
 * A journal that is open reads what is left, but commits fail with ERR_IO; close it. */
void memory_disk_crash(struct memory_disk *disk, size_t keep);

/* Let one commit fail with `err`, after `after` that succeed; `written` says whether it
 * is there when the journal is opened again.  Opening commits once. */
void
memory_disk_fail(struct memory_disk *disk, enum err err, size_t after, bool written);

/* The stored bytes of a record, to damage; NULL if there is none.  And lose one. */
uint8_t *memory_disk_record(struct memory_disk *disk, uint64_t number, size_t *size);
void memory_disk_lose_record(struct memory_disk *disk, uint64_t number);
#endif

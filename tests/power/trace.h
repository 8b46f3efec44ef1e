/* trace - what a power cut would leave: a file to which every process under the shim
 * appends, one line a call.  tests/support/power.py reads it and cuts the power.
 *
 *   create PATH INODE     a name appeared in its folder; 0: that of a folder
 *   rename PATH\tPATH     it changed, in the same folder
 *   unlink PATH           it went; the file is kept in the grave
 *   file INODE SIZE HEX   its first SIZE bytes are durable; HEX: all of them, if it is
 *                         small and read too, and so may be written in place
 *   folder AT PATH        so are its names, as they were at offset AT of the trace
 *
 * Names are lost and kept in their order, folder by folder; files each by itself.  This
 * is what POSIX promises and no more: a file's sync keeps its bytes, not its name.
 */
#ifndef TESTS_POWER_TRACE_H
#define TESTS_POWER_TRACE_H
#include <sys/types.h>

/* In `folder` the files trace and grave/ are; NULL: nothing is noted. */
void trace_open(const char *folder);

/* `fd` is the new file; -1: a folder. */
void trace_created(const char *path, int fd);
void trace_renaming(const char *from, const char *to);
/* Keep the file that will lose its last name. */
void trace_unlinking(const char *path);

struct trace_sync {
    off_t size, at; /* of the file or folder; of the trace */
    char small[130];
};

/* Around a sync that succeeds: what was there before it began is durable. */
void trace_syncing(int fd, struct trace_sync *sync);
void trace_synced(int fd, const char *path, const struct trace_sync *sync);
#endif

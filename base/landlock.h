/* landlock - the kernel's rules about files, ports and signals, which a process lays
 * upon itself for ever. */
#ifndef BASE_LANDLOCK_H
#define BASE_LANDLOCK_H
#include "base/bytes.h"

/* For a process and its future threads: nothing is allowed but what is added. */
struct landlock {
    int fd;
    int abi; /* of the kernel; see landlock(7) */
};

enum { LANDLOCK_ABI_WHOLE = 6 }; /* that of the last right which we forbid */

enum landlock_rights { LANDLOCK_READ, LANDLOCK_WRITE };

/* `any_port`: who may listen anywhere.  False: this kernel has none of it. */
bool landlock_begin(struct landlock *landlock, bool any_port);

/* A file, or a folder with all below it.  What is not there is passed over. */
void landlock_allow_path(
    struct landlock *landlock, const char *path, enum landlock_rights rights);

/* To listen on. */
void landlock_allow_port(struct landlock *landlock, unsigned port);

/* From here on the rules hold; needs no_new_privs.  False: the kernel refused. */
bool landlock_end(struct landlock *landlock);
#endif

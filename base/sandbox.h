/* sandbox - a process of the engine gives up all that its work does not need.
 *
 * - files: by Landlock, the places of sandbox.def
 * - network: by Landlock and seccomp, the gateway's ports, and nobody calls out
 * - calls: by seccomp, none of sandbox_calls.def, no process, no signal to others
 * - capabilities: none, but the gateway's for a port below 1024
 * - limits: no core dump, no more descriptors than it has taken by now
 *
 * What is refused fails with EPERM or EACCES: the caller says so in its own words, and
 * the kernel's audit log has the call.  A kernel that lacks a part lets us go without.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H
#include "base/folder.h"

enum { SANDBOX_SAID_MAX = 64 };

struct sandbox {
    const char *actor;
    const struct config *config; /* `data` is absolute */
    const char *journal;         /* the folder, NULL: it owns none */
};

/* For ever, and for every thread that starts later; so before the first one.  Writes to
 * `said`: "whole", "off", or what the kernel has not, such as "no_landlock". */
void sandbox_enter(const struct sandbox *sandbox, char said[SANDBOX_SAID_MAX]);
#endif

/* kin - the processes that have nobody else: children, and what their dead parents left
 * to a process that is a subreaper. */
#ifndef ACTORS_KEEPER_KIN_H
#define ACTORS_KEEPER_KIN_H
#include <stdbool.h>
#include <sys/types.h>

/* Send `signal` to every child of this process but those that `spared` (may be NULL)
 * knows.  Their own children follow once they are dead. */
void kin_signal(
    int signal, bool (*spared)(const void *context, pid_t pid), const void *context);
#endif

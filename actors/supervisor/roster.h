/* roster - the processes of an engine with these settings, and where their programs
 * are. */
#ifndef ACTORS_SUPERVISOR_ROSTER_H
#define ACTORS_SUPERVISOR_ROSTER_H
#include "actors/supervisor/supervisor.h"
#include "base/config.h"

struct member {
    char name[32];     /* such as "scheduler.0" */
    const char *actor; /* such as "scheduler" */
    unsigned instance;
    char program[CONFIG_TEXT_MAX + 1]; /* absolute path */
};

struct roster {
    struct member *members; /* owned; in the order of their start */
    size_t count;
};

/* Programs are looked for in $CAPSTAN_LIBEXEC if it is set, and else beside the running
 * program: ../libexec/capstan, its own folder, the build tree; then where `make
 * install` puts them.
 *
 * ERR_NOT_FOUND  a program is nowhere
 */
MUST_CHECK enum err
roster_new(const struct config *config, struct roster *roster, struct fault *fault);
void roster_free(struct roster *roster);
#endif

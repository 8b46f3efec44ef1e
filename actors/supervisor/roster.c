#include "actors/supervisor/roster.h"

#include "base/wrong.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef CAPSTAN_LIBEXECDIR
    #define CAPSTAN_LIBEXECDIR "/usr/local/libexec/capstan"
#endif

/* The folder of the running program. */
static bool
own_folder(char out[CONFIG_TEXT_MAX + 1])
{
    ssize_t size = readlink("/proc/self/exe", out, CONFIG_TEXT_MAX);
    if (size <= 0)
        return false;
    out[size] = '\0';
    char *slash = strrchr(out, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

static bool
try(const char *folder, const char *below, const char *program,
    char out[CONFIG_TEXT_MAX + 1])
{
    char path[CONFIG_TEXT_MAX + 1], whole[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s%s", folder, below);
    if (size < 0 || size >= (int)sizeof path || realpath(path, whole) == NULL)
        return false;
    /* The program's own name stays, also when it is a link to another. */
    size = snprintf(out, CONFIG_TEXT_MAX + 1, "%s/%s", whole, program);
    return size > 0 && size <= CONFIG_TEXT_MAX && access(out, X_OK) == 0;
}

static bool
find(const char *program, char out[CONFIG_TEXT_MAX + 1])
{
    char folder[CONFIG_TEXT_MAX + 1];
    const char *named = getenv("CAPSTAN_LIBEXEC");
    if (named != NULL && named[0] != '\0')
        return try(named, "", program, out);
    return (own_folder(folder)
               && (try(folder, "/../libexec/capstan", program, out)
                   || try(folder, "", program, out)))
           || try(CAPSTAN_LIBEXECDIR, "", program, out);
}

static void
add(struct roster *roster, const char *actor, unsigned instance, const char *program)
{
    if (roster->count == SUPERVISED_MAX)
        WRONG("more processes than settings allow");
    struct member *m = &roster->members[roster->count++];
    snprintf(m->name, sizeof m->name, "%s.%u", actor, instance);
    m->actor = actor;
    m->instance = instance;
    memcpy(m->program, program, strlen(program) + 1);
}

static enum err
add_all(struct roster *roster, const char *actor, const char *program,
    unsigned instances, struct fault *fault)
{
    char path[CONFIG_TEXT_MAX + 1];
    if (!find(program, path))
        return fault_set(fault, ERR_NOT_FOUND,
            "the program %s is not in $CAPSTAN_LIBEXEC, beside capstand or in %s",
            program, CAPSTAN_LIBEXECDIR);
    for (unsigned i = 0; i < instances; i++)
        add(roster, actor, i, path);
    return ERR_NONE;
}

enum err
roster_new(const struct config *config, struct roster *roster, struct fault *fault)
{
    enum err e = ERR_NONE;
    *roster = (struct roster){ calloc(SUPERVISED_MAX, sizeof(struct member)), 0 };
    if (roster->members == NULL)
        WRONG("out of memory");
#define CHILD(name, program, journal, instances, sentence)                             \
    if (e == ERR_NONE)                                                                 \
        e = add_all(roster, #name, program, instances, fault);
#include "actors/supervisor/children.def"
    if (e != ERR_NONE)
        roster_free(roster);
    return e;
}

void
roster_free(struct roster *roster)
{
    free(roster->members);
    *roster = (struct roster){ 0 };
}

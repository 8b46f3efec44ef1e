/* manifest - what a worker project says of itself: iii.worker.yaml, or
 * capstan.worker.yaml, which has the same keys.
 *
 * See docs/guides/workers.md for the keys.  Scripts that are not given follow from
 * `runtime`.
 */
#ifndef ACTORS_KEEPER_MANIFEST_H
#define ACTORS_KEEPER_MANIFEST_H
#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"

enum {
    MANIFEST_TEXT_MAX = 65536, /* bytes */
    MANIFEST_NAME_MAX = 31,    /* bytes; on disk as the name of a folder */
    MANIFEST_ENV_MAX = 64      /* variables */
};

struct variable {
    const char *name, *value;
};

struct manifest {
    char name[MANIFEST_NAME_MAX + 1];
    struct hash hash; /* of the text */
    /* Lines for /bin/sh; NULL: there is none.  `start` is always there. */
    const char *setup, *install, *start;
    struct variable env[MANIFEST_ENV_MAX];
    size_t env_count;
};

/* Read a text; strings lie in `arena`.
 *
 * ERR_TOO_LARGE, ERR_MALFORMED, ERR_INVALID  `fault` names line, column and key of the
 *                                            first mistake and what was expected
 */
MUST_CHECK enum err manifest_read(
    struct bytes text, struct arena *arena, struct manifest *out, struct fault *fault);

/* Read the one of `folder`; `fault` names the file as well.
 *
 * ERR_NOT_FOUND  there is none
 * ERR_CONFLICT   there are both
 */
MUST_CHECK enum err manifest_find(
    const char *folder, struct arena *arena, struct manifest *out, struct fault *fault);

/* 1 to MANIFEST_NAME_MAX letters, digits, dots, dashes or underscores, of which the
 * first is a letter or a digit? */
bool manifest_name_valid(struct bytes name);
#endif

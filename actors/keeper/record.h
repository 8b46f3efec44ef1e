/* record - what is remembered of a managed worker, in DATA/workers/NAME/record.
 *
 *   folder=/srv/math
 *   added=1
 *   stopped=0
 *   installed=9f86d081…
 */
#ifndef ACTORS_KEEPER_RECORD_H
#define ACTORS_KEEPER_RECORD_H
#include "base/folder.h"
#include "base/hash.h"

enum { RECORD_FOLDER_MAX = 1024 };

struct record {
    char folder[RECORD_FOLDER_MAX + 1]; /* of the project, absolute */
    bool added;                         /* by somebody; else capstan.yaml names it */
    bool stopped;                       /* by somebody: until somebody starts it */
    char installed[2 * HASH_SIZE + 1];  /* hash of the manifest that was; or "" */
};

/* DATA/workers/NAME/WHAT, such as "log". */
const char *record_path(
    const char *data, const char *name, const char *what, char out[FOLDER_PATH_MAX]);

/* ERR_NOT_FOUND  nothing is remembered of it
 * ERR_CORRUPT    the file is not one that we write */
MUST_CHECK enum err
record_read(const char *data, const char *name, struct record *record);

/* Durably. */
MUST_CHECK enum err record_write(const char *data, const char *name,
    const struct record *record, struct fault *fault);

/* Forget it; its log stays. */
MUST_CHECK enum err
record_drop(const char *data, const char *name, struct fault *fault);
#endif

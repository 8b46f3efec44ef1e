/* tree - folders that come to be whole, or not at all.
 *
 * NAME.new is filled, with a file `unfinished` in it, and takes the name at the end;
 * the file goes last.
 */
#ifndef ACTORS_BACKUP_TREE_H
#define ACTORS_BACKUP_TREE_H
#include "base/bytes.h"
#include "base/err.h"

#include <limits.h>

struct tree {
    char name[PATH_MAX - 64];
    char fresh[PATH_MAX - 32]; /* to be filled */
};

/* `name`: absolute; there must be nothing, or an empty folder.  What an attempt that
 * was cut short left of NAME.new is removed.
 *
 * ERR_CONFLICT  there is something
 * ERR_IO, ERR_NO_SPACE
 */
MUST_CHECK enum err
tree_begin(const char *name, struct tree *tree, struct fault *fault);

/* All of it, durably, gets the name. */
MUST_CHECK enum err tree_end(struct tree *tree, struct fault *fault);

/* An absolute name of the same folder; false: too long. */
bool tree_absolute(const char *name, char out[PATH_MAX]);

/* Is this folder one that has not come to be whole? */
bool tree_unfinished(const char *folder);

/* Remove what there is of it. */
void tree_drop(struct tree *tree);

/* A folder of it, such as "journal/views". */
MUST_CHECK enum err
tree_folder(const struct tree *tree, const char *below, struct fault *fault);

/* Copy the file `from`/`below` durably into it; ERR_NOT_FOUND: there is none. */
MUST_CHECK enum err tree_file(
    const struct tree *tree, const char *from, const char *below, struct fault *fault);

/* Copy what lies beside the journals: the secret, keys, epochs, records of workers.
 *
 * ERR_CORRUPT  one is missing that always is there
 */
MUST_CHECK enum err
tree_beside(const struct tree *tree, const char *from, struct fault *fault);

/* Copy each file of the folder `from`/`below` into one of that name. */
MUST_CHECK enum err tree_files(
    const struct tree *tree, const char *from, const char *below, struct fault *fault);
#endif

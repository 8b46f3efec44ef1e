/* rotated - a file that grows to a bound, then becomes FILE.1, and begins anew.
 *
 * A device that is full costs what was to be written, never time.
 */
#ifndef BASE_ROTATED_H
#define BASE_ROTATED_H
#include "base/err.h"
#include "base/folder.h"

struct rotated {
    char path[FOLDER_PATH_MAX];
    int fd;
    uint64_t size;     /* bytes of the file */
    uint64_t size_max; /* bytes; may be changed */
};

/* Open or create, to append.
 *
 * ERR_IO  it cannot be opened; `fault` names it
 */
MUST_CHECK enum err rotated_open(
    struct rotated *r, const char *path, uint64_t size_max, struct fault *fault);

/* Append all or less.  Did a new file begin, on another descriptor? */
bool rotated_append(struct rotated *r, struct bytes in);
#endif

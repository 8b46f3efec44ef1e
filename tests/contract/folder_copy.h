/* folder_copy - the files of a journal, to be damaged and put back. */
#ifndef TESTS_CONTRACT_FOLDER_COPY_H
#define TESTS_CONTRACT_FOLDER_COPY_H
#include "base/buffer.h"
#include "tests/contract/place.h"

/* Paths of the files in the journal's folder whose name has `part`, in the order of
 * their names; free() it. */
struct names {
    char path[64][PATH_MAX];
    size_t count;
};
struct names *files_of(const struct place *place, const char *part);

void load(const char *path, struct buffer *out);
void save(const char *path, struct bytes content);

struct copy {
    struct names *names;
    struct buffer *contents;
};
struct copy copy_take(const struct place *place);
/* Files that are not in the copy go. */
void copy_put_back(const struct copy *copy, const struct place *place);
/* Fails the test if there is no such file. */
struct buffer *copy_find(const struct copy *copy, const char *path);
void copy_free(struct copy *copy);
#endif

#include "tests/contract/folder_copy.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int
by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

struct names *
files_of(const struct place *place, const char *part)
{
    struct names *names = calloc(1, sizeof *names);
    DIR *dir = opendir(place->folder);
    ck_assert_ptr_nonnull(names);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strstr(entry->d_name, part) != NULL) {
            ck_assert_uint_lt(names->count, COUNT(names->path));
            snprintf(names->path[names->count++], PATH_MAX, "%s/%s", place->folder,
                entry->d_name);
        }
    closedir(dir);
    qsort(names->path, names->count, sizeof names->path[0], by_name);
    return names;
}

void
load(const char *path, struct buffer *out)
{
    FILE *in = fopen(path, "rb");
    ck_assert_ptr_nonnull(in);
    buffer_clear(out);
    uint8_t chunk[4096];
    for (size_t size; (size = fread(chunk, 1, sizeof chunk, in)) > 0;)
        buffer_append(out, chunk, size);
    fclose(in);
}

void
save(const char *path, struct bytes content)
{
    FILE *out = fopen(path, "wb");
    ck_assert_ptr_nonnull(out);
    if (content.size > 0)
        ck_assert_uint_eq(fwrite(content.data, 1, content.size, out), content.size);
    ck_assert_int_eq(fclose(out), 0);
}

struct copy
copy_take(const struct place *place)
{
    struct copy copy = { .names = files_of(place, "") };
    copy.contents = calloc(copy.names->count, sizeof *copy.contents);
    ck_assert_ptr_nonnull(copy.contents);
    size_t kept = 0;
    for (size_t i = 0; i < copy.names->count; i++) {
        struct stat found;
        ck_assert_int_eq(stat(copy.names->path[i], &found), 0);
        if (!S_ISREG(found.st_mode))
            continue;
        memmove(copy.names->path[kept], copy.names->path[i], PATH_MAX);
        load(copy.names->path[kept], &copy.contents[kept]);
        kept++;
    }
    copy.names->count = kept;
    return copy;
}

void
copy_put_back(const struct copy *copy, const struct place *place)
{
    struct names *now = files_of(place, "");
    for (size_t i = 0; i < now->count; i++)
        unlink(now->path[i]);
    free(now);
    for (size_t i = 0; i < copy->names->count; i++)
        save(copy->names->path[i], buffer_bytes(&copy->contents[i]));
}

struct buffer *
copy_find(const struct copy *copy, const char *path)
{
    for (size_t i = 0; i < copy->names->count; i++)
        if (strcmp(copy->names->path[i], path) == 0)
            return &copy->contents[i];
    ck_abort_msg("no such file");
    return NULL;
}

void
copy_free(struct copy *copy)
{
    for (size_t i = 0; i < copy->names->count; i++)
        buffer_free(&copy->contents[i]);
    free(copy->contents);
    free(copy->names);
}

#include "actors/keeper/record.h"

#include "base/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = RECORD_FOLDER_MAX + 16 };

const char *
record_path(
    const char *data, const char *name, const char *what, char out[FOLDER_PATH_MAX])
{
    char below[64];
    snprintf(below, sizeof below, "workers/%.31s%s%s", name, what[0] ? "/" : "", what);
    return folder_path(data, below, out);
}

/* Where `value` goes when the line is that of `name`. */
static bool
take_text(const char *line, const char *name, char *out, size_t size)
{
    size_t length = strlen(name);
    if (strncmp(line, name, length) != 0 || line[length] != '=')
        return false;
    snprintf(out, size, "%s", line + length + 1);
    return true;
}

static bool
take_line(const char *line, struct record *record)
{
    char flag[2];
    if (take_text(line, "folder", record->folder, sizeof record->folder)
        || take_text(line, "installed", record->installed, sizeof record->installed))
        return true;
    if (take_text(line, "added", flag, sizeof flag)) {
        record->added = flag[0] == '1';
        return true;
    }
    if (take_text(line, "stopped", flag, sizeof flag)) {
        record->stopped = flag[0] == '1';
        return true;
    }
    return false;
}

enum err
record_read(const char *data, const char *name, struct record *record)
{
    char path[FOLDER_PATH_MAX], line[LINE_MAX_BYTES];
    bool good = true;
    *record = (struct record){ 0 };
    FILE *in = fopen(record_path(data, name, "record", path), "re");
    if (in == NULL)
        return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
    while (good && fgets(line, sizeof line, in) != NULL) {
        size_t size = strcspn(line, "\n");
        good = line[size] == '\n';
        line[size] = '\0';
        good = good && take_line(line, record);
    }
    good = good && !ferror(in) && record->folder[0] == '/';
    fclose(in);
    return good ? ERR_NONE : ERR_CORRUPT;
}

static enum err
make_folder(const char *path, struct fault *fault)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return ERR_NONE;
    return fault_set(
        fault, ERR_IO, "%.250s: cannot be made: %s", path, strerror(errno));
}

enum err
record_write(const char *data, const char *name, const struct record *record,
    struct fault *fault)
{
    char path[FOLDER_PATH_MAX], below[64];
    struct buffer out = { 0 };
    buffer_print(&out, "folder=%s\nadded=%d\nstopped=%d\ninstalled=%s\n",
        record->folder, record->added, record->stopped, record->installed);
    enum err e = make_folder(folder_path(data, "workers", path), fault);
    if (e == ERR_NONE)
        e = folder_sync(data, fault); /* else it may go, and all that is in it */
    if (e == ERR_NONE)
        e = make_folder(record_path(data, name, "", path), fault);
    if (e == ERR_NONE)
        e = folder_sync(folder_path(data, "workers", path), fault);
    if (e == ERR_NONE) {
        snprintf(below, sizeof below, "workers/%.31s/record", name);
        e = folder_write(data, below, buffer_bytes(&out), fault);
    }
    buffer_free(&out);
    return e;
}

enum err
record_drop(const char *data, const char *name, struct fault *fault)
{
    char path[FOLDER_PATH_MAX];
    if (unlink(record_path(data, name, "record", path)) != 0 && errno != ENOENT)
        return fault_set(
            fault, ERR_IO, "%.250s: cannot be removed: %s", path, strerror(errno));
    return folder_sync(record_path(data, name, "", path), fault);
}

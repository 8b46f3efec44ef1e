#include "actors/zones_load.h"

#include "base/buffer.h"
#include "base/wrong.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ZONES_MAX = 4096, NAME_MAX_BYTES = 64, DEPTH_MAX = 3, TZIF_MAX = 65536 };

/* One reading of a folder. */
struct loading {
    const char *folder;
    struct zones *zones;
    struct fault *fault;
    uint8_t room[TZIF_MAX];
};

static void *
room(size_t size)
{
    void *p = malloc(size);
    if (p == NULL)
        WRONG("out of memory");
    return p;
}

static enum err
failed(struct loading *l, const char *name)
{
    return fault_set(
        l->fault, ERR_IO, "zoneinfo: %s/%s: %s", l->folder, name, strerror(errno));
}

static enum err
keep(struct loading *l, const char *name, struct bytes tzif)
{
    struct zones *zones = l->zones;
    struct zone zone;
    const char *wrong = zone_read(tzif, &zone);
    if (wrong != NULL)
        return fault_set(
            l->fault, ERR_MALFORMED, "zoneinfo: %s/%s: %s", l->folder, name, wrong);
    if (zones->count == ZONES_MAX)
        return fault_set(l->fault, ERR_TOO_LARGE, "zoneinfo: %s has more than %d zones",
            l->folder, ZONES_MAX);
    struct zone_entry *entry = &zones->list[zones->count++];
    size_t size = strlen(name) + 1;
    entry->name = room(size + tzif.size); /* one piece for both */
    memcpy(entry->name, name, size);
    memcpy(entry->name + size, tzif.data, tzif.size);
    entry->tzif = bytes_of(entry->name + size, tzif.size);
    return ERR_NONE;
}

static enum err
read_file(struct loading *l, int folder, const char *file, const char *name)
{
    int fd = openat(folder, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(l, name);
    size_t size = 0;
    ssize_t got;
    while (size < sizeof l->room
           && (got = read(fd, l->room + size, sizeof l->room - size)) > 0)
        size += (size_t)got;
    enum err err = size < sizeof l->room && got < 0 ? failed(l, name) : ERR_NONE;
    close(fd);
    if (err != ERR_NONE || size < 4 || memcmp(l->room, "TZif", 4) != 0)
        return err;
    if (size == sizeof l->room)
        return fault_set(l->fault, ERR_TOO_LARGE,
            "zoneinfo: %s/%s: it has %d bytes or more", l->folder, name, TZIF_MAX);
    return keep(l, name, bytes_of(l->room, size));
}

static bool
wanted(const char *file, unsigned depth)
{
    return file[0] != '.'
           && (depth > 0
               || (strcmp(file, "posix") != 0 && strcmp(file, "right") != 0
                   && strcmp(file, "localtime") != 0
                   && strcmp(file, "posixrules") != 0));
}

static enum err
read_folder(struct loading *l, int fd, const char *above, unsigned depth);

static enum err
read_entry(
    struct loading *l, int folder, const char *file, const char *above, unsigned depth)
{
    char name[NAME_MAX_BYTES];
    struct stat stat;
    if (snprintf(name, sizeof name, "%s%s%s", above, above[0] != '\0' ? "/" : "", file)
        >= (int)sizeof name)
        return ERR_NONE; /* no zone's name is so long */
    if (fstatat(folder, file, &stat, 0) < 0)
        return failed(l, name);
    if (S_ISREG(stat.st_mode))
        return read_file(l, folder, file, name);
    if (!S_ISDIR(stat.st_mode) || depth == DEPTH_MAX)
        return ERR_NONE;
    int fd = openat(folder, file, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? failed(l, name) : read_folder(l, fd, name, depth + 1);
}

/* Takes `fd`. */
static enum err
read_folder(struct loading *l, int fd, const char *above, unsigned depth)
{
    DIR *folder = fdopendir(fd);
    enum err err = ERR_NONE;
    if (folder == NULL) {
        err = failed(l, above);
        close(fd);
        return err;
    }
    const struct dirent *entry;
    while (err == ERR_NONE && (entry = readdir(folder)) != NULL)
        if (wanted(entry->d_name, depth))
            err = read_entry(l, fd, entry->d_name, above, depth);
    closedir(folder);
    return err;
}

static int
by_name(const void *a, const void *b)
{
    const struct zone_entry *one = a, *other = b;
    return strcmp(one->name, other->name);
}

static enum err
read_all(struct loading *l)
{
    int fd = open(l->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fault_set(l->fault, errno == EIO ? ERR_IO : ERR_NOT_FOUND,
            "zoneinfo: %s: %s: expected the folder of the package tzdata", l->folder,
            strerror(errno));
    enum err err = read_folder(l, fd, "", 0);
    if (err == ERR_NONE && l->zones->count == 0)
        return fault_set(l->fault, ERR_NOT_FOUND,
            "zoneinfo: %s has no time zone: expected that of the package tzdata",
            l->folder);
    return err;
}

enum err
zones_load(const char *folder, struct zones *zones, struct fault *fault)
{
    struct loading *l = room(sizeof *l);
    *zones = (struct zones){ .list = room(ZONES_MAX * sizeof *zones->list) };
    *l = (struct loading){ .folder = folder, .zones = zones, .fault = fault };
    enum err err = read_all(l);
    free(l);
    if (err != ERR_NONE)
        zones_free(zones);
    else
        qsort(zones->list, zones->count, sizeof *zones->list, by_name);
    return err;
}

void
zones_free(struct zones *zones)
{
    for (size_t i = 0; i < zones->count; i++)
        free(zones->list[i].name);
    free(zones->list);
    *zones = (struct zones){ 0 };
}

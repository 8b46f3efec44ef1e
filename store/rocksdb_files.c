#include "store/rocksdb_files.h"

#include "base/folder.h"
#include "base/wrong.h"
#include "store/crc32c.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A log is made of blocks; records do not cross them but continue in the next:
 *
 *    4     2        1
 *   +-----+--------+------+---------
 *   | crc | length | type | payload      crc: of type and payload, masked
 *   +-----+--------+------+---------
 *
 * What is left of a block that has no room for a head is zero.  The payload of a write
 * begins with its sequence number (8 bytes) and its count of changes (4).
 */
enum { BLOCK = 32 * 1024, HEAD = 7, TYPE = 6, WRITE_HEAD = 12 };
enum { TYPE_ZERO, TYPE_FULL, TYPE_FIRST, TYPE_MIDDLE, TYPE_LAST };

/* A folder has few logs: each is as large as the memtables, which are bounded. */
enum { LOGS_MAX = 1024 };

struct log {
    const char *path;
    bool writes;       /* not a MANIFEST */
    uint64_t next;     /* sequence number of the next write; 0: any */
    bool begun;        /* a write of this log was read */
    bool before_torn;  /* the log before ended with an unfinished record */
    uint64_t block_at; /* offset of the block in the file */
    struct bytes block;
    bool last_block;
    bool torn;                /* the log ends with an unfinished record */
    bool within;              /* a record continues */
    uint8_t head[WRITE_HEAD]; /* of the current write, as far as it was read */
    size_t head_size;
    uint64_t mark; /* the last write that was durable */
    bool last_log;
    bool may_tear;       /* damage beyond the mark is no error */
    uint64_t damaged_at; /* then: its byte; the rest of the log was not read */
    bool damaged;
    struct fault *fault;
};

static uint64_t
little(const uint8_t *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

/* Can nobody have been told of what is damaged?  The writes before it reach the mark;
 * or it is the first and only one, and RocksDB will say where the tables end. */
static bool
is_beyond_mark(const struct log *log, size_t at)
{
    if (!log->writes || !log->may_tear)
        return false;
    if (log->next != 0)
        return log->next > log->mark;
    size_t length = (size_t)little(log->block.data + at + 4, 2);
    return log->last_log && log->last_block && at + HEAD + length >= log->block.size;
}

static enum err
damaged(struct log *log, size_t at, const char *what)
{
    log->damaged = is_beyond_mark(log, at);
    log->damaged_at = log->block_at + at;
    return fault_set(log->fault, ERR_CORRUPT, "%s: %s at byte %" PRIu64, log->path,
        what, log->block_at + at);
}

static bool
all_zero(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.data[i] != 0)
            return false;
    return true;
}

static uint32_t
unmasked(uint64_t masked)
{
    uint32_t rotated = (uint32_t)masked - 0xa282ead8u;
    return rotated >> 17 | rotated << 15;
}

/* A record that says it is longer than the rest of the log.  Was it cut off, or was its
 * length changed?  Then its checksum fits a shorter one. */
static enum err
check_tail(struct log *log, size_t at)
{
    const uint8_t *head = log->block.data + at;
    uint32_t expected = unmasked(little(head, 4)), crc = 0;
    for (size_t size = 1; TYPE + size <= log->block.size - at; size++) {
        crc = crc32c(crc, bytes_of(head + TYPE + size - 1, 1));
        if (crc == expected)
            return damaged(log, at, "a changed length");
    }
    log->torn = true;
    return ERR_NONE;
}

static enum err
check_sequence(struct log *log, size_t at)
{
    uint64_t sequence = little(log->head, 8), count = little(log->head + 8, 4);
    if (count == 0) /* RocksDB says where it is after a recovery */
        return ERR_NONE;
    /* Between two logs that ended whole RocksDB may have removed one it needs no more.
     */
    if (log->next != 0 && sequence > log->next && (log->begun || log->before_torn))
        return damaged(log, at, "a write is missing before the one");
    log->begun = true;
    log->next = sequence + count;
    return ERR_NONE;
}

/* The head of a write may itself lie in two blocks. */
static enum err
check_write(struct log *log, size_t at, struct bytes part, bool ends)
{
    size_t missing = WRITE_HEAD - log->head_size;
    if (missing == 0)
        return ERR_NONE;
    size_t more = part.size < missing ? part.size : missing;
    memcpy(log->head + log->head_size, part.data, more);
    log->head_size += more;
    if (log->head_size == WRITE_HEAD)
        return check_sequence(log, at);
    return ends ? damaged(log, at, "a write without a head") : ERR_NONE;
}

/* A record that is whole. */
static enum err
check_record(struct log *log, size_t at, size_t length)
{
    const uint8_t *head = log->block.data + at;
    unsigned type = head[TYPE];
    if (crc32c(0, bytes_of(head + TYPE, 1 + length)) != unmasked(little(head, 4)))
        return damaged(log, at, "a wrong checksum");
    if (type > TYPE_LAST)
        return ERR_NONE; /* a later RocksDB's: it has to judge */
    bool begins = type == TYPE_FULL || type == TYPE_FIRST;
    bool ends = type == TYPE_FULL || type == TYPE_LAST;
    if (begins == log->within)
        return damaged(log, at, "a part of a record is missing before the one");
    log->within = !ends;
    if (begins)
        log->head_size = 0;
    if (!log->writes)
        return ERR_NONE;
    return check_write(log, at, bytes_of(head + HEAD, length), ends);
}

static enum err
check_block(struct log *log)
{
    size_t at = 0;
    while (log->block.size - at >= HEAD) {
        const uint8_t *head = log->block.data + at;
        size_t left = log->block.size - at, length = (size_t)little(head + 4, 2);
        if (all_zero(bytes_of(head, HEAD))) {
            log->torn = true; /* room that was taken but never written */
            if (!all_zero(bytes_of(head, left)))
                return damaged(log, at, "zeros in the place of a record");
            return ERR_NONE;
        }
        if (length > left - HEAD) {
            if (!log->last_block)
                return damaged(log, at, "a wrong length");
            return check_tail(log, at);
        }
        enum err e = check_record(log, at, length);
        if (e != ERR_NONE)
            return e;
        at += HEAD + length;
    }
    if (!log->last_block
        && !all_zero(bytes_of(log->block.data + at, log->block.size - at)))
        return damaged(log, at, "a filler that is not zero");
    return ERR_NONE;
}

static enum err
check_blocks(struct log *log, FILE *in)
{
    static uint8_t
        room[BLOCK + 1]; /* one more, to see whether this is the last block */
    size_t size = fread(room, 1, sizeof room, in);
    while (size > 0) {
        log->last_block = size <= BLOCK;
        log->block = bytes_of(room, log->last_block ? size : BLOCK);
        if (log->torn && !all_zero(log->block))
            return damaged(log, 0, "a record is missing before the one");
        enum err e = log->torn ? ERR_NONE : check_block(log);
        if (e != ERR_NONE)
            return e;
        log->block_at += log->block.size;
        if (log->last_block)
            break;
        room[0] = room[BLOCK];
        size = 1 + fread(room + 1, 1, BLOCK, in);
    }
    return ferror(in)
               ? fault_set(log->fault, ERR_IO, "%s: %s", log->path, strerror(errno))
               : ERR_NONE;
}

/* How far the logs reach that were read. */
struct reach {
    uint64_t next; /* as in struct log */
    bool torn;     /* the last one */
    bool damaged;  /* beyond the mark, at this byte of the last one */
    uint64_t damaged_at;
};

/* Read the log that `log` describes, after those of `reach`. */
static enum err
check_log(struct log log, struct reach *reach)
{
    const char *path = log.path;
    struct fault *fault = log.fault;
    log.next = reach->next;
    log.before_torn = reach->torn;
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        return fault_set(fault, errno == ENOENT ? ERR_CORRUPT : ERR_IO, "%s: %s", path,
            strerror(errno));
    enum err e = check_blocks(&log, in);
    fclose(in);
    *reach =
        (struct reach){ log.next, log.torn || log.within, log.damaged, log.damaged_at };
    return log.damaged ? ERR_NONE : e;
}

/* ---- the folder ---- */

struct files {
    uint64_t logs[LOGS_MAX]; /* the numbers of NUMBER.log */
    size_t log_count;
    bool current, tables;
};

static int
by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static enum err
list_files(const char *folder, struct files *files, struct fault *fault)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return fault_set(fault, ERR_IO, "%s: %s", folder, strerror(errno));
    enum err e = ERR_NONE;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char *end;
        uint64_t number = strtoull(entry->d_name, &end, 10);
        files->current |= strcmp(entry->d_name, "CURRENT") == 0;
        if (end == entry->d_name)
            continue;
        files->tables |= strcmp(end, ".sst") == 0;
        if (strcmp(end, ".log") != 0)
            continue;
        if (files->log_count == LOGS_MAX) {
            e = fault_set(
                fault, ERR_CORRUPT, "%s: more than %d logs", folder, LOGS_MAX);
            break;
        }
        files->logs[files->log_count++] = number;
    }
    closedir(dir);
    qsort(files->logs, files->log_count, sizeof files->logs[0], by_number);
    return e;
}

static const char *
log_path(const char *folder, uint64_t number, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%06" PRIu64 ".log", folder, number);
    return out;
}

static enum err
check_manifest(const char *folder, struct fault *fault)
{
    char path[PATH_MAX], name[64];
    snprintf(path, sizeof path, "%s/CURRENT", folder);
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        return fault_set(fault, ERR_IO, "%s: %s", path, strerror(errno));
    size_t size = fread(name, 1, sizeof name - 1, in);
    fclose(in);
    name[size] = '\0';
    if (size < 2 || name[size - 1] != '\n' || strncmp(name, "MANIFEST-", 9) != 0)
        return fault_set(fault, ERR_CORRUPT, "%s: names no MANIFEST", path);
    name[size - 1] = '\0';
    if (strchr(name, '/') != NULL)
        return fault_set(fault, ERR_CORRUPT, "%s: names no MANIFEST", path);
    struct reach reach = { 0 };
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return check_log((struct log){ .path = path, .fault = fault }, &reach);
}

static enum err
check_logs(const char *folder, const struct files *files, uint64_t mark,
    struct rocksdb_torn *torn, struct fault *fault)
{
    struct reach reach = { 0 };
    char path[PATH_MAX];
    for (size_t i = 0; i < files->log_count && !reach.damaged; i++) {
        struct log log = {
            .path = log_path(folder, files->logs[i], path),
            .writes = true,
            .mark = mark,
            .last_log = i + 1 == files->log_count,
            .may_tear = torn != NULL,
            .fault = fault,
        };
        enum err e = check_log(log, &reach);
        if (e != ERR_NONE)
            return e;
        if (reach.damaged)
            *torn = (struct rocksdb_torn){ files->logs[i], reach.damaged_at };
    }
    if (reach.next != 0 && reach.next <= mark)
        return fault_set(fault, ERR_CORRUPT,
            "%s: the log ends at write %" PRIu64 ", but %" PRIu64 " was durable", path,
            reach.next - 1, mark);
    return ERR_NONE;
}

enum err
rocksdb_files_check(
    const char *folder, uint64_t mark, struct rocksdb_torn *torn, struct fault *fault)
{
    if (torn != NULL)
        *torn = (struct rocksdb_torn){ 0 };
    if (strlen(folder) > PATH_MAX - 128)
        return fault_set(fault, ERR_IO, "%s: its path is too long", folder);
    struct files *files = calloc(1, sizeof *files);
    if (files == NULL)
        WRONG("out of memory");
    enum err e = list_files(folder, files, fault);
    if (e == ERR_NONE && !files->current) {
        if (files->tables || files->log_count > 0 || mark > 0)
            e = fault_set(fault, ERR_CORRUPT, "%s/CURRENT is missing", folder);
    } else if (e == ERR_NONE) {
        e = check_manifest(folder, fault);
        if (e == ERR_NONE)
            e = check_logs(folder, files, mark, torn, fault);
    }
    free(files);
    return e;
}

static enum err
failed(const char *path, struct fault *fault)
{
    return fault_set(fault, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "%s: %s", path,
        strerror(errno));
}

/* The first `size` bytes of `path` to a new file `fresh`, durably. */
static bool
copy_begin(const char *path, uint64_t size, const char *fresh)
{
    uint8_t piece[4096];
    int in = open(path, O_RDONLY | O_CLOEXEC);
    int out = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool copied = in >= 0 && out >= 0;
    while (copied && size > 0) {
        size_t want = size < sizeof piece ? (size_t)size : sizeof piece;
        ssize_t got = read(in, piece, want);
        copied = got > 0 && write(out, piece, (size_t)got) == got;
        size -= copied ? (uint64_t)got : 0;
    }
    copied = copied && fsync(out) == 0;
    int why = errno;
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    errno = why;
    return copied;
}

/* At each moment there is a log of that name: the torn one or the whole one. */
static enum err
cut_log(const char *path, uint64_t at, struct fault *fault)
{
    char kept[PATH_MAX + 8], fresh[PATH_MAX + 8];
    snprintf(kept, sizeof kept, "%s.torn", path);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    (void)unlink(kept);
    if (!copy_begin(path, at, fresh) || link(path, kept) != 0
        || rename(fresh, path) != 0)
        return failed(path, fault);
    return ERR_NONE;
}

enum err
rocksdb_files_cut(
    const char *folder, const struct rocksdb_torn *torn, struct fault *fault)
{
    char path[PATH_MAX];
    struct files *files = calloc(1, sizeof *files);
    if (files == NULL)
        WRONG("out of memory");
    enum err e = list_files(folder, files, fault);
    /* From the end: a cut that is itself cut short leaves a torn log to be found. */
    for (size_t i = files->log_count; e == ERR_NONE && i-- > 0;)
        if (files->logs[i] >= torn->log)
            e = cut_log(log_path(folder, files->logs[i], path),
                files->logs[i] == torn->log ? torn->at : 0, fault);
    free(files);
    return e == ERR_NONE ? folder_sync(folder, fault) : e;
}

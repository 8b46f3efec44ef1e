#include "base/status.h"

#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_MAX = STATUS_ROWS_MAX * 1024 };

static void
print_row(const struct status_row *row, struct buffer *out)
{
    buffer_print(out, "name=%s pid=%u state=%s restarts=%u since_ms=%" PRIu64,
        row->name, row->pid, row->state, row->restarts, row->since_ms);
    if (row->http_port != 0)
        buffer_print(out, " http=%u", row->http_port);
    if (row->worker_port != 0)
        buffer_print(out, " worker=%u", row->worker_port);
    if (row->iii_port != 0)
        buffer_print(out, " iii=%u", row->iii_port);
    if (row->iii_http_port != 0)
        buffer_print(out, " iii_http=%u", row->iii_http_port);
    buffer_append(out, " detail=\"", 9);
    for (const char *at = row->detail; *at != '\0'; at++) {
        char c = *at == '"' ? '\'' : *at;
        if ((unsigned char)c < 0x20)
            c = '?';
        buffer_append(out, &c, 1);
    }
    buffer_append(out, "\"\n", 2);
}

void
status_print(const struct status *status, struct buffer *out)
{
    for (size_t i = 0; i < status->row_count; i++)
        print_row(&status->rows[i], out);
}

/* Take "name=value " or "name=\"value\" " off the front of `in`. */
static bool
take_pair(struct bytes *in, struct bytes *name, struct bytes *value)
{
    const uint8_t *equals = memchr(in->data, '=', in->size);
    if (equals == NULL)
        return false;
    *name = bytes_of(in->data, (size_t)(equals - in->data));
    const uint8_t *from = equals + 1, *end = in->data + in->size;
    bool quoted = from < end && *from == '"';
    from += quoted;
    const uint8_t *to = memchr(from, quoted ? '"' : ' ', (size_t)(end - from));
    if (to == NULL && quoted)
        return false;
    if (to == NULL)
        to = end;
    *value = bytes_of(from, (size_t)(to - from));
    to += quoted;
    while (to < end && *to == ' ')
        to++;
    *in = bytes_of(to, (size_t)(end - to));
    return true;
}

static void
copy_text(struct bytes value, char *out, size_t size)
{
    size_t length = value.size < size - 1 ? value.size : size - 1;
    memcpy(out, value.data, length);
    out[length] = '\0';
}

static uint64_t
number(struct bytes value)
{
    char digits[24];
    copy_text(value, digits, sizeof digits);
    return strtoull(digits, NULL, 10);
}

static void
put(struct status_row *row, struct bytes name, struct bytes value)
{
    if (bytes_equal(name, text("name")))
        copy_text(value, row->name, sizeof row->name);
    else if (bytes_equal(name, text("state")))
        copy_text(value, row->state, sizeof row->state);
    else if (bytes_equal(name, text("detail")))
        copy_text(value, row->detail, sizeof row->detail);
    else if (bytes_equal(name, text("pid")))
        row->pid = (unsigned)number(value);
    else if (bytes_equal(name, text("restarts")))
        row->restarts = (unsigned)number(value);
    else if (bytes_equal(name, text("since_ms")))
        row->since_ms = number(value);
    else if (bytes_equal(name, text("http")))
        row->http_port = (unsigned)number(value);
    else if (bytes_equal(name, text("worker")))
        row->worker_port = (unsigned)number(value);
    else if (bytes_equal(name, text("iii")))
        row->iii_port = (unsigned)number(value);
    else if (bytes_equal(name, text("iii_http")))
        row->iii_http_port = (unsigned)number(value);
}

enum err
status_parse(struct bytes in, struct status *status)
{
    memset(status, 0, sizeof *status);
    while (in.size > 0) {
        const uint8_t *end = memchr(in.data, '\n', in.size);
        if (end == NULL || status->row_count == STATUS_ROWS_MAX)
            return ERR_MALFORMED;
        struct bytes line = bytes_of(in.data, (size_t)(end - in.data)), name, value;
        struct status_row *row = &status->rows[status->row_count++];
        while (line.size > 0) {
            if (!take_pair(&line, &name, &value))
                return ERR_MALFORMED;
            put(row, name, value);
        }
        if (row->name[0] == '\0')
            return ERR_MALFORMED;
        in.size -= (size_t)(end + 1 - in.data);
        in.data = end + 1;
    }
    return ERR_NONE;
}

static enum err
read_file(const char *data, const char *below, struct status *status)
{
    char path[FOLDER_PATH_MAX];
    struct buffer in = { 0 };
    int fd = open(folder_path(data, below, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
    ssize_t size = read(fd, buffer_reserve(&in, FILE_MAX), FILE_MAX);
    close(fd);
    enum err e = ERR_IO;
    if (size >= 0)
        e = status_parse(bytes_of(in.data, (size_t)size), status);
    buffer_free(&in);
    return e;
}

enum err
status_read(const char *data, struct status *status)
{
    return read_file(data, "run/status", status);
}

enum err
status_read_workers(const char *data, struct status *status)
{
    return read_file(data, "run/workers", status);
}

enum err
status_write(const struct status *status, const char *path, struct fault *fault)
{
    char fresh[FOLDER_PATH_MAX + 8];
    struct buffer out = { 0 };
    status_print(status, &out);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool written = fd >= 0 && write_whole(fd, buffer_bytes(&out));
    if (fd >= 0)
        close(fd);
    buffer_free(&out);
    if (written && rename(fresh, path) == 0)
        return ERR_NONE;
    return fault_set(fault, ERR_IO, "%.250s: %s", path, strerror(errno));
}

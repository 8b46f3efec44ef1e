#include "actors/supervisor/logbook.h"

#include "base/log.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void
follow(const struct logbook *book)
{
    if (book->owns_stderr)
        (void)dup2(book->file.fd, STDERR_FILENO);
}

enum err
logbook_open(struct logbook *book, const char *data, bool echo, struct fault *fault)
{
    char path[FOLDER_PATH_MAX];
    *book = (struct logbook){ .echo = echo, .owns_stderr = !echo };
    folder_path(data, "log/capstan.log", path);
    enum err e = rotated_open(&book->file, path, LOGBOOK_SIZE_MAX, fault);
    if (e == ERR_NONE)
        follow(book);
    return e;
}

static void
print_stamp(struct buffer *out, uint64_t unix_ms)
{
    char second[32];
    struct tm parts;
    time_t seconds = (time_t)(unix_ms / 1000);
    gmtime_r(&seconds, &parts);
    strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", &parts);
    buffer_print(out, "%s.%03" PRIu64 "Z ", second, unix_ms % 1000);
}

/* Does it begin with a level and the process's own name? */
static bool
is_ours(const char *name, struct bytes line)
{
    static const char *const levels[] = { "broken ", "unusual ", "info ", "debug " };
    for (size_t i = 0; i < COUNT(levels); i++) {
        struct bytes level = text(levels[i]);
        if (!bytes_begin(line, level))
            continue;
        struct bytes rest = bytes_of(line.data + level.size, line.size - level.size);
        return bytes_begin(rest, text(name)) && rest.size > strlen(name)
               && rest.data[strlen(name)] == ' ';
    }
    return false;
}

static void
quote(struct buffer *out, const char *name, struct bytes line)
{
    buffer_print(out, "unusual %s said text=\"", name);
    for (size_t i = 0; i < line.size; i++) {
        uint8_t c = line.data[i];
        if (c < 0x20 || c == 0x7f)
            c = '?';
        if (c == '"')
            c = '\'';
        buffer_append(out, &c, 1);
    }
    buffer_append(out, "\"", 1);
}

/* A terminal or pipe that nobody reads must not hold the engine up. */
static void
echo(struct bytes line)
{
    struct pollfd door = { .fd = STDERR_FILENO, .events = POLLOUT };
    if (poll(&door, 1, 0) == 1 && (door.revents & POLLOUT) != 0)
        (void)!write(STDERR_FILENO, line.data, line.size);
}

static void
keep_line(struct logbook *book, struct logstream *stream, uint64_t unix_ms)
{
    struct bytes line = bytes_of(stream->line, stream->size);
    size_t from = book->page.size;
    size_t shown =
        line.size < sizeof stream->last ? line.size : sizeof stream->last - 1;
    if (line.size == 0)
        return;
    memcpy(stream->last, line.data, shown);
    stream->last[shown] = '\0';
    print_stamp(&book->page, unix_ms);
    if (is_ours(stream->name, line))
        buffer_append_bytes(&book->page, line);
    else
        quote(&book->page, stream->name, line);
    buffer_append(&book->page, "\n", 1);
    if (book->echo)
        echo(bytes_of(book->page.data + from, book->page.size - from));
    stream->size = 0;
}

static void
write_page(struct logbook *book)
{
    if (rotated_append(&book->file, buffer_bytes(&book->page)))
        follow(book);
    buffer_clear(&book->page);
}

void
logbook_take(
    struct logbook *book, struct logstream *stream, uint64_t unix_ms, struct bytes in)
{
    for (size_t i = 0; i < in.size; i++) {
        if (in.data[i] != '\n')
            stream->line[stream->size++] = (char)in.data[i];
        if (in.data[i] == '\n' || stream->size == sizeof stream->line)
            keep_line(book, stream, unix_ms);
    }
    if (book->page.size > 0)
        write_page(book);
}

void
logbook_end(struct logbook *book, struct logstream *stream, uint64_t unix_ms)
{
    if (stream->size > 0)
        logbook_take(book, stream, unix_ms, text("\n"));
}

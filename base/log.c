#include "base/log.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* A line leaves in one write, which a pipe keeps whole up to PIPE_BUF. */
enum { LINE_MAX_BYTES = 4096 };

static const char *const level_names[] = { "broken", "unusual", "info", "debug" };
static const char *speaker = "-";
static enum log_level last_level = LOG_INFO;
static void (*diverted)(void *taker, const char *line, size_t size);
static void *diverted_to;

void
log_open(const char *process, enum log_level last)
{
    speaker = process;
    last_level = last;
}

void
log_divert(void (*take)(void *taker, const char *line, size_t size), void *taker)
{
    diverted = take;
    diverted_to = taker;
}

bool
log_level_known(const char *name)
{
    for (size_t i = 0; i < COUNT(level_names); i++)
        if (strcmp(name, level_names[i]) == 0)
            return true;
    return false;
}

enum log_level
log_level_named(const char *name)
{
    for (size_t i = 0; i < COUNT(level_names); i++)
        if (strcmp(name, level_names[i]) == 0)
            return (enum log_level)i;
    return LOG_INFO;
}

/* Strangers' words must not begin a line of their own. */
static void
flatten(char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
}

static size_t
clamp(int printed, size_t room)
{
    size_t size = printed < 0 ? 0 : (size_t)printed;
    return size < room ? size : room - 1;
}

void
log_line(enum log_level level, const char *event, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    if (level > last_level)
        return;
    int saved = errno;
    size_t size = clamp(
        snprintf(line, sizeof line, "%s %s %s ", level_names[level], speaker, event),
        sizeof line);
    va_start(args, format);
    size += clamp(
        vsnprintf(line + size, sizeof line - size, format, args), sizeof line - size);
    va_end(args);
    while (size > 0 && line[size - 1] == ' ')
        size--;
    flatten(line, size);
    line[size] = '\n';
    if (diverted != NULL)
        diverted(diverted_to, line, size + 1);
    else
        /* There is nobody to tell when stderr is gone. */
        (void)!write(STDERR_FILENO, line, size + 1);
    errno = saved;
}

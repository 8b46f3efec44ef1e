#include "actors/keeper/worker_log.h"

#include "base/clock.h"
#include "base/stamp.h"

#include <stdarg.h>
#include <stdio.h>

enum err
worker_log_open(struct worker_log *log, const char *path, struct fault *fault)
{
    *log = (struct worker_log){ 0 };
    return rotated_open(&log->file, path, WORKER_LOG_MAX, fault);
}

static void
put(struct worker_log *log, const char *mark, struct bytes line)
{
    char stamp[STAMP_SIZE];
    buffer_print(&log->page, "%s %s", stamp_print(clock_unix_ms(), stamp), mark);
    buffer_append_bytes(&log->page, line);
    buffer_append(&log->page, "\n", 1);
}

static void
keep_line(struct worker_log *log)
{
    size_t shown = log->size < sizeof log->last ? log->size : sizeof log->last - 1;
    if (shown > 0) {
        memcpy(log->last, log->line, shown);
        log->last[shown] = '\0';
    }
    put(log, "", bytes_of(log->line, log->size));
    log->size = 0;
}

static void
write_page(struct worker_log *log)
{
    (void)rotated_append(&log->file, buffer_bytes(&log->page));
    buffer_clear(&log->page);
}

void
worker_log_take(struct worker_log *log, struct bytes in)
{
    for (size_t i = 0; i < in.size; i++) {
        bool ended = in.data[i] == '\n';
        if (!ended)
            log->line[log->size++] = (char)in.data[i];
        if (ended || log->size == sizeof log->line)
            keep_line(log);
    }
    if (log->page.size > 0)
        write_page(log);
}

void
worker_log_end(struct worker_log *log)
{
    if (log->size > 0)
        worker_log_take(log, text("\n"));
}

void
worker_log_note(struct worker_log *log, const char *format, ...)
{
    char line[WORKER_LINE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    worker_log_end(log);
    put(log, "-- ", text(line));
    write_page(log);
}

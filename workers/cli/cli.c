#include "workers/cli/cli.h"

#include "base/duration.h"
#include "workers/cli/answer.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>

const char *
cli_value(const struct cli *cli, enum option option)
{
    return cli->request.value[option];
}

void
cli_complain(const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fputs("capstan: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void
cli_remark(const struct cli *cli, const char *format, ...)
{
    va_list args;
    if (cli_given(cli, OPTION_quiet))
        return;
    fflush(stdout);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static void
print_json(const json_t *value, size_t flags)
{
    struct buffer line = { 0 };
    (void)answer_write(value, flags, &line);
    cli_print_line(&line);
    buffer_free(&line);
}

void
cli_print_json(const json_t *value)
{
    print_json(value, JSON_INDENT(2));
}

void
cli_print_compact(const json_t *value)
{
    print_json(value, JSON_COMPACT);
}

void
cli_print_line(const struct buffer *line)
{
    fwrite(line->data, 1, line->size, stdout);
    putchar('\n');
}

void
cli_flush(void)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return;
    if (errno != EPIPE)
        cli_complain("standard output cannot be written: %s", strerror(errno));
    exit(EXIT_REFUSED);
}

enum exit_code
cli_time(const struct cli *cli, enum option option, uint64_t otherwise, uint64_t *ms)
{
    const char *value = cli_value(cli, option);
    *ms = otherwise;
    if (value == NULL)
        return EXIT_DONE;
    if (duration_read(text(value), ms)) {
        *ms += *ms == 0; /* which stands for ever in places */
        return EXIT_DONE;
    }
    cli_complain("--%s: '%s' is no time: give a number and a unit, such as 500ms, 30s, "
                 "2m or 1h",
        option_rows[option].name, value);
    return EXIT_USAGE;
}

int
cli_poll_ms(uint64_t ms)
{
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static bool
read_whole(const char *value, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(value, &end, 10);
    return value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0;
}

enum exit_code
cli_number(const struct cli *cli, enum option option, uint64_t most, uint64_t otherwise,
    uint64_t *number)
{
    const char *value = cli_value(cli, option);
    *number = otherwise;
    if (value == NULL || (read_whole(value, number) && *number <= most))
        return EXIT_DONE;
    cli_complain("--%s: '%s' is not a whole number up to %llu",
        option_rows[option].name, value, (unsigned long long)most);
    return EXIT_USAGE;
}

enum exit_code
cli_ordinal(const struct cli *cli, enum option option, uint64_t most, uint64_t *number)
{
    const char *value = cli_value(cli, option);
    *number = 0;
    if (value == NULL || (read_whole(value, number) && *number >= 1 && *number <= most))
        return EXIT_DONE;
    cli_complain("--%s: '%s' is not a whole number from 1 to %llu",
        option_rows[option].name, value, (unsigned long long)most);
    return EXIT_USAGE;
}

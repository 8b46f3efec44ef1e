/* cli - one call of the tool: what was asked, where the engine is, how to speak.
 *
 * What a script reads goes to standard output, all else to standard error.
 */
#ifndef WORKERS_CLI_CLI_H
#define WORKERS_CLI_CLI_H
#include "base/buffer.h"
#include "base/folder.h"
#include "workers/cli/request.h"

#include <jansson.h>

enum { URL_MAX = 512, KEY_MAX = 256, RUN_ID_MAX = 64, PIN_MAX = 64 };

struct cli {
    struct request request;
    bool on_terminal;  /* standard output is one: tables for people */
    bool may_progress; /* standard error is one, and nobody asked for quiet */

    /* Found when first needed, by the functions below. */
    struct config config;
    bool has_config;
    char data[FOLDER_PATH_MAX];
    char url[URL_MAX]; /* without a slash at its end */
    char pin[PIN_MAX]; /* of the public key that the engine there must have, as curl
                        * takes it; empty: its certificate must be trusted */
    char key[KEY_MAX];
    char key_from[FOLDER_PATH_MAX]; /* what gave the key, for people */
    char run[RUN_ID_MAX];           /* that stands for a run which was not named */
};

/* The value of an option, or NULL. */
const char *cli_value(const struct cli *cli, enum option option);
static inline bool
cli_given(const struct cli *cli, enum option option)
{
    return cli->request.given[option];
}

/* A remark for people; not with --quiet. */
void cli_remark(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "capstan: …" on standard error. */
void cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_print_json(const json_t *value);
/* The same in one line. */
void cli_print_compact(const json_t *value);
/* One line on standard output. */
void cli_print_line(const struct buffer *line);
/* Let go what was printed; ends the process when nobody can read it. */
void cli_flush(void);

/* Read --timeout and its like to milliseconds; `otherwise` when it was not given.
 * EXIT_USAGE when it is no time. */
MUST_CHECK enum exit_code
cli_time(const struct cli *cli, enum option option, uint64_t otherwise, uint64_t *ms);
/* A whole number within bounds, or EXIT_USAGE. */
MUST_CHECK enum exit_code cli_number(const struct cli *cli, enum option option,
    uint64_t most, uint64_t otherwise, uint64_t *number);
/* The same of what is counted from 1: 0 when it was not given, and never else. */
MUST_CHECK enum exit_code
cli_ordinal(const struct cli *cli, enum option option, uint64_t most, uint64_t *number);
/* As poll takes it: 24 days stand for all that is longer. */
int cli_poll_ms(uint64_t ms);

/* Find settings and data folder, URL and key; each says itself what is wrong. */
MUST_CHECK enum exit_code cli_find_data(struct cli *cli);
MUST_CHECK enum exit_code cli_find_engine(struct cli *cli);
#endif

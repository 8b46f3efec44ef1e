/* request - what the user asks for: one command, its options and its words.  Pure.
 *
 * Commands, options and exit codes are tables: commands.def, options.def, exits.def.
 */
#ifndef WORKERS_CLI_REQUEST_H
#define WORKERS_CLI_REQUEST_H
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { WORDS_MAX = 1024, SETS_MAX = 64, URL_DEFAULT_PORT = 3000 };

enum exit_code {
#define EXIT(number, name, sentence) name = number,
#include "workers/cli/exits.def"
};

enum option {
#define OPTION(name, member, kind, value, sentence) OPTION_##member,
/* The same number again, so that the rows after it go on from there. */
#define LAST_GLOBAL(member) OPTION_LAST_GLOBAL = OPTION_##member,
#include "workers/cli/options.def"
    OPTION_COUNT
};

enum option_kind { SWITCH, VALUE, MAYBE, MANY };

struct option_row {
    const char *name;
    enum option_kind kind;
    const char *value; /* what the value is called */
    const char *sentence;
    bool global;
};
extern const struct option_row option_rows[OPTION_COUNT];

struct cli;
struct command {
    const char *noun; /* may be empty */
    const char *verb;
    enum exit_code (*function)(struct cli *cli);
    const char *words;
    const char *options; /* names with spaces between */
    const char *sentence;
    const char *example;
};
extern const struct command commands[];
extern const size_t command_count;

/* Everything borrows from argv. */
struct request {
    const struct command *command; /* NULL: none was named */
    const char *noun;              /* set when a noun was named without a verb */
    bool given[OPTION_COUNT];
    const char *value[OPTION_COUNT]; /* the last one; NULL for a MAYBE without */
    const char *sets[SETS_MAX];
    size_t set_count;
    const char *words[WORDS_MAX + 1]; /* ends in NULL */
    size_t word_count;
};

/* Read a command line.  With --help the words are not counted.
 *
 * ERR_INVALID  `fault` says what is wrong with it, and what may have been meant
 */
MUST_CHECK enum err
request_read(int argc, char **argv, struct request *request, struct fault *fault);

/* Does the command hand what follows to another program? */
bool command_passes(const struct command *command);
bool command_takes(const struct command *command, enum option option);
#endif

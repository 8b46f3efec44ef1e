/* commands - one function per row of commands.def. */
#ifndef WORKERS_CLI_COMMANDS_H
#define WORKERS_CLI_COMMANDS_H
#include "workers/cli/request.h"

#define COMMAND(noun, verb, function, words, options, sentence, example)               \
    enum exit_code function(struct cli *cli);
#include "workers/cli/commands.def"
#endif

/* help - say how the tool is used, out of its tables. */
#ifndef WORKERS_CLI_HELP_H
#define WORKERS_CLI_HELP_H
#include "workers/cli/request.h"

void help_all(FILE *out);
/* The commands of one noun. */
void help_noun(const char *noun, FILE *out);
void help_command(const struct command *command, FILE *out);

/* docs/cli.md */
void help_reference(FILE *out);
/* capstan.bash */
void help_completion(FILE *out);
#endif

/* program - find and start the other programs of Capstan. */
#ifndef WORKERS_CLI_PROGRAM_H
#define WORKERS_CLI_PROGRAM_H
#include "workers/cli/cli.h"

/* The path of bin/NAME or libexec/capstan/NAME: beside the running program, else where
 * `make install` puts it; $CAPSTAN_LIBEXEC goes before both for the second.  Complains
 * and returns false when it is nowhere. */
bool program_find(const char *folder, const char *name, char out[CONFIG_TEXT_MAX + 1]);

/* The folder share/capstan, found the same way. */
bool program_share(char out[CONFIG_TEXT_MAX + 1]);

/* Become libexec/capstan/NAME with the words of the request; what --data, --url, --key
 * and --project say it finds in its environment. */
enum exit_code program_become(struct cli *cli, const char *name);
#endif

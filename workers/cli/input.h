/* input - read what the user hands us: files and standard input, within a limit. */
#ifndef WORKERS_CLI_INPUT_H
#define WORKERS_CLI_INPUT_H
#include "workers/cli/cli.h"

enum { INPUT_MAX = 64 << 20 };

/* Append the file `name`, "-" for standard input; complains when that fails. */
MUST_CHECK enum exit_code input_read(const char *name, struct buffer *out);

/* The JSON object in `value`, in the file behind its @, or (@-) in standard input;
 * `name` is named in complaints.  NULL, and so is *object, is nothing at all. */
MUST_CHECK enum exit_code
input_json(const char *name, const char *value, json_t **object);
#endif

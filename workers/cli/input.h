/* input - read what the user hands us: files and standard input, within a limit. */
#ifndef WORKERS_CLI_INPUT_H
#define WORKERS_CLI_INPUT_H
#include "workers/cli/cli.h"

enum { INPUT_MAX = 64 << 20 };

/* Append the file `name`, "-" for standard input; complains when that fails. */
MUST_CHECK enum exit_code input_read(const char *name, struct buffer *out);

/* Any JSON; `name` is named in complaints. */
MUST_CHECK enum exit_code
input_parse(const char *name, struct bytes content, json_t **value);
/* The same of what stands in `said`, in the file behind its @, or (@-) in standard
 * input.  NULL, and so is *value, is nothing at all. */
MUST_CHECK enum exit_code
input_value(const char *name, const char *said, json_t **value);
/* The same, and it must be an object. */
MUST_CHECK enum exit_code
input_json(const char *name, const char *said, json_t **object);
#endif

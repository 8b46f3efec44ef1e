/* automations - what the commands about automations share. */
#ifndef WORKERS_CLI_AUTOMATIONS_H
#define WORKERS_CLI_AUTOMATIONS_H
#include "workers/cli/api.h"

/* Send the text in `file`; mistakes are complained about with their places. */
MUST_CHECK enum exit_code automation_send(struct cli *cli, const struct api_path *path,
    const char *file, json_t **answer, long *http);
#endif

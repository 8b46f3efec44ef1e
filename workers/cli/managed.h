/* managed - the managed workers of the engine on our data folder, as their files tell.
 */
#ifndef WORKERS_CLI_MANAGED_H
#define WORKERS_CLI_MANAGED_H
#include "base/status.h"
#include "workers/cli/cli.h"

/* What each does; without an engine all are "engine_down". */
void managed_look(const struct cli *cli, struct status *status);
/* NULL when there is none of that name. */
const struct status_row *managed_find(const struct status *status, const char *name);

/* DATA/workers/NAME/WHAT, such as "log".  Complains and returns false when no worker
 * can have that name. */
bool managed_path(const struct cli *cli, const char *name, const char *what,
    char out[FOLDER_PATH_MAX]);
#endif

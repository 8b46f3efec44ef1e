/* engine - the engine on our data folder, as its files and its process tell it. */
#ifndef WORKERS_CLI_ENGINE_H
#define WORKERS_CLI_ENGINE_H
#include "base/status.h"
#include "workers/cli/cli.h"

enum { ENGINE_URL_MAX = CONFIG_URL_MAX };

/* What runs on cli->data: its supervisor, or 0; and what it says of itself. */
pid_t engine_look(const struct cli *cli, struct status *status);

/* May we not look into the data folder?  Complains. */
MUST_CHECK bool engine_hidden(const struct cli *cli);

/* Are all processes ready? */
bool engine_ready(const struct status *status);

/* What a small file of the data folder holds.  False: it cannot be opened, for errno.
 */
bool engine_text(const struct cli *cli, const char *name, char *out, size_t room);
/* What it says of its key, if it runs and its HTTP doors speak TLS; else empty. */
void engine_pin(const struct cli *cli, pid_t pid, char out[PIN_MAX]);
/* Where its doors are, as seen from this machine. */
void engine_http_url(const struct cli *cli, const struct status *status,
    const char *pin, char out[ENGINE_URL_MAX]);
void engine_worker_url(
    const struct cli *cli, const struct status *status, char out[ENGINE_URL_MAX]);

/* Wait until the engine that runs is ready, for `ms` at most; complains when not. */
MUST_CHECK enum exit_code engine_wait_ready(const struct cli *cli, uint64_t ms);

/* Say where everything of the running engine is.  `ran`: it did so before us. */
enum exit_code engine_introduce(const struct cli *cli, bool ran, uint64_t took_ms);
#endif

/* follow - stay with a run until it is finished, also when the connection breaks. */
#ifndef WORKERS_CLI_FOLLOW_H
#define WORKERS_CLI_FOLLOW_H
#include "workers/cli/api.h"

struct follow {
    const char *run;
    uint64_t after;   /* sequence of the last event that is known */
    uint64_t wait_ms; /* 0: as long as it takes */
    void (*event)(struct cli *cli, const json_t *event); /* NULL: only progress */
};

/* The exit code says how the run ended; a failure is told on standard error.
 * EXIT_LATE and EXIT_AWAY say that the run goes on. */
enum exit_code follow_run(struct cli *cli, const struct follow *follow);

/* Print the id of a run that was just made, and follow it if --wait says so. */
enum exit_code follow_begun(struct cli *cli, const json_t *run);
#endif

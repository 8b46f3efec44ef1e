/* exported - runs as files: taken from the engine, and read by the program replay.
 *
 * What reads them is another program, because the tool knows nothing of the machine
 * that makes a run from its facts.
 */
#ifndef WORKERS_CLI_EXPORTED_H
#define WORKERS_CLI_EXPORTED_H
#include "workers/cli/cli.h"

/* Append everything that is stored about a run, as a file has it. */
MUST_CHECK enum exit_code
exported_fetch(struct cli *cli, const char *run, struct buffer *out);
/* Write that to an open file; `name` is what a complaint calls it. */
MUST_CHECK enum exit_code
exported_write(const char *name, int file, struct bytes content);

struct exported_call {
    const char *what;  /* check, get, events, replay */
    const char *file;  /* path */
    const char *at;    /* --at; NULL: not given */
    const char *after; /* --after; NULL: not given */
    bool verify;
    bool
        differs_is_fine; /* give the document although it says that something differs */
};
/* What the program says, as JSON to be freed by the caller; it complains by itself. */
MUST_CHECK enum exit_code
exported_read(const struct exported_call *call, json_t **document);

/* The file that --file names, or one in memory with the run of the first word; `path`
 * names it until the process ends. */
enum { EXPORTED_PATH_MAX = 40 };
MUST_CHECK enum exit_code exported_find(
    struct cli *cli, const char *run, char path[EXPORTED_PATH_MAX], const char **file);
/* Is either a run or --file given, and not both?  Complains. */
bool exported_named(const struct cli *cli);

/* Where a run is: in the engine, by its id, or in a file, by its path. */
struct run_place {
    const char *name;
    bool file;
};
/* A run, --file, or neither and one of --automation and --status: then ask for the
 * newest run that they let through, and take it as the first word. */
MUST_CHECK enum exit_code run_named(struct cli *cli);
/* What exported_named or run_named found. */
struct run_place run_place(const struct cli *cli);
/* The run, or a page of its events behind `after`, to be freed by the caller. */
MUST_CHECK enum exit_code
run_place_get(struct cli *cli, const struct run_place *place, json_t **run);
MUST_CHECK enum exit_code run_place_events(
    struct cli *cli, const struct run_place *place, uint64_t after, json_t **page);
#endif

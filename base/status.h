/* status - what each process of an engine does now, in one file that others may read.
 *
 * `run/status` is replaced as a whole at each change, one logfmt line per process:
 *
 *   name=capstand pid=71 state=ready restarts=0 since_ms=… http=3000 worker=5170
 * detail="" name=scheduler.0 pid=74 state=ready restarts=1 since_ms=… detail=""
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H
#include "base/buffer.h"
#include "base/err.h"

/* on disk: a process of 64 schedulers and six others, and the supervisor */
enum { STATUS_ROWS_MAX = 72, STATUS_DETAIL_MAX = 200 };

struct status_row {
    char name[32];  /* "capstand" first, then such as "scheduler.0" */
    char state[16]; /* starting, ready, backing_off, stopping, stopped */
    char detail[STATUS_DETAIL_MAX + 1];
    unsigned pid;                              /* 0: there is no process */
    unsigned restarts;                         /* since the engine started */
    uint64_t since_ms;                         /* unix ms of the last change of state */
    unsigned http_port, worker_port, iii_port; /* of capstand's row; 0: not open yet */
    unsigned iii_http_port;                    /* the same */
};

struct status {
    struct status_row rows[STATUS_ROWS_MAX];
    size_t row_count;
};

/* Append the file's text. */
void status_print(const struct status *status, struct buffer *out);

/* Unknown names in a line are passed over.
 *
 * ERR_MALFORMED  a line is none, or there are too many
 */
MUST_CHECK enum err status_parse(struct bytes in, struct status *status);

/* Read the status of the engine on the folder `data`.  A dead engine leaves its last
 * one behind: ask folder_owner.
 *
 * ERR_NOT_FOUND  there is none
 */
MUST_CHECK enum err status_read(const char *data, struct status *status);
/* The same of the managed workers: `run/workers`. */
MUST_CHECK enum err status_read_workers(const char *data, struct status *status);

/* Replace the file `path`, durable or not as the device likes. */
MUST_CHECK enum err
status_write(const struct status *status, const char *path, struct fault *fault);
#endif

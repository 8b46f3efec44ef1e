/* sheet - a workflow with its jobs, as its clients read it. */
#ifndef GATEWAY_WORKFLOW_GRAPH_SHEET_H
#define GATEWAY_WORKFLOW_GRAPH_SHEET_H
#include "gateway/workflow_graph/look.h"

/* Can all of it be shown: does every step call the action "shell"? */
bool sheet_fits(struct bytes automation);
/* Append the msgpack of what was found, with all its steps; `status` (or nothing): only
 * if some job has it.  False: none has. */
bool sheet_write(struct look *look, struct bytes status, struct buffer *out);

/* "queued", "running", "success", "failure", "skipped" or "cancelled" of a step in the
 * document of a run; data NULL: there is no such step. */
struct bytes sheet_status(struct bytes run, struct bytes key);
bool sheet_status_over(struct bytes status);
#endif

/* workflow_graph - the API of workflow-graph, shown over automations, runs and leases.
 *
 *      workflow   an automation, whose id is the name
 *      its run    the last run of that automation; earlier ones stay
 *      job        a step that calls the action "shell"
 *      lease      a lease of the worker session that its worker's id has
 *
 * docs/protocols/workflow-graph.md says what is the same and what is better.
 */
#ifndef GATEWAY_WORKFLOW_GRAPH_WORKFLOW_GRAPH_H
#define GATEWAY_WORKFLOW_GRAPH_WORKFLOW_GRAPH_H
#include "gateway/gateway.h"

/* The workers that poll, and the folder of workflow files. */
struct workflow_graph;

struct workflow_graph *workflow_graph_new(struct gateway *gateway);
void workflow_graph_free(struct workflow_graph **w);
/* The doors are open: load the folder. */
void workflow_graph_begin(struct workflow_graph *w);
#endif

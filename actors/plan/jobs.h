/* jobs - the files of workflow-graph: jobs that run shell commands, as steps.
 *
 * A job becomes a step that calls the action "shell" with the command, built exactly as
 * workflow-graph builds it, and with the outputs of the jobs that it needs.
 */
#ifndef ACTORS_PLAN_JOBS_H
#define ACTORS_PLAN_JOBS_H
#include "actors/plan/steps.h"

/* Fill `steps` from the map `jobs`; `env` is that of all jobs, or NULL.  Needs are not
 * resolved yet. */
void jobs_read(struct reading *r, const struct node *jobs, const struct node *env,
    struct steps *steps);
/* Needs are resolved: give each job its parameters. */
void jobs_finish(struct reading *r, struct steps *steps);
#endif

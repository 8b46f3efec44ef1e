/* look - finding the automation that a workflow is, its last run, and what that has
 * done.
 */
#ifndef GATEWAY_WORKFLOW_GRAPH_LOOK_H
#define GATEWAY_WORKFLOW_GRAPH_LOOK_H
#include "gateway/request.h"
#include "gateway/said.h"

enum look_depth {
    LOOK_RUN,      /* which run is the last one */
    LOOK_WORKFLOW, /* and the automation, with its text */
    LOOK_STEPS,    /* and the steps of that run */
};

/* All of it lies in the arena of the request. */
struct look {
    struct request *request;
    enum look_depth depth;
    struct bytes id;         /* as asked */
    struct bytes name;       /* of the automation, or its id */
    struct bytes automation; /* document; nothing if not asked for */
    bool has_run;
    struct id run;
    struct bytes summary;  /* of the run, as lists show it */
    struct bytes document; /* of the run, if steps were asked for */
    struct message *question;
    void (*found)(struct look *look);
    /* There is no such workflow; NULL: the request is answered 404. */
    void (*missing)(struct look *look);
    /* It could not be asked which run is the last one; NULL: the request is answered
     * so. */
    void (*refused)(struct look *look, const struct message *answer);
};

/* Ask the actors; then one of the three is called, or the request was refused. */
void look_begin(
    struct request *r, struct look *look, struct bytes id, enum look_depth depth);
/* The last run again; returns as request_ask does. */
uint64_t look_again(struct look *look);

/* The step key of a job id, in the arena. */
struct bytes look_key(struct request *r, struct bytes id);
/* A moment of a document, as unix ms; 0: none. */
uint64_t look_moment(struct bytes document, const char *name);
/* Is the last run under way? */
bool look_active(const struct look *look);
bool look_final(struct bytes summary);
#endif

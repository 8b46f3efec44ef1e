/* publishing - events that workers publish: each is a question to the trigger actor,
 * asked until it is answered, as those of HTTP clients are.
 */
#ifndef GATEWAY_PUBLISHING_H
#define GATEWAY_PUBLISHING_H
#include "base/list.h"
#include "gateway/bridge.h"
#include "gateway/holding.h"
#include "gateway/worker_frame.h"

struct publishing {
    struct bridge *bridge;
    struct list open;       /* not answered yet */
    struct holding waiting; /* bytes of these */
    /* `frame` is what to tell the connection `identity`. */
    void (*answer)(void *self, struct bytes identity, struct bytes frame);
    void *self;
};

void publishing_open(struct publishing *publishing);
void publishing_close(struct publishing *publishing);

/* Copies what it is given; the answer may come at once. */
void publishing_ask(struct publishing *publishing, struct bytes identity,
    const struct id *project, const struct worker_frame *said);
#endif

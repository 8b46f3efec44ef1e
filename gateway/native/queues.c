/* Limits of queues. */
#include "gateway/native/body.h"
#include "gateway/native/native.h"

enum { QUEUE_NAME_MAX = 128, QUEUE_LIMIT_MAX = 1000000 };

void
native_queue_set(struct request *r)
{
    static const char *const names[] = { "name", "concurrency", NULL };
    struct message *m = request_message(r, QUEUE_SET, ACTOR_registry);
    struct queue_set *set = &m->queue_set;
    struct bytes body;
    if (request_json(r, &body) && body_only(r, body, names)
        && body_text(r, body, "name", QUEUE_NAME_MAX, &set->queue)
        && body_number(r, body, "concurrency", QUEUE_LIMIT_MAX, &set->limit))
        request_ask(r, m, request_show);
}

void
native_queue_list(struct request *r)
{
    request_ask(r, request_message(r, QUEUE_LIST, ACTOR_lease), request_show);
}

#include "actors/outbox.h"

#include <assert.h>

/* The id that names the partition of what `m` is about, if its first field is a run. */
static const struct id *
run_of(const struct message *m)
{
    const struct shape *shape = &message_shapes[m->code];
    for (size_t i = 0; i < shape->field_count; i++)
        if (strcmp(shape->fields[i].name, "run") == 0)
            return (const void *)(m->body + shape->fields[i].offset);
    return NULL;
}

void
outbox_put_to(
    struct outbox *out, enum actor_name to, uint32_t instance, const struct message *m)
{
    assert(out->count < OUTBOX_MAX);
    struct message *put = &out->messages[out->count++];
    *put = *m;
    put->to = to;
    put->to_instance = instance;
    put->envelope.project = out->project;
    put->envelope.partition = out->partition;
    put->envelope.cause = out->in == NULL ? 0 : out->in->envelope.id;
    if (out->in != NULL)
        put->envelope.trace = out->in->envelope.trace;
}

void
outbox_put(struct outbox *out, const struct message *m)
{
    const struct route *route = &message_routes[m->code];
    enum actor_name to = route->to;
    uint32_t instance = 0;

    if (route->kind == REPLY) {
        assert(out->in != NULL);
        to = out->in->envelope.from;
        instance = out->in->envelope.instance;
    } else if (to == ACTOR_scheduler) {
        const struct id *run = run_of(m);
        instance = run == NULL ? out->partition : id_partition(run);
    }
    outbox_put_to(out, to, instance, m);
}

/* What the lease actor says of queues and their limits. */
#include "actors/lease/state.h"
#include "base/put.h"

void
on_leases_told(
    const struct lease_state *s, const struct leases_told *told, struct outbox *out)
{
    if (told->life == s->epoch && told->partition < s->config->schedulers)
        say_leases_told(out, *told);
}

static void
pack_queue(struct buffer *out, const struct queue *queue)
{
    pack_map(out, 3);
    put_text(out, "name", queue->name);
    pack_string(out, "concurrency");
    if (queue->limit == 0)
        pack_nil(out);
    else
        pack_u64(out, queue->limit);
    put_number(out, "out", queue->out);
}

enum { LISTED_MAX = 1000 };

void
on_queue_list(const struct lease_state *s, const struct message *in, struct outbox *out)
{
    const struct queues *queues = &s->table.queues;
    struct buffer items = { 0 };
    size_t count = 0;
    if (!queues->known) {
        say_refused(
            out, (struct refused){ .request = in->queue_list.request,
                     .err = ERR_UNAVAILABLE,
                     .detail = text("the limits of queues are not known yet") });
        return;
    }
    for (struct list *at = queues->all.next; at != &queues->all && count < LISTED_MAX;
         at = at->next) {
        const struct queue *queue = LIST_OF(at, struct queue, of_table);
        if (!id_equal(&queue->project, &in->envelope.project))
            continue;
        pack_queue(&items, queue);
        count++;
    }
    say_items(in->queue_list.request, count, buffer_bytes(&items), out);
    buffer_free(&items);
}

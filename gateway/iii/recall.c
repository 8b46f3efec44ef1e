#include "gateway/iii/recall.h"

#include "base/hash.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "gateway/gateway.h"

#include <stdlib.h>

struct early {
    char id[III_UUID_SIZE + 1];
    struct list link;
    uint64_t at_ms; /* monotonic */
    struct buffer frame;
};

/* The lease has a MAC, so nobody can guess its hash. */
void
iii_job_id(struct bytes lease, char id[III_UUID_SIZE + 1])
{
    struct hash hash = hash_of(lease);
    iii_uuid_print(hash.bytes, id);
}

bool
iii_session_of(const struct iii_worker *worker, struct id *session)
{
    struct bytes name = worker->name;
    struct buffer who = { 0 };
    if (name.size == 0)
        return false;
    buffer_append_bytes(&who, id_bytes(&worker->hub->project));
    pack_text(&who, name);
    buffer_append_bytes(&who, pack_find(buffer_bytes(&worker->about), "pid"));
    *session = id_of_name(buffer_bytes(&who));
    buffer_free(&who);
    return true;
}

static struct early *
early_new(struct bytes invocation, struct bytes frame)
{
    struct early *early = calloc(1, sizeof *early);
    if (early == NULL)
        WRONG("out of memory");
    memcpy(early->id, invocation.data, III_UUID_SIZE);
    buffer_append_bytes(&early->frame, frame);
    return early;
}

static void
drop(struct hub *hub, struct early *early)
{
    list_remove(&early->link);
    hub->early_count--;
    hub->early_bytes -= early->frame.size;
    buffer_free(&early->frame);
    free(early);
}

void
iii_early_forget(struct hub *hub, uint64_t before_ms)
{
    struct list *at;
    while ((at = list_first(&hub->early)) != NULL) {
        struct early *early = LIST_OF(at, struct early, link);
        if (early->at_ms >= before_ms)
            return;
        drop(hub, early);
    }
}

void
iii_early_keep(struct hub *hub, struct bytes invocation, struct bytes frame)
{
    uint64_t kept_ms = hub->gateway->child.config.lease_ms;
    if (hub->gateway->now_ms > kept_ms)
        iii_early_forget(hub, hub->gateway->now_ms - kept_ms);
    if (!iii_uuid(invocation) || hub->early_count == III_EARLY_MAX
        || frame.size > III_EARLY_BYTES_MAX - hub->early_bytes)
        return;
    struct early *early = early_new(invocation, frame);
    early->at_ms = hub->gateway->now_ms;
    list_append(&hub->early, &early->link);
    hub->early_count++;
    hub->early_bytes += frame.size;
}

bool
iii_early_take(struct hub *hub, struct bytes invocation, struct buffer *frame)
{
    for (struct list *at = hub->early.next; at != &hub->early; at = at->next) {
        struct early *early = LIST_OF(at, struct early, link);
        if (!bytes_equal(text(early->id), invocation))
            continue;
        buffer_append_bytes(frame, buffer_bytes(&early->frame));
        drop(hub, early);
        return true;
    }
    return false;
}

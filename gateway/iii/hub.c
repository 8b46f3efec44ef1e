#include "gateway/iii/hub.h"

#include "base/wrong.h"
#include "gateway/said.h"

#include <assert.h>
#include <stdlib.h>

struct hub *
hub_new(struct gateway *gateway, const struct id *project)
{
    struct hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL)
        WRONG("out of memory");
    hub->gateway = gateway;
    hub->project = *project;
    list_open(&hub->workers);
    list_open(&hub->questions);
    list_open(&hub->queue_routes);
    list_open(&hub->bindings);
    list_open(&hub->routes);
    list_open(&hub->channels);
    list_open(&hub->records);
    list_open(&hub->early);
    for (size_t i = 0; i < III_KINDS; i++)
        list_open(&hub->entries[i]);
    return hub;
}

void
hub_free(struct hub **out)
{
    struct hub *hub = *out;
    assert(list_empty(&hub->workers));
    list_remove(&hub->link);
    for (size_t i = 0; i < III_KINDS; i++)
        map_free(&hub->by_id[i]);
    map_free(&hub->calls);
    map_free(&hub->channel_by_id);
    free(hub);
    *out = NULL;
}

struct iii_worker *
hub_worker_new(struct hub *hub)
{
    struct iii_worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        WRONG("out of memory");
    worker->hub = hub;
    list_append(&hub->workers, &worker->link);
    for (size_t i = 0; i < III_KINDS; i++)
        list_open(&worker->entries[i]);
    list_open(&worker->doing);
    list_open(&worker->asking);
    return worker;
}

void
hub_worker_free(struct iii_worker **out)
{
    struct iii_worker *worker = *out;
    assert(list_empty(&worker->doing) && list_empty(&worker->asking));
    assert(worker->session == NULL);
    list_remove(&worker->link);
    buffer_free(&worker->about);
    free(worker);
    *out = NULL;
}

struct iii_worker *
hub_worker(const struct hub *hub, struct bytes id)
{
    for (struct list *at = hub->workers.next; at != &hub->workers; at = at->next) {
        struct iii_worker *worker = LIST_OF(at, struct iii_worker, link);
        if (bytes_equal(text(worker->id), id))
            return worker;
    }
    return NULL;
}

/* Its name is looked for in lists, as often as it has registered things. */
void
hub_describe(struct iii_worker *worker, struct bytes about)
{
    buffer_set(&worker->about, about);
    worker->name = hub_about(worker, "name");
}

struct bytes
hub_about(const struct iii_worker *worker, const char *name)
{
    return said_text(buffer_bytes(&worker->about), name);
}

static bool
is_internal(const struct iii_frame *said)
{
    if (bytes_begin(said->id, text("engine::")))
        return true;
    struct cursor flag = cursor_over(pack_find(said->metadata, "internal"));
    return cursor_type(&flag) == PACK_BOOL && cursor_bool(&flag);
}

static struct iii_entry *
entry_new(struct iii_worker *worker, enum iii_kind kind, struct bytes frame)
{
    struct fault fault;
    struct iii_entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        WRONG("out of memory");
    entry->kind = kind;
    entry->worker = worker;
    buffer_append_bytes(&entry->words, frame);
    if (iii_frame_read(buffer_bytes(&entry->words), &entry->said, &fault) != ERR_NONE)
        WRONG("it was read before");
    entry->internal = is_internal(&entry->said);
    return entry;
}

bool
hub_fits(const struct iii_worker *worker, enum iii_kind kind, struct bytes frame,
    const struct iii_entry *before)
{
    bool own = before != NULL && before->worker == worker;
    size_t bytes = worker->hub->entry_bytes + frame.size;
    return worker->entry_count[kind] - own < III_ENTRIES_MAX
           && bytes - (before != NULL ? before->words.size : 0)
                  <= III_ENTRIES_BYTES_MAX;
}

struct iii_entry *
hub_put(struct iii_worker *worker, enum iii_kind kind, struct bytes frame)
{
    struct hub *hub = worker->hub;
    struct iii_entry *entry = entry_new(worker, kind, frame);
    struct iii_entry *before = hub_find(hub, kind, entry->said.id);
    if (!hub_fits(worker, kind, frame, before)) {
        buffer_free(&entry->words);
        free(entry);
        return NULL;
    }
    if (before != NULL)
        hub_drop(&before);
    worker->entry_count[kind]++;
    hub->entry_bytes += entry->words.size;
    list_append(&worker->entries[kind], &entry->of_worker);
    list_append(&hub->entries[kind], &entry->of_hub);
    map_put(&hub->by_id[kind], entry->said.id, entry);
    return entry;
}

struct iii_entry *
hub_find(const struct hub *hub, enum iii_kind kind, struct bytes id)
{
    return id.size == 0 ? NULL : map_get(&hub->by_id[kind], id);
}

void
hub_drop(struct iii_entry **out)
{
    struct iii_entry *entry = *out;
    struct hub *hub = entry->worker->hub;
    if (entry->unbind != NULL)
        entry->unbind(entry);
    map_remove(&hub->by_id[entry->kind], entry->said.id);
    list_remove(&entry->of_worker);
    list_remove(&entry->of_hub);
    entry->worker->entry_count[entry->kind]--;
    hub->entry_bytes -= entry->words.size;
    buffer_free(&entry->words);
    free(entry);
    *out = NULL;
}

static struct bytes
key_of(const struct iii_call *call)
{
    return bytes_of(call->id, III_UUID_SIZE);
}

static struct iii_call *
call_new(struct bytes id, struct bytes function, enum iii_purpose purpose)
{
    struct iii_call *call = calloc(1, sizeof *call);
    if (call == NULL)
        WRONG("out of memory");
    memcpy(call->id, id.data, III_UUID_SIZE);
    call->purpose = purpose;
    buffer_append_bytes(&call->function, function);
    list_open(&call->doing);
    list_open(&call->asking);
    return call;
}

/* Of one that has too much to do, the oldest call for whose result nobody waits makes
 * place: its function may never end.  False: there is none. */
static bool
make_place(const struct iii_worker *worker)
{
    for (struct list *at = worker->doing.next; at != &worker->doing; at = at->next) {
        struct iii_call *call = LIST_OF(at, struct iii_call, doing);
        if (call->caller != NULL || call->purpose > III_VOID)
            continue;
        hub_call_drop(&call);
        return true;
    }
    return false;
}

static struct hub *
hub_of(const struct iii_call *call)
{
    return call->worker != NULL ? call->worker->hub : call->caller->hub;
}

bool
hub_hangs(const struct iii_call *call)
{
    return call->since_ms + III_CALL_MS <= hub_of(call)->gateway->now_ms;
}

/* Only who waits is told that nobody does any more. */
static bool
makes_room(const struct iii_call *call)
{
    return call->worker != NULL && call->caller != NULL && hub_hangs(call);
}

struct iii_call *
hub_hanging(const struct iii_worker *worker, const struct iii_worker *caller)
{
    const struct list *asking = &caller->asking, *doing = &worker->doing;
    bool asks = caller->asking_count == III_CALLS_MAX;
    bool does = worker->doing_count == III_CALLS_MAX;
    for (struct list *at = asking->next; asks && at != asking; at = at->next)
        if (makes_room(LIST_OF(at, struct iii_call, asking)))
            return LIST_OF(at, struct iii_call, asking);
    for (struct list *at = doing->next; !asks && does && at != doing; at = at->next)
        if (makes_room(LIST_OF(at, struct iii_call, doing)))
            return LIST_OF(at, struct iii_call, doing);
    return NULL;
}

struct iii_call *
hub_call(struct hub *hub, struct bytes id, struct bytes function,
    struct iii_worker *worker, struct iii_worker *caller, enum iii_purpose purpose)
{
    assert(iii_uuid(id));
    if (hub_call_find(hub, id) != NULL
        || (caller != NULL && caller->asking_count == III_CALLS_MAX)
        || (worker != NULL && worker->doing_count == III_CALLS_MAX
            && !make_place(worker)))
        return NULL;
    struct iii_call *call = call_new(id, function, purpose);
    call->since_ms = hub->gateway->now_ms;
    call->worker = worker;
    call->caller = caller;
    if (worker != NULL) {
        list_append(&worker->doing, &call->doing);
        worker->doing_count++;
        worker->job_count += purpose == III_JOB;
    }
    if (caller != NULL) {
        list_append(&caller->asking, &call->asking);
        caller->asking_count++;
    }
    map_put(&hub->calls, key_of(call), call);
    return call;
}

struct iii_call *
hub_call_find(const struct hub *hub, struct bytes id)
{
    return id.size == 0 ? NULL : map_get(&hub->calls, id);
}

void
hub_call_move(struct iii_call *call, struct iii_worker *worker)
{
    bool job = call->purpose == III_JOB;
    list_remove(&call->doing);
    call->worker->doing_count--;
    call->worker->job_count -= job;
    call->worker = worker;
    list_append(&worker->doing, &call->doing);
    worker->doing_count++;
    worker->job_count += job;
}

void
hub_call_drop(struct iii_call **out)
{
    struct iii_call *call = *out;
    struct iii_worker *worker = call->worker;
    struct hub *hub = hub_of(call);
    map_remove(&hub->calls, key_of(call));
    list_remove(&call->doing);
    list_remove(&call->asking);
    if (worker != NULL) {
        worker->doing_count--;
        worker->job_count -= call->purpose == III_JOB;
    }
    if (call->caller != NULL)
        call->caller->asking_count--;
    buffer_free(&call->function);
    buffer_free(&call->answer);
    free(call);
    *out = NULL;
}

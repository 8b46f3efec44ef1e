/* Limits of queues: the lease actor holds to what it is told here.  A dialect may keep
 * settings of its own with a queue; they are bytes to us. */
#include "actors/registry/access.h"
#include "base/put.h"

enum {
    QUEUE_NAME_MAX = 128, /* as in an automation */
    QUEUE_LIMIT_MAX = 1000000,
    QUEUE_SETTINGS_MAX = 4096, /* bytes */
    QUEUES_MAX = 10000,        /* of all projects */
    QUEUES_PER_TURN = 128,
};

static void
answer(struct outbox *out, uint64_t request, struct bytes name,
    const struct queue_entry *queue, bool changed)
{
    struct buffer document = { 0 };
    pack_map(&document, 4);
    put_text(&document, "name", name);
    pack_string(&document, "concurrency");
    if (queue->limit == 0)
        pack_nil(&document);
    else
        pack_u64(&document, queue->limit);
    pack_string(&document, "settings");
    if (queue->settings.size == 0)
        pack_map(&document, 0);
    else
        pack_raw(&document, queue->settings);
    pack_string(&document, "changed");
    pack_bool(&document, changed);
    say_document(out, (struct document){
                          .request = request,
                          .document = arena_copy(out->arena, buffer_bytes(&document)),
                      });
    buffer_free(&document);
}

/* As a step may name it. */
static bool
is_word(struct bytes name)
{
    return name_holds(name, QUEUE_NAME_MAX)
           && memchr(name.data, ' ', name.size) == NULL;
}

static bool
well_formed(const struct queue_set *set)
{
    return is_word(set->queue) && set->limit <= QUEUE_LIMIT_MAX
           && set->settings.size <= QUEUE_SETTINGS_MAX;
}

static bool
too_many(const struct registry_state *state)
{
    return counts_of_all(state).queues >= QUEUES_MAX;
}

/* What leaves must not borrow from the journal: it is committed before. */
void
on_queue_set(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    const struct queue_set *set = &in->queue_set;
    struct queue_entry before, after;
    if (!well_formed(set)) {
        refuse(out, set->request, ERR_INVALID,
            text("a queue needs a name of 1 to 128 bytes, without spaces and control "
                 "characters, and a limit up to 1000000"));
        return;
    }
    struct row_key row = key_of_queue(&out->project, set->queue);
    bool known = entry_read(state->journal, &row, &queue_entry_shape, &before);
    after = before;
    if (!set->keep)
        after.limit = set->limit;
    after.settings = set->settings.size > 0 ? set->settings
                                            : arena_copy(out->arena, before.settings);
    bool changed = !known || after.limit != before.limit
                   || !bytes_equal(after.settings, before.settings);
    if (!known && too_many(state)) {
        refuse(out, set->request, ERR_BUSY, text("10000 queues have been set"));
        return;
    }
    if (changed)
        say_queue_changed(out, (struct queue_changed){
                                   .queue = set->queue,
                                   .limit = after.limit,
                                   .settings = after.settings,
                               });
    say_queue_offered(
        out, (struct queue_offered){ .queue = set->queue, .limit = after.limit });
    answer(out, set->request, set->queue, &after, changed);
}

void
on_queue_get(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    const struct queue_get *get = &in->queue_get;
    struct queue_entry queue;
    if (get->queue.size <= QUEUE_NAME_MAX) {
        struct row_key row = key_of_queue(&out->project, get->queue);
        if (entry_read(state->journal, &row, &queue_entry_shape, &queue)) {
            answer(out, get->request, get->queue, &queue, false);
            return;
        }
    }
    refuse(out, get->request, ERR_NOT_FOUND,
        text("no queue of this name has been set in the project"));
}

void
tell_queues(const struct registry_state *state, struct outbox *out)
{
    struct row_key at = state->queues_at, next;
    uint64_t said = 0;
    while (next_queue(state->journal, &at, &next)) {
        struct queue_entry queue;
        struct bytes name;
        if (said++ == QUEUES_PER_TURN || !outbox_has_room(out, 2))
            return;
        at = next;
        entry_read(state->journal, &at, &queue_entry_shape, &queue);
        out->project = queue_name_read(&at, &name);
        say_queue_offered(
            out, (struct queue_offered){
                     .queue = arena_copy(out->arena, name), .limit = queue.limit });
    }
    out->project = (struct id){ { 0 } };
    say_queues_complete(out, (struct queues_complete){ .count = said });
}

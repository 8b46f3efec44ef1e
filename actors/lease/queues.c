#include "actors/lease/queues.h"

#include "base/wrong.h"

#include <assert.h>
#include <stdlib.h>

enum { BITS = 64, NAME_MAX_BYTES = 256 };

void
queues_open(struct queues *queues, uint32_t partitions)
{
    assert(partitions >= 1 && partitions <= BITS);
    *queues = (struct queues){ .all_told = UINT64_MAX >> (BITS - partitions),
        .few = QUEUES_FEW };
    list_open(&queues->all);
}

static void
queue_free(struct queues *queues, struct queue *queue)
{
    list_remove(&queue->of_table);
    map_remove(&queues->by_key, queue->key);
    free(queue->memory);
    free(queue);
}

void
queues_close(struct queues *queues)
{
    struct list *at;
    while ((at = list_first(&queues->all)) != NULL)
        queue_free(queues, LIST_OF(at, struct queue, of_table));
    map_free(&queues->by_key);
}

/* Project and name behind each other, in room of the caller's. */
static struct bytes
key_in(uint8_t *room, const struct id *project, struct bytes name)
{
    memcpy(room, project->bytes, ID_SIZE);
    if (name.size > 0)
        memcpy(room + ID_SIZE, name.data, name.size);
    return bytes_of(room, ID_SIZE + name.size);
}

/* Those that limit nothing and hold nothing are kept as long as they are few. */
static void
forget_idle(struct queues *queues)
{
    struct list *next;
    for (struct list *at = queues->all.next; at != &queues->all; at = next) {
        struct queue *queue = LIST_OF(at, struct queue, of_table);
        next = at->next;
        if (queue->limit == 0 && list_empty(&queue->jobs) && list_empty(&queue->lanes))
            queue_free(queues, queue);
    }
    size_t twice = queues->by_key.count * 2;
    queues->few = twice < QUEUES_FEW ? QUEUES_FEW : twice;
}

static struct queue *
queue_new(struct queues *queues, const struct id *project, struct bytes name)
{
    struct queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL || (queue->memory = malloc(ID_SIZE + name.size)) == NULL)
        WRONG("out of memory");
    queue->project = *project;
    queue->key = key_in(queue->memory, project, name);
    queue->name = bytes_of(queue->memory + ID_SIZE, name.size);
    list_open(&queue->jobs);
    list_open(&queue->lanes);
    list_append(&queues->all, &queue->of_table);
    map_put(&queues->by_key, queue->key, queue);
    return queue;
}

struct queue *
queues_find(const struct queues *queues, const struct id *project, struct bytes name)
{
    uint8_t room[ID_SIZE + NAME_MAX_BYTES];
    return name.size > NAME_MAX_BYTES
               ? NULL
               : map_get(&queues->by_key, key_in(room, project, name));
}

struct queue *
queues_get(struct queues *queues, const struct id *project, struct bytes name)
{
    struct queue *found = queues_find(queues, project, name);
    assert(name.size <= NAME_MAX_BYTES);
    if (found != NULL)
        return found;
    if (queues->by_key.count >= queues->few)
        forget_idle(queues);
    return queue_new(queues, project, name);
}

bool
queues_counted(const struct queues *queues)
{
    return queues->told == queues->all_told;
}

bool
queue_has_room(const struct queues *queues, const struct queue *queue)
{
    if (!queues->known)
        return false;
    return queue->limit == 0 || (queues_counted(queues) && queue->out < queue->limit);
}

#include "actors/registry/waits.h"

#include "base/wrong.h"

#include <assert.h>
#include <stdlib.h>

void
waits_open(struct waits *waits, size_t max)
{
    waits->all = calloc(max, sizeof *waits->all);
    if (waits->all == NULL)
        WRONG("out of memory");
    list_open(&waits->waiting);
    list_open(&waits->ready);
    list_open(&waits->free);
    for (size_t i = 0; i < max; i++)
        list_append(&waits->free, &waits->all[i].link);
}

void
waits_close(struct waits *waits)
{
    free(waits->all);
    waits->all = NULL;
}

bool
waits_full(const struct waits *waits)
{
    return list_empty(&waits->free);
}

static void
move(struct wait *wait, struct list *to)
{
    list_remove(&wait->link);
    list_append(to, &wait->link);
}

void
waits_add(struct waits *waits, const struct wait *wait)
{
    assert(!waits_full(waits));
    struct list *link = list_first(&waits->free);
    struct wait *place = LIST_OF(link, struct wait, link);
    list_remove(link);
    *place = *wait;
    list_append(&waits->waiting, &place->link);
}

static void
drop_from(
    struct waits *waits, struct list *list, uint32_t gateway, const uint64_t *request)
{
    for (struct list *at = list->next, *next; at != list; at = next) {
        struct wait *wait = LIST_OF(at, struct wait, link);
        next = at->next;
        if (wait->gateway == gateway
            && (request == NULL || wait->request == *request)) {
            move(wait, &waits->free);
            if (request != NULL)
                return;
        }
    }
}

void
waits_drop(struct waits *waits, uint32_t gateway, uint64_t request)
{
    drop_from(waits, &waits->ready, gateway, &request);
    drop_from(waits, &waits->waiting, gateway, &request);
}

void
waits_drop_gateway(struct waits *waits, uint32_t gateway)
{
    drop_from(waits, &waits->ready, gateway, NULL);
    drop_from(waits, &waits->waiting, gateway, NULL);
}

void
waits_arrived(struct waits *waits, const struct version_name *version)
{
    for (struct list *at = waits->waiting.next, *next; at != &waits->waiting;
         at = next) {
        struct wait *wait = LIST_OF(at, struct wait, link);
        next = at->next;
        if (wait->version.version == version->version
            && id_equal(&wait->version.automation, &version->automation)
            && id_equal(&wait->version.project, &version->project))
            move(wait, &waits->ready);
    }
}

static const struct wait *
first_of(const struct list *list)
{
    struct list *first = list_first(list);
    return first == NULL ? NULL : LIST_OF(first, struct wait, link);
}

const struct wait *
waits_ready(const struct waits *waits)
{
    return first_of(&waits->ready);
}

const struct wait *
waits_oldest(const struct waits *waits)
{
    return first_of(&waits->waiting);
}

const struct wait *
waits_next(const struct waits *waits, const struct wait *wait)
{
    struct list *next = wait->link.next;
    return next == &waits->ready || next == &waits->waiting
               ? NULL
               : LIST_OF(next, struct wait, link);
}

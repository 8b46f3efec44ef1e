#include "gateway/watch.h"

#include "base/map.h"
#include "base/wrong.h"

#include <assert.h>
#include <stdlib.h>

struct watches {
    struct map first; /* by run: the newest watch, which knows the others */
    struct list all;
};

struct watches *
watches_new(void)
{
    struct watches *watches = calloc(1, sizeof *watches);
    if (watches == NULL)
        WRONG("out of memory");
    list_open(&watches->all);
    return watches;
}

void
watches_free(struct watches **out)
{
    struct watches *watches = *out;
    if (watches == NULL)
        return;
    map_free(&watches->first);
    free(watches);
    *out = NULL;
}

void
watch_set(struct watches *watches, struct watch *watch)
{
    assert(!watch->set);
    watch->other = map_get(&watches->first, id_bytes(&watch->run));
    map_put(&watches->first, id_bytes(&watch->run), watch);
    list_append(&watches->all, &watch->link);
    watch->set = true;
}

void
watch_clear(struct watches *watches, struct watch *watch)
{
    if (!watch->set)
        return;
    struct watch *at = map_get(&watches->first, id_bytes(&watch->run));
    if (at == watch && watch->other == NULL) {
        map_remove(&watches->first, id_bytes(&watch->run));
    } else if (at == watch) {
        /* The key lies in the watch: it moves to the one that stays. */
        map_put(&watches->first, id_bytes(&watch->other->run), watch->other);
    } else {
        while (at->other != watch)
            at = at->other;
        at->other = watch->other;
    }
    list_remove(&watch->link);
    watch->set = false;
}

void
watches_hear(struct watches *watches, const struct run_changed *hint)
{
    struct watch *next;
    for (struct watch *at = map_get(&watches->first, id_bytes(&hint->run)); at != NULL;
         at = next) {
        next = at->other;
        at->changed(at, hint);
    }
}

bool
watches_empty(const struct watches *watches)
{
    return list_empty(&watches->all);
}

void
watches_leave(struct watches *watches)
{
    struct list *next;
    for (struct list *at = watches->all.next; at != &watches->all; at = next) {
        next = at->next;
        struct watch *watch = LIST_OF(at, struct watch, link);
        watch->leaving(watch);
    }
}

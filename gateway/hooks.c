#include "gateway/hooks.h"

#include "base/wrong.h"

#include <stdlib.h>

struct hook {
    struct list link;
    struct id project;
    size_t size;
    uint8_t handle[];
};

static struct bytes
handle_of(const struct hook *hook)
{
    return bytes_of(hook->handle, hook->size);
}

void
hooks_open(struct hooks *hooks)
{
    list_open(&hooks->all);
}

static void
forget(struct hooks *hooks, struct hook *hook)
{
    list_remove(&hook->link);
    map_remove(&hooks->by_handle, handle_of(hook));
    free(hook);
}

void
hooks_close(struct hooks *hooks)
{
    struct list *at;
    while ((at = list_first(&hooks->all)) != NULL)
        forget(hooks, LIST_OF(at, struct hook, link));
    map_free(&hooks->by_handle);
}

struct id
hooks_project(const struct hooks *hooks, struct bytes handle)
{
    const struct hook *hook = map_get(&hooks->by_handle, handle);
    return hook == NULL ? (struct id){ { 0 } } : hook->project;
}

static struct hook *
hook_new(struct bytes handle, const struct id *project)
{
    struct hook *hook = malloc(sizeof *hook + handle.size);
    if (hook == NULL)
        WRONG("out of memory");
    hook->project = *project;
    hook->size = handle.size;
    memcpy(hook->handle, handle.data, handle.size);
    return hook;
}

void
hooks_learn(struct hooks *hooks, struct bytes handle, const struct id *project)
{
    struct hook *hook = map_get(&hooks->by_handle, handle);
    if (hook != NULL) {
        hook->project = *project;
        return;
    }
    struct list *first = list_first(&hooks->all);
    if (hooks->by_handle.count == HOOKS_MAX && first != NULL)
        forget(hooks, LIST_OF(first, struct hook, link));
    hook = hook_new(handle, project);
    list_append(&hooks->all, &hook->link);
    map_put(&hooks->by_handle, handle_of(hook), hook);
}

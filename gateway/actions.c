#include "gateway/actions.h"

#include "base/list.h"
#include "base/pack.h"
#include "base/put.h"
#include "base/wrong.h"

#include <stdio.h>
#include <stdlib.h>

#define DOES "http.request"

enum { NAME_SIZE = 128 };

struct own {
    struct list link;
    struct id project, id;
    uint8_t name[NAME_SIZE];
    size_t name_size;
    struct buffer url, sealed; /* sealed: the key, as signing.h has it */
    uint32_t version;
};

struct actions {
    struct list all;
};

struct actions *
actions_new(void)
{
    struct actions *actions = calloc(1, sizeof *actions);
    if (actions == NULL)
        WRONG("out of memory");
    list_open(&actions->all);
    return actions;
}

static struct own *
own_new(const struct id *project, struct bytes name)
{
    struct own *own = calloc(1, sizeof *own);
    if (own == NULL)
        WRONG("out of memory");
    own->project = *project;
    own->name_size = name.size;
    memcpy(own->name, name.data, name.size);
    return own;
}

static void
forget(struct own *own)
{
    list_remove(&own->link);
    buffer_free(&own->url);
    buffer_free(&own->sealed);
    free(own);
}

void
actions_free(struct actions **actions)
{
    struct list *at;
    if (*actions == NULL)
        return;
    while ((at = list_first(&(*actions)->all)) != NULL)
        forget(LIST_OF(at, struct own, link));
    free(*actions);
    *actions = NULL;
}

static struct own *
find(const struct actions *actions, const struct id *project, struct bytes name)
{
    const struct list *all = &actions->all;
    for (struct list *at = all->next; at != all; at = at->next) {
        struct own *own = LIST_OF(at, struct own, link);
        if (id_equal(&own->project, project)
            && bytes_equal(bytes_of(own->name, own->name_size), name))
            return own;
    }
    return NULL;
}

bool
actions_learn(struct actions *actions, const struct id *project,
    const struct action_offered *offered)
{
    struct own *own = find(actions, project, offered->name);
    bool known = own != NULL;
    if (offered->url.size == 0 || offered->name.size > NAME_SIZE) {
        if (known)
            forget(own);
        return known;
    }
    if (!known) {
        own = own_new(project, offered->name);
        list_append(&actions->all, &own->link);
    }
    own->id = offered->action;
    own->version = offered->version;
    buffer_set(&own->url, offered->url);
    buffer_set(&own->sealed, offered->secret);
    return !known;
}

bool
actions_do(struct bytes said)
{
    struct cursor in = cursor_over(said);
    size_t count = said.size == 0 ? 0 : cursor_array(&in);
    for (size_t i = 0; i < count && !in.bad; i++)
        if (bytes_equal(cursor_text(&in), text(DOES)))
            return true;
    return false;
}

struct bytes
actions_done(const struct actions *actions, const struct id *project, struct bytes said,
    struct buffer *out)
{
    const struct list *all = &actions->all;
    size_t more = 0;
    if (!actions_do(said))
        return said;
    for (struct list *at = all->next; at != all; at = at->next)
        more += id_equal(&LIST_OF(at, struct own, link)->project, project);
    struct cursor in = cursor_over(said);
    buffer_clear(out);
    pack_array(out, cursor_array(&in) + more);
    buffer_append(out, in.at, (size_t)(in.end - in.at));
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct own *own = LIST_OF(at, struct own, link);
        if (id_equal(&own->project, project))
            pack_text(out, bytes_of(own->name, own->name_size));
    }
    return buffer_bytes(out);
}

static void
put_body(struct buffer *out, const struct job_granted *granted)
{
    char run[ID_TEXT_MAX];
    pack_string(out, "body");
    pack_map(out, 3);
    put_text(out, "run_id", text(id_print(&granted->run, "run_", run)));
    put_text(out, "step_key", granted->key);
    pack_string(out, "parameters");
    if (granted->parameters.size > 0)
        pack_raw(out, granted->parameters);
    else
        pack_map(out, 0);
}

static void
put_sign(struct buffer *out, const struct own *own)
{
    char id[ID_TEXT_MAX], version[16];
    snprintf(version, sizeof version, "%u", own->version);
    pack_string(out, "sign");
    pack_map(out, 3);
    put_text(out, "secret", text(id_print(&own->id, "act_", id)));
    put_text(out, "secret_version", text(version));
    put_text(out, "sealed_key", buffer_bytes(&own->sealed));
}

struct job_granted
actions_translate(const struct actions *actions, const struct id *project,
    struct bytes said, const struct job_granted *granted, struct buffer *out)
{
    struct job_granted same = *granted;
    const struct own *own = find(actions, project, granted->action);
    if (own == NULL || !actions_do(said))
        return same;
    buffer_clear(out);
    pack_map(out, 5);
    put_text(out, "url", buffer_bytes(&own->url));
    put_text(out, "method", text("POST"));
    put_text(out, "output", text("body"));
    put_body(out, granted);
    put_sign(out, own);
    same.action = text(DOES);
    same.parameters = buffer_bytes(out);
    return same;
}

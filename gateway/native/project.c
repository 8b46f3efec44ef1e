/* The project: what it is called, and its end, which can be taken back. */
#include "gateway/native/body.h"
#include "gateway/native/native.h"
#include "gateway/said.h"

void
native_project_get(struct request *r)
{
    request_ask(r, request_message(r, PROJECT_GET, ACTOR_registry), request_show);
}

void
native_project_change(struct request *r)
{
    static const char *const names[] = { "name", "description", "reference", "tags",
        NULL };
    struct message *m = request_message(r, PROJECT_SET, ACTOR_registry);
    struct project_set *set = &m->project_set;
    struct bytes body;
    if (request_json(r, &body) && body_only(r, body, names)
        && body_value(r, body, "name", &set->name)
        && body_value(r, body, "description", &set->description)
        && body_value(r, body, "reference", &set->reference)
        && body_map(r, body, "tags", &set->tags))
        request_ask(r, m, request_show);
}

/* ---- its end ---- */

struct closing {
    native_done *done;
};

static void
got_open_runs(struct request *r, const struct message *answer)
{
    const struct closing *closing = r->own;
    size_t count = 0;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct cursor runs = said_items(answer->document.document, "items", &count);
    if (count > 0) {
        struct bytes id = said_text(cursor_skip(&runs), "id");
        request_refuse(r, ERR_CONFLICT,
            "%.*s is open: let runs end, or cancel them, first", (int)id.size,
            (const char *)id.data);
        return;
    }
    struct message *m = request_message(r, PROJECT_SET, ACTOR_registry);
    m->project_set.status = PROJECT_DELETED;
    request_ask(r, m, closing->done);
}

void
native_project_end(struct request *r, native_done *done)
{
    struct message *m = request_message(r, RUN_LIST, ACTOR_view);
    struct closing *closing = arena_take(&r->arena, sizeof *closing);
    closing->done = done;
    r->own = closing;
    m->run_list.status = text("open");
    m->run_list.limit = 1;
    request_ask(r, m, got_open_runs);
}

void
native_project_delete(struct request *r)
{
    native_project_end(r, request_show);
}

static void
restored(struct request *r, const struct message *answer)
{
    if (answer->code == DOCUMENT)
        request_document(r, 200, answer->document.document);
    else
        request_show(r, answer);
}

void
native_project_restore(struct request *r)
{
    struct message *m = request_message(r, PROJECT_SET, ACTOR_registry);
    m->project_set.status = PROJECT_ACTIVE;
    if (body_empty(r))
        request_ask(r, m, restored);
}

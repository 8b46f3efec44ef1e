/* Questions whose answer is shown as the actor gives it. */
#include "base/clock.h"
#include "gateway/native/native.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000, CURSOR_MAX = 400, NAME_MAX_BYTES = 200 };

static void
ask(struct request *r, struct message *m)
{
    request_ask(r, m, request_show);
}

bool
native_query(struct request *r, const char *query, size_t max, struct bytes *value)
{
    *value = target_query(&r->target, query);
    if (value->size <= max)
        return true;
    request_refuse(r, ERR_MALFORMED, "%s is above %zu bytes", query, max);
    return false;
}

bool
native_filter(struct request *r, const char *query, size_t max, struct bytes *value)
{
    if (!native_query(r, query, max, value))
        return false;
    if (value->data == NULL || value->size > 0)
        return true;
    request_refuse(r, ERR_MALFORMED, "%s is empty: leave it out to see all", query);
    return false;
}

bool
native_page(struct request *r, uint32_t *limit, struct bytes *cursor)
{
    uint64_t number;
    if (!request_number(r, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &number))
        return false;
    *limit = (uint32_t)number;
    return native_query(r, "cursor", CURSOR_MAX, cursor);
}

static bool
status_known(struct bytes status)
{
    return status.size == 0 || bytes_equal(status, text("open"))
           || run_status_read(status) != 0;
}

void
native_run_list(struct request *r)
{
    struct message *m = request_message(r, RUN_LIST, ACTOR_view);
    struct run_list *list = &m->run_list;
    if (!native_page(r, &list->limit, &list->cursor)
        || !native_filter(r, "automation", NAME_MAX_BYTES, &list->automation)
        || !native_filter(r, "status", NAME_MAX_BYTES, &list->status))
        return;
    if (!status_known(list->status))
        request_refuse(r, ERR_MALFORMED,
            "status must be queued, running, suspended, completed, failed, cancelled "
            "or open");
    else
        ask(r, m);
}

void
native_run_get(struct request *r)
{
    struct message *m = request_message(r, RUN_GET, ACTOR_view);
    if (request_id(r, "run_", &m->run_get.run))
        ask(r, m);
}

/* The sequence after which a list or a stream begins. */
bool
native_after(struct request *r, uint64_t *after)
{
    struct bytes last = r->headers[HEADER_LAST_EVENT_ID];
    if (!request_number(r, "after", 0, INT64_MAX, 0, after))
        return false;
    if (last.size == 0 || target_number(last, after))
        return true;
    request_refuse(r, ERR_MALFORMED, "Last-Event-ID is not a sequence");
    return false;
}

bool
native_wants_stream(const struct request *r)
{
    static const char type[] = "text/event-stream";
    struct bytes accept = r->headers[HEADER_ACCEPT];
    return accept.size > 0
           && memmem(accept.data, accept.size, type, sizeof type - 1) != NULL;
}

void
native_event_list(struct request *r)
{
    struct message *m = request_message(r, EVENT_LIST, ACTOR_view);
    struct event_list *list = &m->event_list;
    struct bytes cursor;
    if (!request_id(r, "run_", &list->run) || !native_after(r, &list->after)
        || !native_page(r, &list->limit, &cursor))
        return;
    struct follow_subject subject = { list->run, m, &list->after, "sequence",
        "event_type", NULL };
    if (native_wants_stream(r))
        native_follow(r, &subject);
    else
        ask(r, m);
}

void
native_log_list(struct request *r)
{
    struct message *m = request_message(r, LOG_LIST, ACTOR_view);
    struct log_list *list = &m->log_list;
    struct bytes cursor;
    if (request_id(r, "run_", &list->run) && native_after(r, &list->after)
        && native_page(r, &list->limit, &cursor))
        ask(r, m);
}

void
native_run_export(struct request *r)
{
    struct message *m = request_message(r, RUN_EXPORT, ACTOR_view);
    uint64_t part;
    if (!request_id(r, "run_", &m->run_export.run)
        || !request_number(r, "after", 0, INT64_MAX, 0, &m->run_export.after)
        || !request_number(r, "part", 0, UINT32_MAX, 0, &part))
        return;
    m->run_export.part = (uint32_t)part;
    ask(r, m);
}

void
native_worker_list(struct request *r)
{
    ask(r, request_message(r, WORKER_LIST, ACTOR_lease));
}

void
native_key_list(struct request *r)
{
    ask(r, request_message(r, KEY_LIST, ACTOR_registry));
}

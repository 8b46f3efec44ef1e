#include "gateway/iii/discovery.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "base/put.h"
#include "gateway/iii/functions.h"
#include "gateway/iii/invoke.h"
#include "gateway/iii/trigger.h"
#include "gateway/said.h"

#include <stdlib.h>

/* Python's client takes no frame above 1 MiB. */
enum { ROWS_BYTES = 700 * 1024 };

enum { SUMMARY_MAX = 80, SEVERAL_MAX = 32, WORKERS_MAX = 256 };

/* Rows under way: an array whose length is known when they end. */
struct rows {
    struct buffer out;
    size_t count;
    bool full; /* there were more */
};

static bool
has_room(struct rows *rows)
{
    rows->full |= rows->out.size >= ROWS_BYTES;
    rows->count += !rows->full;
    return !rows->full;
}

static void
put_rows(struct buffer *out, const char *name, struct rows *rows)
{
    pack_string(out, name);
    pack_array(out, rows->count);
    buffer_append_bytes(out, buffer_bytes(&rows->out));
    buffer_free(&rows->out);
}

/* A part of what was asked; nothing if it is not there, or not of that type. */
static struct bytes
asked_value(const struct iii_frame *asked, const char *name, enum pack_type type)
{
    struct bytes value = pack_find(asked->data, name);
    struct cursor c = cursor_over(value);
    return value.size > 0 && cursor_type(&c) == type ? value : (struct bytes){ 0 };
}

static struct bytes
asked_text(const struct iii_frame *asked, const char *name)
{
    return said_text(asked->data, name);
}

/* Which rows are asked for: read once, not for each row. */
struct wish {
    struct bytes search, prefix, worker, type, function;
    struct bytes workers; /* msgpack array of texts, or nothing */
};

static struct wish
wish_of(const struct iii_frame *asked)
{
    return (struct wish){
        .search = asked_text(asked, "search"),
        .prefix = asked_text(asked, "prefix"),
        .worker = asked_text(asked, "worker"),
        .type = asked_text(asked, "trigger_type"),
        .function = asked_text(asked, "function_id"),
        .workers = asked_value(asked, "workers", PACK_ARRAY),
    };
}

/* False: it was refused. */
static bool
read_wish(
    const struct iii_worker *caller, const struct iii_frame *asked, struct wish *wish)
{
    *wish = wish_of(asked);
    struct cursor c = cursor_over(wish->workers);
    if (wish->workers.size == 0 || cursor_array(&c) <= WORKERS_MAX)
        return true;
    iii_refuse(caller, asked, "INVALID_ARGUMENTS",
        text("workers must be a list of at most 256 texts"));
    return false;
}

static bool
asked_flag(const struct iii_frame *asked, const char *name)
{
    struct bytes value = asked_value(asked, name, PACK_BOOL);
    struct cursor c = cursor_over(value);
    return value.size > 0 && cursor_bool(&c);
}

static bool
contains(struct bytes in, struct bytes part)
{
    return part.size == 0
           || (in.size > 0 && memmem(in.data, in.size, part.data, part.size) != NULL);
}

/* The worker's name, or one of `workers`; all if neither was asked for. */
static bool
of_worker(const struct wish *wish, struct bytes name)
{
    struct cursor c = cursor_over(wish->workers);
    size_t count = wish->workers.size == 0 ? 0 : cursor_array(&c);
    if (wish->worker.size == 0 && wish->workers.size == 0)
        return true;
    if (wish->worker.size > 0 && bytes_equal(wish->worker, name))
        return true;
    for (size_t i = 0; i < count && !c.bad; i++)
        if (bytes_equal(cursor_text(&c), name))
            return true;
    return false;
}

static bool
fits(const struct wish *wish, struct bytes id, struct bytes about, struct bytes worker)
{
    return bytes_begin(id, wish->prefix) && of_worker(wish, worker)
           && (contains(id, wish->search) || contains(about, wish->search));
}

static bool
there(const struct iii_worker *worker)
{
    return worker->socket != NULL && worker->since_ms != 0;
}

static const char *
status_of(const struct iii_worker *worker)
{
    if (worker->doing_count > 0)
        return "busy";
    return worker->entry_count[III_FUNCTION] > 0 ? "available" : "connected";
}

static struct bytes
about_value(const struct iii_worker *worker, const char *name)
{
    return pack_find(buffer_bytes(&worker->about), name);
}

static void
put_function_ids(struct buffer *out, const struct iii_worker *worker)
{
    const struct list *all = &worker->entries[III_FUNCTION];
    pack_string(out, "functions");
    pack_array(out, worker->entry_count[III_FUNCTION]);
    for (struct list *at = all->next; at != all; at = at->next)
        pack_text(out, LIST_OF(at, struct iii_entry, of_worker)->said.id);
}

static void
pack_worker(struct buffer *out, const struct iii_worker *worker)
{
    pack_map(out, 17);
    put_text(out, "id", text(worker->id));
    put_text_or_nil(out, "name", worker->name);
    put_text_or_nil(out, "description", hub_about(worker, "description"));
    put_text(out, "namespace", text("default"));
    put_text_or_nil(out, "runtime", hub_about(worker, "runtime"));
    put_text_or_nil(out, "version", hub_about(worker, "version"));
    put_text_or_nil(out, "os", hub_about(worker, "os"));
    put_raw(out, "pid", about_value(worker, "pid"));
    put_raw(out, "isolation", about_value(worker, "isolation"));
    put_text(out, "status", text(status_of(worker)));
    put_text_or_nil(out, "ip_address", (struct bytes){ 0 });
    pack_string(out, "internal");
    pack_bool(out, false);
    put_number(out, "connected_at_ms", worker->since_ms);
    put_number(out, "function_count", worker->entry_count[III_FUNCTION]);
    put_function_ids(out, worker);
    put_number(out, "active_invocations", worker->doing_count);
    put_raw(out, "latest_metrics", (struct bytes){ 0 });
}

/* Which workers are asked for. */
struct worker_wish {
    struct bytes id, runtime, status, search;
};

static bool
worker_fits(const struct iii_worker *worker, const struct worker_wish *wish)
{
    struct bytes id = wish->id, runtime = wish->runtime, status = wish->status;
    return there(worker) && (id.size == 0 || bytes_equal(id, text(worker->id)))
           && (runtime.size == 0 || bytes_equal(runtime, hub_about(worker, "runtime")))
           && (status.size == 0 || bytes_equal(status, text(status_of(worker))))
           && contains(worker->name, wish->search);
}

/* By name, and those of one name by id. */
static int
compare_workers(const void *a, const void *b)
{
    const struct iii_worker *const *x = a, *const *y = b;
    int order = bytes_order((*x)->name, (*y)->name);
    return order != 0 ? order : strcmp((*x)->id, (*y)->id);
}

void
discover_workers(struct iii_worker *caller, const struct iii_frame *asked)
{
    const struct list *all = &caller->hub->workers;
    struct buffer fit = { 0 }, out = { 0 };
    struct rows rows = { .count = 0 };
    const struct worker_wish wish = {
        .id = asked_text(asked, "worker_id"),
        .runtime = asked_text(asked, "runtime"),
        .status = asked_text(asked, "status"),
        .search = asked_text(asked, "search"),
    };
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct iii_worker *worker = LIST_OF(at, struct iii_worker, link);
        if (worker_fits(worker, &wish))
            buffer_append(&fit, &worker, sizeof worker);
    }
    const struct iii_worker **workers = (const struct iii_worker **)(void *)fit.data;
    size_t count = fit.size / sizeof *workers;
    if (count > 0)
        qsort(workers, count, sizeof *workers, compare_workers);
    for (size_t i = 0; i < count && has_room(&rows); i++)
        pack_worker(&rows.out, workers[i]);
    buffer_free(&fit);
    pack_map(&out, 2);
    put_rows(&out, "workers", &rows);
    put_number(&out, "timestamp", clock_unix_ms());
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}

static void
pack_function(struct buffer *out, const struct iii_entry *entry)
{
    const struct iii_frame *said = &entry->said;
    pack_map(out, 9);
    put_text_or_nil(out, "function_id", said->id);
    put_text(out, "namespace", text("default"));
    put_text_or_nil(out, "worker_name", entry->worker->name);
    put_text_or_nil(out, "description", said->description);
    put_raw(out, "metadata", said->metadata);
    put_raw(out, "request_format", said->request_format);
    put_raw(out, "response_format", said->response_format);
    put_raw(out, "request_schema", said->request_format);
    put_raw(out, "response_schema", said->response_format);
}

static void
pack_own_function(struct buffer *out, const struct iii_function *own)
{
    pack_map(out, 4);
    put_text(out, "function_id", text(own->id));
    put_text(out, "namespace", text("default"));
    put_text(out, "worker_name", text("capstan"));
    put_text(out, "description", text(own->about));
}

static struct rows
function_rows(const struct hub *hub, const struct wish *wish, bool hidden)
{
    const struct list *all = &hub->entries[III_FUNCTION];
    struct rows rows = { .count = 0 };
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct iii_entry *entry = LIST_OF(at, struct iii_entry, of_hub);
        if ((hidden || !entry->internal)
            && fits(wish, entry->said.id, entry->said.description, entry->worker->name)
            && has_room(&rows))
            pack_function(&rows.out, entry);
    }
    const struct iii_function *own;
    for (size_t i = 0; hidden && (own = iii_function_at(i)) != NULL; i++)
        if (fits(wish, text(own->id), text(own->about), text("capstan"))
            && has_room(&rows))
            pack_own_function(&rows.out, own);
    return rows;
}

void
discover_functions(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct buffer out = { 0 };
    struct wish wish;
    if (!read_wish(caller, asked, &wish))
        return;
    struct rows rows =
        function_rows(caller->hub, &wish, asked_flag(asked, "include_internal"));
    pack_map(&out, 1u + rows.full);
    put_rows(&out, "functions", &rows);
    if (rows.full) {
        pack_string(&out, "truncated");
        pack_bool(&out, true);
    }
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}

void
discovery_functions(const struct hub *hub, struct buffer *out)
{
    static const struct wish all;
    struct rows rows = function_rows(hub, &all, false);
    pack_map(out, 2u + rows.full);
    put_text(out, "event", text("functions_changed"));
    put_rows(out, "functions", &rows);
    if (rows.full) {
        pack_string(out, "truncated");
        pack_bool(out, true);
    }
}

/* The begin of it, as JSON. */
static struct bytes
summary_of(struct bytes config, struct buffer *out)
{
    if (msgpack_to_json(config, out) != ERR_NONE)
        return (struct bytes){ 0 };
    struct bytes shown = buffer_bytes(out);
    if (shown.size > SUMMARY_MAX)
        shown.size = SUMMARY_MAX;
    while (!utf8_valid(shown))
        shown.size--;
    return shown;
}

/* `more` members follow. */
static void
pack_trigger(struct buffer *out, const struct iii_entry *entry, size_t more)
{
    const struct iii_frame *said = &entry->said;
    struct bytes config = pack_or_map(said->config);
    struct buffer summary = { 0 };
    pack_map(out, 7 + more);
    put_text_or_nil(out, "id", said->id);
    put_text_or_nil(out, "trigger_type", said->trigger_type);
    put_text_or_nil(out, "function_id", said->function_id);
    put_text_or_nil(out, "worker_name", entry->worker->name);
    put_raw(out, "config", config);
    put_text_or_nil(out, "config_summary", summary_of(config, &summary));
    put_raw(out, "metadata", said->metadata);
    buffer_free(&summary);
}

static struct rows
trigger_rows(const struct hub *hub, const struct wish *wish)
{
    const struct list *all = &hub->entries[III_TRIGGER];
    struct rows rows = { .count = 0 };
    struct bytes type = wish->type, function = wish->function;
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct iii_entry *entry = LIST_OF(at, struct iii_entry, of_hub);
        const struct iii_frame *said = &entry->said;
        if ((type.size == 0 || bytes_equal(type, said->trigger_type))
            && (function.size == 0 || bytes_equal(function, said->function_id))
            && fits(wish, said->id, said->function_id, entry->worker->name)
            && has_room(&rows))
            pack_trigger(&rows.out, entry, 0);
    }
    return rows;
}

static void
answer_rows(const struct iii_worker *caller, const struct iii_frame *asked,
    const char *name, struct rows *rows)
{
    struct buffer out = { 0 };
    pack_map(&out, 1);
    put_rows(&out, name, rows);
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}

void
discover_registered(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct wish wish;
    if (!read_wish(caller, asked, &wish))
        return;
    struct rows rows = trigger_rows(caller->hub, &wish);
    answer_rows(caller, asked, "registered_triggers", &rows);
}

static struct rows
type_rows(const struct hub *hub, const struct wish *wish)
{
    const struct list *all = &hub->entries[III_TYPE];
    const struct iii_own_type *own;
    struct rows rows = { .count = 0 };
    for (size_t i = 0; (own = trigger_own_type(i)) != NULL; i++) {
        if (!fits(wish, text(own->id), text(own->about), text("capstan"))
            || !has_room(&rows))
            continue;
        pack_map(&rows.out, 4);
        put_text(&rows.out, "id", text(own->id));
        put_text(&rows.out, "namespace", text("default"));
        put_text(&rows.out, "worker_name", text("capstan"));
        put_text(&rows.out, "description", text(own->about));
    }
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct iii_entry *entry = LIST_OF(at, struct iii_entry, of_hub);
        const struct iii_frame *said = &entry->said;
        struct bytes name = entry->worker->name;
        if (!fits(wish, said->id, said->description, name) || !has_room(&rows))
            continue;
        pack_map(&rows.out, 6);
        put_text_or_nil(&rows.out, "id", said->id);
        put_text(&rows.out, "namespace", text("default"));
        put_text_or_nil(&rows.out, "worker_name", name);
        put_text_or_nil(&rows.out, "description", said->description);
        put_raw(&rows.out, "trigger_request_format", said->trigger_request_format);
        put_raw(&rows.out, "call_request_format", said->call_request_format);
    }
    return rows;
}

void
discover_types(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct wish wish;
    if (!read_wish(caller, asked, &wish))
        return;
    struct rows rows = type_rows(caller->hub, &wish);
    answer_rows(caller, asked, "trigger_types", &rows);
}

/* Before 0.13 this name meant the triggers, since then it means their types. */
static bool
is_old(const struct iii_worker *worker)
{
    struct bytes version = hub_about(worker, "version");
    unsigned minor = 0;
    size_t i = 2;
    if (!bytes_begin(version, text("0.")))
        return false;
    for (; i < version.size && version.data[i] >= '0' && version.data[i] <= '9'; i++)
        minor = minor < 1000 ? minor * 10 + (unsigned)(version.data[i] - '0') : minor;
    return i > 2 && minor < 13;
}

void
discover_triggers(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct wish wish;
    if (!read_wish(caller, asked, &wish))
        return;
    wish.function = (struct bytes){ 0 };
    struct rows rows = is_old(caller) ? trigger_rows(caller->hub, &wish)
                                      : type_rows(caller->hub, &wish);
    answer_rows(caller, asked, "triggers", &rows);
}

/* A function with its triggers, in full.  False: there is none of this id. */
static bool
pack_whole_function(struct buffer *out, const struct hub *hub, struct bytes id)
{
    const struct wish its = { .function = id };
    const struct iii_entry *entry = hub_find(hub, III_FUNCTION, id);
    const struct iii_function *own = iii_function(id);
    if (entry == NULL && own == NULL)
        return false;
    struct iii_frame none = { .id = id };
    const struct iii_frame *said = entry != NULL ? &entry->said : &none;
    struct rows rows = trigger_rows(hub, &its);
    pack_map(out, 8);
    put_text_or_nil(out, "function_id", said->id);
    put_text(out, "namespace", text("default"));
    put_text_or_nil(
        out, "worker_name", entry != NULL ? entry->worker->name : text("capstan"));
    put_text_or_nil(
        out, "description", entry != NULL ? said->description : text(own->about));
    put_raw(out, "metadata", said->metadata);
    put_raw(out, "request_schema", said->request_format);
    put_raw(out, "response_schema", said->response_format);
    put_rows(out, "registered_triggers", &rows);
    return true;
}

static void
discover_several_functions(
    struct iii_worker *caller, const struct iii_frame *asked, struct bytes ids)
{
    struct buffer out = { 0 };
    struct rows rows = { .count = 0 };
    struct cursor c = cursor_over(ids);
    size_t count = cursor_array(&c);
    for (size_t i = 0; i < count && !c.bad && count <= SEVERAL_MAX; i++) {
        struct bytes id = cursor_text(&c);
        if (!has_room(&rows) || pack_whole_function(&rows.out, caller->hub, id))
            continue;
        pack_map(&rows.out, 2);
        put_text_or_nil(&rows.out, "function_id", id);
        put_text(&rows.out, "error", text("not_found"));
    }
    pack_map(&out, 1);
    put_rows(&out, "functions", &rows);
    if (c.bad || count > SEVERAL_MAX)
        iii_refuse(caller, asked, "INVALID_ARGUMENTS",
            text("function_ids must be a list of at most 32 texts"));
    else
        iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}

void
discover_function(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct bytes id = asked_text(asked, "function_id");
    struct bytes several = asked_value(asked, "function_ids", PACK_ARRAY);
    struct buffer out = { 0 };
    if (several.size > 0) {
        discover_several_functions(caller, asked, several);
        return;
    }
    if (pack_whole_function(&out, caller->hub, id))
        iii_answer(caller, asked, buffer_bytes(&out));
    else
        iii_refuse(caller, asked, id.size == 0 ? "INVALID_ARGUMENTS" : "NOT_FOUND",
            id.size == 0 ? text("function_id must name a function")
                         : text("there is no such function"));
    buffer_free(&out);
}

static uint64_t
trigger_count(const struct hub *hub, struct bytes type)
{
    const struct list *all = &hub->entries[III_TRIGGER];
    uint64_t count = 0;
    for (struct list *at = all->next; at != all; at = at->next)
        count +=
            bytes_equal(LIST_OF(at, struct iii_entry, of_hub)->said.trigger_type, type);
    return count;
}

/* A trigger type in full.  False: there is none of this id. */
static bool
pack_whole_type(struct buffer *out, const struct hub *hub, struct bytes id)
{
    const struct iii_entry *entry = hub_find(hub, III_TYPE, id);
    const struct iii_own_type *own = trigger_own_type_named(id);
    struct iii_frame none = { .id = id };
    if (entry == NULL && own == NULL)
        return false;
    const struct iii_frame *said = own != NULL ? &none : &entry->said;
    pack_map(out, 8);
    put_text_or_nil(out, "id", id);
    put_text(out, "namespace", text("default"));
    put_text_or_nil(
        out, "worker_name", own != NULL ? text("capstan") : entry->worker->name);
    put_text_or_nil(
        out, "description", own != NULL ? text(own->about) : said->description);
    put_raw(out, "configuration_schema", said->trigger_request_format);
    put_raw(out, "request_schema", said->call_request_format);
    put_raw(out, "response_schema", (struct bytes){ 0 });
    put_number(out, "instance_count", trigger_count(hub, id));
    return true;
}

void
discover_type(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct bytes id = asked_text(asked, "id");
    struct buffer out = { 0 };
    if (pack_whole_type(&out, caller->hub, id))
        iii_answer(caller, asked, buffer_bytes(&out));
    else
        iii_refuse(caller, asked, id.size == 0 ? "INVALID_ARGUMENTS" : "NOT_FOUND",
            id.size == 0 ? text("id must name a trigger type")
                         : text("there is no such trigger type"));
    buffer_free(&out);
}

void
discover_trigger(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct bytes id = asked_text(asked, "id");
    const struct hub *hub = caller->hub;
    const struct iii_entry *entry = hub_find(hub, III_TRIGGER, id);
    struct buffer out = { 0 };
    if (entry == NULL) {
        iii_refuse(caller, asked, id.size == 0 ? "INVALID_ARGUMENTS" : "NOT_FOUND",
            id.size == 0 ? text("id must name a trigger")
                         : text("there is no such trigger"));
        return;
    }
    pack_trigger(&out, entry, 2);
    pack_string(&out, "trigger");
    if (!pack_whole_type(&out, hub, entry->said.trigger_type))
        pack_nil(&out);
    pack_string(&out, "function");
    if (!pack_whole_function(&out, hub, entry->said.function_id))
        pack_nil(&out);
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}

void
discover_health(struct iii_worker *caller, const struct iii_frame *asked)
{
    const struct gateway *g = caller->hub->gateway;
    const char *missing = gateway_waits_for(g);
    struct buffer out = { 0 };
    pack_map(&out, 4);
    put_text(&out, "status", text(missing == NULL ? "healthy" : "degraded"));
    pack_string(&out, "components");
    pack_map(&out, 2);
    put_number(&out, "functions", caller->hub->by_id[III_FUNCTION].count);
    put_text_or_nil(&out, "waits_for", text(missing == NULL ? "" : missing));
    put_number(&out, "timestamp", clock_unix_ms());
    put_text(&out, "version", text(PACKAGE_VERSION));
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}

static const struct iii_worker *
worker_named(const struct hub *hub, struct bytes name)
{
    for (struct list *at = hub->workers.next; at != &hub->workers; at = at->next) {
        const struct iii_worker *worker = LIST_OF(at, struct iii_worker, link);
        if (there(worker) && bytes_equal(worker->name, name))
            return worker;
    }
    return NULL;
}

void
discover_worker(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct bytes name = asked_text(asked, "name");
    const struct iii_worker *worker = worker_named(caller->hub, name);
    if (name.size == 0 || worker == NULL) {
        iii_refuse(caller, asked, name.size == 0 ? "INVALID_ARGUMENTS" : "NOT_FOUND",
            name.size == 0 ? text("name must name a worker")
                           : text("there is no such worker"));
        return;
    }
    /* What it registered: rows that name it. */
    struct buffer out = { 0 };
    const struct wish its = { .worker = name };
    struct rows functions = function_rows(caller->hub, &its, false);
    struct rows types = type_rows(caller->hub, &its);
    struct rows triggers = trigger_rows(caller->hub, &its);
    pack_map(&out, 4);
    pack_string(&out, "worker");
    pack_worker(&out, worker);
    put_rows(&out, "functions", &functions);
    put_rows(&out, "trigger_types", &types);
    put_rows(&out, "registered_triggers", &triggers);
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}

#include "gateway/iii/records.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/put.h"
#include "base/quoted.h"
#include "base/wrong.h"
#include "gateway/iii/invoke.h"
#include "gateway/said.h"

#include <stdlib.h>

enum {
    RECORDS_MAX = 1000,
    RECORDS_BYTES_MAX = 512 * 1024,
    BODY_MAX = 8192,       /* bytes of a message; more is cut off */
    ATTRIBUTES_MAX = 8192, /* bytes of its data; more is left out */
    LOGGED_MAX = 2000,     /* bytes of both in the engine's log */
    WATCH_CALLS_MAX = 16,
};

/* As OpenTelemetry numbers them. */
static const struct level {
    const char *name, *text;
    unsigned number;
    enum log_level ours;
} levels[] = {
    /* What is wrong with a worker is not wrong with us. */
    { "error", "ERROR", 17, LOG_UNUSUAL },
    { "warn", "WARN", 13, LOG_UNUSUAL },
    { "info", "INFO", 9, LOG_INFO },
    { "debug", "DEBUG", 5, LOG_DEBUG },
    { "trace", "TRACE", 1, LOG_DEBUG },
};

struct record {
    struct list link;
    const struct level *level;
    uint64_t at_ms;
    struct buffer document;
};

struct watch_slot {
    struct iii_call *call; /* NULL: free */
};

/* A trigger of the type log. */
struct watch {
    const struct level *level; /* NULL: all */
    struct watch_slot slots[WATCH_CALLS_MAX];
};

static const struct level *
level_named(struct bytes name)
{
    for (size_t i = 0; i < COUNT(levels); i++)
        if (bytes_equal(name, text(levels[i].name))
            || bytes_equal(name, text(levels[i].text)))
            return &levels[i];
    return NULL;
}

/* A message that is no text is shown as JSON. */
static void
put_body(struct buffer *out, struct bytes message)
{
    struct cursor c = cursor_over(message);
    struct buffer shown = { 0 };
    struct bytes body = { 0 };
    if (message.size > 0 && cursor_type(&c) == PACK_TEXT)
        body = cursor_text(&c);
    else if (message.size > 0 && msgpack_to_json(message, &shown) == ERR_NONE)
        body = buffer_bytes(&shown);
    if (body.size > BODY_MAX)
        body.size = BODY_MAX;
    while (body.size > 0 && !utf8_valid(body))
        body.size--;
    put_text(out, "body", body);
    buffer_free(&shown);
}

static void
put_attributes(struct buffer *out, struct bytes data)
{
    struct cursor c = cursor_over(data);
    bool none =
        data.size == 0 || data.size > ATTRIBUTES_MAX || cursor_type(&c) == PACK_NIL;
    pack_string(out, "attributes");
    if (!none && cursor_type(&c) == PACK_MAP) {
        buffer_append_bytes(out, data);
        return;
    }
    pack_map(out, none ? 0 : 1);
    if (!none) {
        pack_string(out, "data");
        pack_raw(out, data);
    }
}

/* Ids and names; what is longer is none. */
static struct bytes
short_text(struct bytes document, const char *name)
{
    struct bytes value = said_text(document, name);
    return value.size <= III_NAME_MAX ? value : (struct bytes){ 0 };
}

static struct record *
record_new(const struct level *level, const struct iii_worker *caller,
    const struct iii_frame *asked)
{
    struct record *record = calloc(1, sizeof *record);
    if (record == NULL)
        WRONG("out of memory");
    struct buffer *out = &record->document;
    struct bytes service = short_text(asked->data, "service_name");
    record->level = level;
    record->at_ms = clock_unix_ms();
    pack_map(out, 9);
    pack_string(out, "timestamp_unix_nano");
    pack_u64(out, record->at_ms * 1000000);
    pack_string(out, "severity_number");
    pack_u64(out, level->number);
    put_text(out, "severity_text", text(level->text));
    put_body(out, pack_find(asked->data, "message"));
    put_attributes(out, pack_find(asked->data, "data"));
    put_text(out, "trace_id", short_text(asked->data, "trace_id"));
    put_text(out, "span_id", short_text(asked->data, "span_id"));
    put_text(out, "service_name", service.size > 0 ? service : caller->name);
    put_text(out, "worker_id", text(caller->id));
    return record;
}

static void
record_free(struct hub *hub, struct record *record)
{
    list_remove(&record->link);
    hub->record_count--;
    hub->record_bytes -= record->document.size;
    buffer_free(&record->document);
    free(record);
}

static void
keep(struct hub *hub, struct record *record)
{
    list_append(&hub->records, &record->link);
    hub->record_count++;
    hub->record_bytes += record->document.size;
    while (hub->record_count > RECORDS_MAX || hub->record_bytes > RECORDS_BYTES_MAX)
        record_free(hub, LIST_OF(hub->records.next, struct record, link));
}

static void
heard(void *self, const struct iii_frame *result)
{
    struct watch_slot *slot = self;
    (void)result;
    slot->call = NULL;
}

static bool
goes_on(const struct watch_slot *slot)
{
    return slot->call != NULL && !hub_hangs(slot->call);
}

static void
fire(struct hub *hub, const struct iii_entry *trigger, const struct record *record)
{
    struct watch *watch = trigger->own;
    struct watch_slot *slot = NULL;
    if (watch->level != NULL && watch->level != record->level)
        return;
    for (size_t i = 0; i < WATCH_CALLS_MAX && slot == NULL; i++)
        if (!goes_on(&watch->slots[i]))
            slot = &watch->slots[i];
    if (slot == NULL)
        return;
    struct iii_frame said = {
        .function_id = trigger->said.function_id,
        .data = buffer_bytes(&record->document),
        .metadata = trigger->said.metadata,
    };
    iii_ask_forget(&slot->call);
    slot->call = iii_ask_for(hub, &said, heard, slot);
}

static bool
is_watch(const struct iii_entry *trigger)
{
    return bytes_equal(trigger->said.trigger_type, text("log"));
}

/* Is it being told of a record now? */
static bool
listens(const struct iii_worker *worker)
{
    const struct list *all = &worker->hub->entries[III_TRIGGER];
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct iii_entry *trigger = LIST_OF(at, struct iii_entry, of_hub);
        const struct watch *watch = is_watch(trigger) ? trigger->own : NULL;
        for (size_t i = 0; watch != NULL && i < WATCH_CALLS_MAX; i++)
            if (goes_on(&watch->slots[i]) && watch->slots[i].call->worker == worker)
                return true;
    }
    return false;
}

/* What one logs of what it is told, nobody is told: two would feed each other. */
static void
tell_watches(
    struct hub *hub, const struct record *record, const struct iii_worker *from)
{
    struct list *all = &hub->entries[III_TRIGGER];
    if (listens(from))
        return;
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct iii_entry *trigger = LIST_OF(at, struct iii_entry, of_hub);
        if (is_watch(trigger))
            fire(hub, trigger, record);
    }
}

static void
write_line(const struct level *level, const struct iii_worker *caller,
    const struct iii_frame *asked)
{
    struct buffer shown = { 0 };
    struct bytes message = pack_find(asked->data, "message");
    struct bytes data = pack_find(asked->data, "data");
    if (message.size == 0 || msgpack_to_json(message, &shown) != ERR_NONE)
        buffer_append_bytes(&shown, text("\"\""));
    buffer_append_bytes(&shown, text(" data="));
    if (data.size == 0 || msgpack_to_json(data, &shown) != ERR_NONE)
        buffer_append_bytes(&shown, text("null"));
    log_line(level->ours, "iii_log", "worker=%s message=%.*s", caller->id,
        (int)(shown.size < LOGGED_MAX ? shown.size : LOGGED_MAX),
        (const char *)shown.data);
    buffer_free(&shown);
}

static void
take(const char *level_name, struct iii_worker *caller, const struct iii_frame *asked)
{
    const struct level *level = level_named(text(level_name));
    struct record *record = record_new(level, caller, asked);
    write_line(level, caller, asked);
    tell_watches(caller->hub, record, caller);
    keep(caller->hub, record);
    iii_answer(caller, asked, (struct bytes){ 0 });
}

void
records_error(struct iii_worker *caller, const struct iii_frame *asked)
{
    take("error", caller, asked);
}

void
records_warn(struct iii_worker *caller, const struct iii_frame *asked)
{
    take("warn", caller, asked);
}

void
records_info(struct iii_worker *caller, const struct iii_frame *asked)
{
    take("info", caller, asked);
}

void
records_debug(struct iii_worker *caller, const struct iii_frame *asked)
{
    take("debug", caller, asked);
}

void
records_trace(struct iii_worker *caller, const struct iii_frame *asked)
{
    take("trace", caller, asked);
}

/* Which records are asked for: read once, not for each of them. */
struct wish {
    struct bytes trace_id, span_id, severity;
    uint64_t severity_min, start_ms, end_ms, offset, limit;
};

static struct wish
wish_of(struct bytes asked)
{
    return (struct wish){
        .trace_id = said_text(asked, "trace_id"),
        .span_id = said_text(asked, "span_id"),
        .severity = said_text(asked, "severity_text"),
        .severity_min = said_number(asked, "severity_min"),
        .start_ms = said_number(asked, "start_time"),
        .end_ms = said_number(asked, "end_time"),
        .offset = said_number(asked, "offset"),
        .limit = said_number(asked, "limit"),
    };
}

static bool
same(const struct record *record, struct bytes wanted, const char *name)
{
    return wanted.size == 0
           || bytes_equal(wanted, said_text(buffer_bytes(&record->document), name));
}

static bool
fits(const struct record *record, const struct wish *wish)
{
    return same(record, wish->trace_id, "trace_id")
           && same(record, wish->span_id, "span_id")
           && (wish->severity.size == 0 || level_named(wish->severity) == record->level)
           && record->level->number >= wish->severity_min
           && record->at_ms >= wish->start_ms
           && (wish->end_ms == 0 || record->at_ms <= wish->end_ms);
}

void
records_list(struct iii_worker *caller, const struct iii_frame *asked)
{
    const struct list *all = &caller->hub->records;
    struct buffer rows = { 0 }, out = { 0 };
    const struct wish wish = wish_of(asked->data);
    uint64_t total = 0, count = 0;
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct record *record = LIST_OF(at, struct record, link);
        if (!fits(record, &wish))
            continue;
        if (total++ < wish.offset || (wish.limit > 0 && count == wish.limit))
            continue;
        buffer_append_bytes(&rows, buffer_bytes(&record->document));
        count++;
    }
    pack_map(&out, 3);
    pack_string(&out, "logs");
    pack_array(&out, count);
    buffer_append_bytes(&out, buffer_bytes(&rows));
    pack_string(&out, "total");
    pack_u64(&out, total);
    pack_string(&out, "timestamp");
    pack_u64(&out, clock_unix_ms());
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&rows);
    buffer_free(&out);
}

void
records_forget(struct hub *hub)
{
    struct list *at;
    while ((at = list_first(&hub->records)) != NULL)
        record_free(hub, LIST_OF(at, struct record, link));
}

void
records_clear(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct buffer out = { 0 };
    records_forget(caller->hub);
    pack_map(&out, 1);
    pack_string(&out, "success");
    pack_bool(&out, true);
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}

static void
unbind(struct iii_entry *trigger)
{
    struct watch *watch = trigger->own;
    for (size_t i = 0; i < WATCH_CALLS_MAX; i++)
        iii_ask_forget(&watch->slots[i].call);
    free(watch);
    trigger->own = NULL;
}

static struct watch *
watch_new(const struct level *level)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        WRONG("out of memory");
    watch->level = level;
    return watch;
}

bool
records_bind(struct iii_entry *trigger, struct fault *fault)
{
    struct bytes name = said_text(trigger->said.config, "level");
    const struct level *level = level_named(name);
    if (level == NULL && name.size > 0 && !bytes_equal(name, text("all"))) {
        (void)fault_set(fault, ERR_MALFORMED,
            "level: %s: expected error, warn, info, debug, trace or all",
            quoted(name).text);
        return false;
    }
    trigger->own = watch_new(level);
    trigger->unbind = unbind;
    return true;
}

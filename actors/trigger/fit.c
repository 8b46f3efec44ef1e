/* What the texts of an automation say of an event: conditions, groups, inputs. */
#include "actors/expression/expression.h"
#include "actors/trigger/state.h"
#include "base/stamp.h"

/* A condition is asked of every event that comes: it must be quick. */
enum { CONDITION_FUEL = 50000, TEXT_MAX = 65536, DEPTH_MAX = 64, GROUP_MAX = 200 };

static const struct expression_limits condition_limits = { .text_max = TEXT_MAX,
    .output_max = TEXT_MAX,
    .fuel = CONDITION_FUEL,
    .depth = DEPTH_MAX };

/* The roots that there are: event and meta. */
static bool
find(void *self, const struct bytes *path, size_t count, size_t *used,
    struct bytes *value)
{
    const struct event *event = self;
    *used = 0;
    if (count == 0)
        return false;
    if (bytes_equal(path[0], text("event")))
        *value = pack_or_map(event->entry.data);
    else if (bytes_equal(path[0], text("meta")))
        *value = pack_or_map(event->meta);
    else
        return false;
    *used = 1;
    return true;
}

static struct expression_scope
scope_of(const struct event *event)
{
    /* It is only read. */
    return (struct expression_scope){ (void *)(uintptr_t)event, find };
}

static struct bytes
mistake_in(const char *what, const struct expression_fault *fault, struct arena *arena)
{
    struct buffer out = { 0 };
    buffer_print(&out, "%s: ", what);
    if (fault->where[0] != '\0')
        buffer_print(&out, "%s: ", fault->where);
    buffer_append_bytes(&out, text(fault->message));
    struct bytes mistake = arena_copy(arena, buffer_bytes(&out));
    buffer_free(&out);
    return mistake;
}

bool
condition_holds(struct bytes condition, const struct event *event, struct arena *arena,
    struct bytes *mistake)
{
    struct expression_scope scope = scope_of(event);
    struct expression_fault fault;
    bool holds = false;
    *mistake = (struct bytes){ 0 };
    if (condition.size == 0)
        return true;
    if (expression_condition(
            condition, &scope, &condition_limits, arena, &holds, &fault)
        == ERR_NONE)
        return holds;
    *mistake = mistake_in("condition", &fault, arena);
    return false;
}

bool
group_of(struct bytes template, const struct event *event, struct arena *arena,
    struct bytes *group, struct bytes *mistake)
{
    struct expression_scope scope = scope_of(event);
    struct expression_fault fault;
    *group = (struct bytes){ 0 };
    if (template.size == 0)
        return true;
    if (expression_template(template, &scope, &condition_limits, arena, group, &fault)
        != ERR_NONE) {
        *mistake = mistake_in("group", &fault, arena);
        return false;
    }
    if (group->size > GROUP_MAX) {
        struct hash hash = hash_of(*group);
        *group = arena_copy(arena, bytes_of(hash.bytes, HASH_SIZE));
    }
    return true;
}

bool
inputs_of(const struct trigger_state *s, struct bytes template,
    const struct event *event, struct arena *arena, struct bytes *inputs,
    struct bytes *mistake)
{
    struct expression_limits limits = expression_limits_default;
    struct expression_scope scope = scope_of(event);
    struct expression_fault fault;
    if (limits.output_max > s->config->payload_max)
        limits.output_max = s->config->payload_max;
    if (template.size == 0) {
        *inputs = event->entry.data;
        return true;
    }
    if (expression_payload(template, &scope, &limits, arena, inputs, &fault)
        == ERR_NONE)
        return true;
    *mistake = mistake_in("inputs", &fault, arena);
    return false;
}

static bool
ours(struct bytes name)
{
    static const char *const names[] = { "event_type", "event_source", "event_number",
        "source_event_id", "event_at" };
    for (size_t i = 0; i < COUNT(names); i++)
        if (bytes_equal(name, text(names[i])))
            return true;
    return false;
}

struct bytes
event_meta(const struct event_entry *entry, struct arena *arena)
{
    enum { OURS = 5 };
    struct buffer own = { 0 }, all = { 0 };
    size_t count = OURS;
    struct cursor c = cursor_over(entry->meta);
    for (size_t left = cursor_map(&c); left > 0; left--) {
        struct bytes pair = { .data = c.at };
        struct cursor name = cursor_over(cursor_skip(&c));
        cursor_skip(&c);
        pair.size = (size_t)(c.at - pair.data);
        if (cursor_type(&name) == PACK_TEXT && !ours(cursor_text(&name))) {
            buffer_append_bytes(&own, pair);
            count++;
        }
    }
    pack_map(&all, count);
    buffer_append_bytes(&all, buffer_bytes(&own));
    put_text(&all, "event_type", entry->type);
    put_text(&all, "event_source", entry->source);
    put_number(&all, "event_number", entry->number);
    put_text(&all, "source_event_id", entry->id);
    put_time_or_nil(&all, "event_at", entry->at_ms);
    struct bytes meta = arena_copy(arena, buffer_bytes(&all));
    buffer_free(&own);
    buffer_free(&all);
    return meta;
}

#include "tests/traces/registry_story.h"

#include <inttypes.h>

const char registry_greet_yaml[] = "name: greet\n"
                                   "description: Say hello.\n"
                                   "triggers:\n"
                                   "  - {key: hourly, kind: schedule, interval: 1h}\n"
                                   "steps:\n"
                                   "  - {key: first, kind: action, action: print}\n"
                                   "  - {key: then, kind: action, action: print, "
                                   "needs: [first]}\n";

struct id
registry_id(unsigned n)
{
    uint8_t chance[10] = { (uint8_t)n, (uint8_t)(n >> 8) };
    return id_make(1000 + n, chance, 0);
}

const char *
registry_id_text(unsigned n, char out[ID_TEXT_MAX])
{
    struct id id = registry_id(n);
    return id_print(&id, "aut_", out);
}

bool
registry_is(const struct id *id, unsigned n)
{
    struct id expected = registry_id(n);
    return id_equal(id, &expected);
}

void
registry_open_alone(struct trace *t)
{
    static const char *const names[] = { "AUT1", "AUT2", "AUT3" };
    trace_make(t, &registry_actor);
    t->config.schedulers = 2;
    t->without_sizes = true;
    t->now_ms = 1000;
    for (unsigned i = 0; i < COUNT(names); i++) {
        struct id id = registry_id(i + 1);
        trace_name(t, &id, names[i]);
    }
    trace_open(t);
}

void
registry_greet(struct trace *t)
{
    trace_hello(t, ACTOR_scheduler, 0, 2);
    trace_hello(t, ACTOR_scheduler, 1, 2);
    trace_hello(t, ACTOR_trigger, 0, 2);
    trace_hello(t, ACTOR_gateway, 0, 2);
    trace_skip(t);
}

void
registry_open(struct trace *t)
{
    registry_open_alone(t);
    registry_greet(t);
}

void
registry_apply_text(
    struct trace *t, uint64_t request, const char *definition, unsigned automation)
{
    struct automation_apply command = {
        .request = request,
        .definition = text(definition),
        .automation = registry_id(automation),
    };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = AUTOMATION_APPLY, .automation_apply = command });
}

void
registry_know(
    struct trace *t, uint32_t partition, unsigned automation, uint32_t version)
{
    struct plan_known known = { registry_id(automation), version, partition, version };
    trace_give(t, ACTOR_scheduler, partition,
        (struct message){ .code = PLAN_KNOWN, .plan_known = known });
}

void
registry_know_triggers(struct trace *t, unsigned automation, uint32_t version)
{
    struct triggers_known known = { registry_id(automation), version, version };
    trace_give(t, ACTOR_trigger, 0,
        (struct message){ .code = TRIGGERS_KNOWN, .triggers_known = known });
}

void
registry_know_all(struct trace *t, unsigned automation, uint32_t version)
{
    registry_know(t, 0, automation, version);
    registry_know(t, 1, automation, version);
    registry_know_triggers(t, automation, version);
}

void
registry_get(struct trace *t, uint64_t request, const char *name)
{
    struct automation_get command = { request, text(name), 1 };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = AUTOMATION_GET, .automation_get = command });
}

void
registry_list(struct trace *t, uint32_t limit, const char *cursor)
{
    struct automation_list command = { 9, limit, text(cursor) };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = AUTOMATION_LIST, .automation_list = command });
}

/* A msgpack value as JSON, but for what is not in our documents. */
static void
print_value(struct cursor *c, struct buffer *out)
{
    size_t count;
    switch (cursor_type(c)) {
    case PACK_NIL:
        cursor_nil(c);
        buffer_print(out, "null");
        return;
    case PACK_BOOL: buffer_print(out, cursor_bool(c) ? "true" : "false"); return;
    case PACK_UNSIGNED: buffer_print(out, "%" PRIu64, cursor_u64(c)); return;
    case PACK_TEXT: {
        struct bytes value = cursor_text(c);
        buffer_print(out, "'%.*s'", (int)value.size, (const char *)value.data);
        return;
    }
    case PACK_ARRAY:
        count = cursor_array(c);
        buffer_print(out, "[");
        for (size_t i = 0; i < count; i++) {
            buffer_print(out, "%s", i > 0 ? ", " : "");
            print_value(c, out);
        }
        buffer_print(out, "]");
        return;
    case PACK_MAP:
        count = cursor_map(c);
        buffer_print(out, "{");
        for (size_t i = 0; i < count; i++) {
            struct bytes key = cursor_text(c);
            buffer_print(out, "%s%.*s: ", i > 0 ? ", " : "", (int)key.size,
                (const char *)key.data);
            print_value(c, out);
        }
        buffer_print(out, "}");
        return;
    default: ck_abort_msg("a document holds something else");
    }
}

void
registry_expect_value(struct bytes value, const char *expected)
{
    struct cursor c = cursor_over(value);
    struct buffer out = { 0 };
    print_value(&c, &out);
    ck_assert(!c.bad);
    ck_assert(cursor_done(&c));
    buffer_append(&out, "", 1);
    ck_assert_str_eq((const char *)out.data, expected);
    buffer_free(&out);
}

struct bytes
registry_document(const struct trace *t)
{
    return trace_sent(t, DOCUMENT)->document.document;
}

void
registry_expect_field(struct bytes map, const char *field, const char *expected)
{
    registry_expect_value(pack_find(map, field), expected);
}

/* Texts that requests borrow: each test is a process. */
static struct arena kept;

struct bytes
registry_long_text(size_t size)
{
    struct buffer out = { 0 };
    char *letters = arena_take(&kept, size);
    memset(letters, 'x', size);
    pack_text(&out, bytes_of(letters, size));
    struct bytes packed = arena_copy(&kept, buffer_bytes(&out));
    buffer_free(&out);
    return packed;
}

struct bytes
registry_long_map(size_t size)
{
    struct buffer out = { 0 };
    pack_map(&out, 1);
    pack_string(&out, "k");
    pack_raw(&out, registry_long_text(size));
    struct bytes packed = arena_copy(&kept, buffer_bytes(&out));
    buffer_free(&out);
    return packed;
}

void
registry_expect_refused(struct trace *t, enum err err, const char *detail)
{
    const struct refused *refused = &trace_sent(t, REFUSED)->refused;
    ck_assert_uint_eq(refused->err, err);
    ck_assert_msg(bytes_equal(refused->detail, text(detail)), "%.*s",
        (int)refused->detail.size, (const char *)refused->detail.data);
    t->kept_count = 0;
}

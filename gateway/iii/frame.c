#include "gateway/iii/frame.h"

#include "base/json_read.h"
#include "base/json_write.h"
#include "base/pack.h"
#include "gateway/json_head.h"

#include <stddef.h>

enum { PARTS_MAX = 4 };

/* Clients of before 0.22 name no token; registerservice is mere bookkeeping of theirs.
 */
static const struct verb {
    const char *type;
    enum iii_verb verb;
    const char *needs[PARTS_MAX];
} verbs[] = {
    { "reattach", III_REATTACH, { "previous_worker_id" } },
    { "registerfunction", III_REGISTER_FUNCTION, { "id" } },
    { "unregisterfunction", III_UNREGISTER_FUNCTION, { "id" } },
    { "registertriggertype", III_REGISTER_TYPE, { "id" } },
    { "unregistertriggertype", III_UNREGISTER_TYPE, { "id" } },
    { "registertrigger", III_REGISTER_TRIGGER,
        { "id", "trigger_type", "function_id" } },
    { "unregistertrigger", III_UNREGISTER_TRIGGER, { "id" } },
    { "triggerregistrationresult", III_TRIGGER_RESULT, { "id" } },
    { "invokefunction", III_INVOKE, { "function_id" } },
    { "invocationresult", III_RESULT, { "invocation_id" } },
    { "ping", III_PING, { NULL } },
};

static const struct part {
    const char *name;
    size_t at; /* in struct iii_frame */
    bool text;
} parts[] = {
#define TEXT(name, member)                                                             \
    {                                                                                  \
        name, offsetof(struct iii_frame, member), true                                 \
    }
#define VALUE(name)                                                                    \
    {                                                                                  \
        #name, offsetof(struct iii_frame, name), false                                 \
    }
    TEXT("id", id),
    TEXT("function_id", function_id),
    TEXT("invocation_id", invocation_id),
    TEXT("trigger_type", trigger_type),
    TEXT("namespace", namespace),
    TEXT("description", description),
    TEXT("traceparent", traceparent),
    TEXT("baggage", baggage),
    TEXT("previous_worker_id", worker_id),
    TEXT("reattach_token", token),
    VALUE(data),
    VALUE(metadata),
    VALUE(config),
    VALUE(action),
    VALUE(result),
    VALUE(error),
    VALUE(request_format),
    VALUE(response_format),
    VALUE(trigger_request_format),
    VALUE(call_request_format),
#undef TEXT
#undef VALUE
};

static struct bytes *
slot_of(struct iii_frame *said, const struct part *part)
{
    return (struct bytes *)(void *)((char *)said + part->at);
}

static const struct part *
part_named(struct bytes name)
{
    for (size_t i = 0; i < COUNT(parts); i++)
        if (bytes_equal(name, text(parts[i].name)))
            return &parts[i];
    return NULL;
}

static enum err
read_part(
    struct cursor *c, struct iii_frame *said, struct bytes *type, struct fault *fault)
{
    struct bytes name = cursor_text(c);
    const struct part *part = part_named(name);
    struct bytes value = cursor_skip(c);
    struct cursor inside = cursor_over(value);
    bool is_text = cursor_type(&inside) == PACK_TEXT;
    if (cursor_type(&inside) == PACK_NIL)
        return ERR_NONE;
    if (bytes_equal(name, text("type")) && is_text) {
        *type = cursor_text(&inside);
        return ERR_NONE;
    }
    if (part == NULL)
        return ERR_NONE;
    if (part->text && !is_text)
        return fault_set(fault, ERR_MALFORMED, "%s must be a text", part->name);
    *slot_of(said, part) = part->text ? cursor_text(&inside) : value;
    return ERR_NONE;
}

static enum err
check_needs(const struct verb *verb, struct iii_frame *said, struct fault *fault)
{
    for (size_t i = 0; i < PARTS_MAX && verb->needs[i] != NULL; i++) {
        struct bytes value = *slot_of(said, part_named(text(verb->needs[i])));
        if (value.size == 0 || value.size > III_NAME_MAX)
            return fault_set(fault, ERR_MALFORMED,
                "%s must have %s, a text of at most %d bytes", verb->type,
                verb->needs[i], III_NAME_MAX);
    }
    if (said->invocation_id.size > III_NAME_MAX)
        return fault_set(fault, ERR_MALFORMED, "invocation_id must be a UUID");
    return ERR_NONE;
}

enum err
iii_frame_read(struct bytes msgpack, struct iii_frame *said, struct fault *fault)
{
    struct cursor c = cursor_over(msgpack);
    struct bytes type = { 0 };
    *said = (struct iii_frame){ .verb = III_NOTHING };
    if (cursor_type(&c) != PACK_MAP)
        return fault_set(fault, ERR_MALFORMED, "a frame must be an object");
    size_t count = cursor_map(&c);
    for (size_t i = 0; i < count && !c.bad; i++) {
        enum err err = read_part(&c, said, &type, fault);
        if (err != ERR_NONE)
            return err;
    }
    if (c.bad || type.size == 0)
        return fault_set(fault, ERR_MALFORMED, "a frame must have a type");
    for (size_t i = 0; i < COUNT(verbs); i++)
        if (bytes_equal(type, text(verbs[i].type))) {
            said->verb = verbs[i].verb;
            return check_needs(&verbs[i], said, fault);
        }
    return ERR_NONE;
}

enum err
iii_frame_parse(struct bytes json, struct buffer *scratch, struct iii_frame *said,
    struct fault *fault)
{
    buffer_clear(scratch);
    *said = (struct iii_frame){ .verb = III_NOTHING };
    enum err err = json_to_msgpack(json, scratch, NULL, fault);
    return err != ERR_NONE ? err : iii_frame_read(buffer_bytes(scratch), said, fault);
}

enum err
iii_frame_parse_head(struct bytes json, struct buffer *scratch, struct iii_frame *said,
    struct fault *fault)
{
    static const char *const names[] = { "\"type\"", "\"invocation_id\"",
        "\"function_id\"", "\"action\"" };
    struct buffer head = { 0 };
    json_head(&head, json, names, COUNT(names));
    enum err err = iii_frame_parse(buffer_bytes(&head), scratch, said, fault);
    buffer_free(&head);
    return err;
}

static bool
dash_at(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

bool
iii_uuid(struct bytes in)
{
    if (in.size != III_UUID_SIZE)
        return false;
    for (size_t i = 0; i < in.size; i++) {
        uint8_t c = in.data[i];
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (dash_at(i) ? c != '-' : !hex)
            return false;
    }
    return true;
}

void
iii_uuid_print(const uint8_t bytes[16], char out[III_UUID_SIZE + 1])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < 16; i++) {
        if (dash_at(at))
            out[at++] = '-';
        out[at++] = digits[bytes[i] >> 4];
        out[at++] = digits[bytes[i] & 15];
    }
    out[at] = '\0';
}

static void
put_name(struct buffer *out, const char *name)
{
    buffer_append(out, ",", 1);
    json_write_text(out, text(name));
    buffer_append(out, ":", 1);
}

void
iii_begin(struct buffer *out, const char *type)
{
    buffer_clear(out);
    buffer_append_bytes(out, text("{\"type\":"));
    json_write_text(out, text(type));
}

void
iii_put(struct buffer *out, const char *name, struct bytes value)
{
    if (value.size == 0)
        return;
    put_name(out, name);
    json_write_text(out, value);
}

void
iii_put_value(struct buffer *out, const char *name, struct bytes msgpack)
{
    size_t before = out->size;
    if (msgpack.size == 0)
        return;
    put_name(out, name);
    if (msgpack_to_json(msgpack, out) != ERR_NONE)
        out->size = before;
}

void
iii_put_error(struct buffer *out, const char *code, struct bytes message)
{
    buffer_append_bytes(out, text(",\"error\":{\"code\":"));
    json_write_text(out, text(code));
    buffer_append_bytes(out, text(",\"message\":"));
    json_write_text(out, message);
    buffer_append(out, "}", 1);
}

void
iii_end(struct buffer *out)
{
    buffer_append(out, "}", 1);
}

bool
iii_says_no(const struct iii_frame *result)
{
    struct cursor c = cursor_over(result->result);
    return result->result.size > 0 && cursor_type(&c) == PACK_BOOL && !cursor_bool(&c);
}

void
iii_pack_call(struct buffer *out, struct bytes data, struct bytes worker_id)
{
    static const char caller[] = "_caller_worker_id";
    struct cursor c = cursor_over(data);
    if (worker_id.size == 0 || data.size == 0 || cursor_type(&c) != PACK_MAP) {
        pack_raw(out, data);
        return;
    }
    bool said = pack_find(data, caller).size > 0;
    size_t count = cursor_map(&c);
    pack_map(out, count + !said);
    for (size_t i = 0; i < count && !c.bad; i++) {
        struct bytes name = cursor_text(&c), value = cursor_skip(&c);
        if (bytes_equal(name, text(caller)))
            continue;
        pack_text(out, name);
        pack_raw(out, value);
    }
    pack_string(out, caller);
    pack_text(out, worker_id);
}

/* Every text of a payload that has a template in it. */
#include "actors/expression/reading.h"
#include "base/buffer.h"
#include "base/pack.h"

#include <stdio.h>

struct walk {
    struct reading reading;
    struct buffer out;
    char where[EXPRESSION_WHERE_SIZE]; /* of what is being looked at */
    size_t where_size;
    unsigned depth;
};

static void value_walk(struct walk *w, struct bytes value);

/* One name or index longer, as far as there is room. */
static void
where_add(struct walk *w, struct bytes key, size_t index)
{
    char *at = w->where + w->where_size;
    size_t room = sizeof w->where - w->where_size;
    int size =
        key.data == NULL
            ? snprintf(at, room, "[%zu]", index)
            : snprintf(at, room, "%s%.*s", w->where_size > 0 ? "." : "",
                (int)(key.size < room ? key.size : room), (const char *)key.data);
    w->where_size += (size_t)size >= room ? room - 1 : (size_t)size;
}

static bool
failed(const struct walk *w)
{
    return w->reading.fault->err != ERR_NONE;
}

static void
text_walk(struct walk *w, struct bytes value)
{
    struct cursor c = cursor_over(value);
    struct bytes in = cursor_text(&c);
    if (!expression_in(in)) {
        buffer_append_bytes(&w->out, value);
        return;
    }
    struct bytes rendered;
    if (reading_value(&w->reading, in, EXPRESSION_TEMPLATE, &rendered) != ERR_NONE) {
        /* A place that was cut may end in the midst of a character. */
        w->where_size = utf8_beginning(text(w->where)).size;
        w->where[w->where_size] = '\0';
        memcpy(w->reading.fault->where, w->where, sizeof w->where);
    } else
        buffer_append_bytes(&w->out, rendered);
}

static void
items_walk(struct walk *w, struct bytes value, bool map)
{
    struct cursor c = cursor_over(value);
    size_t count = map ? cursor_map(&c) : cursor_array(&c), outside = w->where_size;
    buffer_append(&w->out, value.data, (size_t)(c.at - value.data));
    for (size_t i = 0; i < count && !failed(w); i++) {
        struct bytes key = { 0 };
        if (map) {
            struct bytes packed = cursor_skip(&c);
            struct cursor name = cursor_over(packed);
            buffer_append_bytes(&w->out, packed);
            key = cursor_type(&name) == PACK_TEXT ? cursor_text(&name) : text("?");
        }
        where_add(w, key, i);
        value_walk(w, cursor_skip(&c));
        w->where_size = outside;
        w->where[outside] = '\0';
    }
}

static void
value_walk(struct walk *w, struct bytes value)
{
    struct cursor c = cursor_over(value);
    enum pack_type type = cursor_type(&c);
    if (w->out.size > w->reading.limits->output_max) {
        w->reading.fault->err = ERR_TOO_LARGE;
        snprintf(w->reading.fault->message, sizeof w->reading.fault->message,
            "a payload of more than %zu bytes", w->reading.limits->output_max);
        return;
    }
    if (type == PACK_TEXT)
        text_walk(w, value);
    else if (type == PACK_ARRAY || type == PACK_MAP)
        items_walk(w, value, type == PACK_MAP);
    else
        buffer_append_bytes(&w->out, value);
}

static enum err
payload_walk(struct walk *w, struct bytes payload, struct bytes *out)
{
    struct expression_fault *fault = w->reading.fault;
    *fault = (struct expression_fault){ .err = ERR_NONE };
    if (pack_check(payload) != ERR_NONE) {
        fault->err = ERR_MALFORMED;
        snprintf(fault->message, sizeof fault->message, "not well-formed msgpack");
        return fault->err;
    }
    value_walk(w, payload);
    if (!failed(w) && w->reading.scope != NULL) {
        bool same = bytes_equal(payload, buffer_bytes(&w->out));
        *out = same ? payload : arena_copy(w->reading.arena, buffer_bytes(&w->out));
        if (w->out.size > w->reading.limits->output_max
            || pack_check_payload(*out) != ERR_NONE) {
            fault->err = ERR_TOO_LARGE;
            snprintf(fault->message, sizeof fault->message,
                "a payload of more than %zu bytes, or nested deeper than %d levels",
                w->reading.limits->output_max, (int)PAYLOAD_DEPTH_MAX);
        }
    }
    buffer_free(&w->out);
    return fault->err;
}

enum err
expression_payload(struct bytes payload, const struct expression_scope *scope,
    const struct expression_limits *limits, struct arena *arena, struct bytes *out,
    struct expression_fault *fault)
{
    struct walk w = { .reading = { scope, NULL, limits, limits->fuel, arena, fault } };
    *out = (struct bytes){ 0 };
    return payload_walk(&w, payload, out);
}

enum err
expression_payload_check(struct bytes payload, const struct expression_names *names,
    const struct expression_limits *limits, struct arena *arena,
    struct expression_fault *fault)
{
    struct bytes none;
    struct walk w = { .reading = { NULL, names, limits, limits->fuel, arena, fault } };
    return payload_walk(&w, payload, &none);
}

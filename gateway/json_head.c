#include "gateway/json_head.h"

#include "base/json_read.h"

static size_t
space_end(struct bytes in, size_t at)
{
    while (at < in.size && in.data[at] <= ' ')
        at++;
    return at;
}

/* Behind the text that begins at `at`. */
static size_t
text_end(struct bytes in, size_t at)
{
    for (at++; at < in.size && in.data[at] != '"'; at++)
        at += in.data[at] == '\\';
    return at + 1;
}

/* The comma or bracket that ends the member which begins at `at`. */
static size_t
member_end(struct bytes in, size_t at)
{
    for (size_t depth = 0; at < in.size; at++) {
        uint8_t c = in.data[at];
        bool closes = c == '}' || c == ']';
        if (depth == 0 && (closes || c == ','))
            return at;
        depth += c == '{' || c == '[';
        depth -= closes;
        if (c == '"')
            at = text_end(in, at) - 1;
    }
    return in.size;
}

static bool
readable(struct bytes member)
{
    struct buffer object = { 0 }, scratch = { 0 };
    struct fault fault;
    buffer_append(&object, "{", 1);
    buffer_append_bytes(&object, member);
    buffer_append(&object, "}", 1);
    enum err err = json_to_msgpack(buffer_bytes(&object), &scratch, NULL, &fault);
    buffer_free(&object);
    buffer_free(&scratch);
    return err == ERR_NONE;
}

void
json_head(
    struct buffer *out, struct bytes json, const char *const names[], size_t count)
{
    size_t at = space_end(json, 0), begun = out->size;
    uint64_t seen = 0;
    bool more = at < json.size && json.data[at] == '{';
    while (more) {
        size_t begin = space_end(json, at + 1);
        at = member_end(json, begin);
        struct bytes member = bytes_of(json.data + begin, at - begin);
        for (size_t i = 0; i < count; i++) {
            uint64_t bit = 1ull << i;
            if ((seen & bit) != 0 || !bytes_begin(member, text(names[i])))
                continue;
            seen |= bit;
            if (readable(member)) {
                buffer_append(out, out->size == begun ? "{" : ",", 1);
                buffer_append_bytes(out, member);
            }
        }
        more = at < json.size && json.data[at] == ',';
    }
    buffer_append_bytes(out, out->size == begun ? text("{}") : text("}"));
}

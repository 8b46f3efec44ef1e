/* The roles that a principal holds, and small things that lists and changes share. */
#include "actors/registry/access.h"
#include "base/put.h"

void
holdings_read(struct bytes roles, struct holdings *held)
{
    struct cursor in = cursor_over(roles);
    size_t count = roles.size == 0 ? 0 : cursor_array(&in);
    held->count = 0;
    /* never: nobody is given more roles than HOLDINGS_MAX */
    for (; held->count < count && held->count < HOLDINGS_MAX; held->count++) {
        struct bytes one = cursor_skip(&in);
        struct cursor role = cursor_over(pack_find(one, "role"));
        struct cursor at = cursor_over(pack_find(one, "at_ms"));
        struct cursor by = cursor_over(pack_find(one, "by"));
        held->list[held->count] =
            (struct holding){ cursor_text(&role), cursor_u64(&at), cursor_text(&by) };
    }
}

struct bytes
holdings_write(struct arena *arena, const struct holdings *held)
{
    struct buffer out = { 0 };
    pack_array(&out, held->count);
    for (size_t i = 0; i < held->count; i++) {
        pack_map(&out, 3);
        put_text(&out, "role", held->list[i].role);
        put_number(&out, "at_ms", held->list[i].at_ms);
        put_text(&out, "by", held->list[i].by);
    }
    struct bytes written = arena_copy(arena, buffer_bytes(&out));
    buffer_free(&out);
    return written;
}

const struct holding *
holdings_find(const struct holdings *held, struct bytes role)
{
    for (size_t i = 0; i < held->count; i++)
        if (bytes_equal(held->list[i].role, role))
            return &held->list[i];
    return NULL;
}

bool
holdings_drop(struct holdings *held, struct bytes role)
{
    size_t kept = 0;
    for (size_t i = 0; i < held->count; i++)
        if (!bytes_equal(held->list[i].role, role))
            held->list[kept++] = held->list[i];
    bool dropped = kept < held->count;
    held->count = kept;
    return dropped;
}

void
pack_scopes(struct buffer *out, uint32_t scopes)
{
    static const struct {
        enum scope scope;
        const char *name;
    } names[] = { { SCOPE_READ, "read" }, { SCOPE_START, "start" },
        { SCOPE_WORK, "work" }, { SCOPE_ADMIN, "admin" } };
    size_t count = 0;
    for (size_t i = 0; i < COUNT(names); i++)
        count += (scopes & names[i].scope) != 0;
    pack_array(out, count);
    for (size_t i = 0; i < COUNT(names); i++)
        if (scopes & names[i].scope)
            pack_string(out, names[i].name);
}

void
answer_one(struct outbox *out, uint64_t request, struct bytes document, bool created)
{
    say_document(out, (struct document){
                          .request = request,
                          .document = arena_copy(out->arena, document),
                          .created = created,
                      });
}

void
answer_list(struct outbox *out, uint64_t request, size_t count, struct bytes items)
{
    struct buffer document = { 0 };
    pack_map(&document, 2);
    pack_string(&document, "items");
    pack_array(&document, count);
    buffer_append_bytes(&document, items);
    pack_string(&document, "next_cursor");
    pack_nil(&document);
    answer_one(out, request, buffer_bytes(&document), false);
    buffer_free(&document);
}

bool
name_holds(struct bytes name, size_t max)
{
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] < 0x20 || name.data[i] == 0x7f)
            return false;
    return name.size > 0 && name.size <= max;
}

bool
take_text(struct bytes said, size_t max, struct bytes *value)
{
    struct cursor in = cursor_over(said);
    if (said.size == 0)
        return true;
    if (cursor_type(&in) == PACK_NIL) {
        *value = (struct bytes){ 0 };
        return true;
    }
    *value = cursor_text(&in);
    return !in.bad && value->size <= max;
}

bool
take_map(struct bytes said, size_t max, struct bytes *value)
{
    struct cursor in = cursor_over(said);
    if (said.size == 0)
        return true;
    enum pack_type type = cursor_type(&in);
    *value = type == PACK_NIL ? (struct bytes){ 0 } : said;
    return type == PACK_NIL || (type == PACK_MAP && said.size <= max);
}

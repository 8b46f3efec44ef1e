#include "gateway/workflow_graph/fields.h"

static bool
refuse_shape(struct request *r, const char *name, const char *what)
{
    request_refuse(r, ERR_INVALID,
        "Failed to deserialize the JSON body into the target type: %s %s", name, what);
    return false;
}

/* A cursor over the field; false: it is not there, and `*well` says whether that is
 * right. */
static bool
find(struct request *r, struct bytes map, const char *name, enum presence presence,
    struct cursor *c, bool *well)
{
    *c = cursor_over(pack_find(map, name));
    *well = true;
    if (!cursor_done(c) && (presence == REQUIRED || cursor_type(c) != PACK_NIL))
        return true;
    if (presence == REQUIRED) {
        request_refuse(r, ERR_INVALID,
            "Failed to deserialize the JSON body into the target type: missing field "
            "`%s`",
            name);
        *well = false;
    }
    return false;
}

bool
fields_text(struct request *r, struct bytes map, const char *name,
    enum presence presence, struct bytes *value)
{
    struct cursor c;
    bool well;
    *value = (struct bytes){ 0 };
    if (!find(r, map, name, presence, &c, &well))
        return well;
    *value = cursor_text(&c);
    return !c.bad || refuse_shape(r, name, "must be a text");
}

bool
fields_word(struct request *r, struct bytes map, const char *name,
    enum presence presence, const char *const *words)
{
    struct buffer known = { 0 };
    struct bytes said;
    if (!fields_text(r, map, name, presence, &said))
        return false;
    bool right = said.data == NULL;
    for (size_t i = 0; words[i] != NULL; i++) {
        right |= bytes_equal(said, text(words[i]));
        buffer_print(&known, "%s%s", i == 0 ? "must be one of " : ", ", words[i]);
    }
    buffer_append(&known, "", 1);
    right = right || refuse_shape(r, name, (const char *)known.data);
    buffer_free(&known);
    return right;
}

bool
fields_list(struct request *r, struct bytes map, const char *name,
    enum presence presence, struct bytes *value)
{
    struct cursor c;
    bool well;
    *value = (struct bytes){ 0 };
    if (!find(r, map, name, presence, &c, &well))
        return well;
    *value = pack_find(map, name);
    return cursor_type(&c) == PACK_ARRAY || refuse_shape(r, name, "must be a list");
}

bool
fields_texts(struct request *r, struct bytes map, const char *name,
    enum presence presence, struct bytes *value)
{
    if (!fields_list(r, map, name, presence, value))
        return false;
    struct cursor c = cursor_over(*value);
    size_t count = value->size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count; i++)
        cursor_text(&c);
    return !c.bad || refuse_shape(r, name, "must be a list of texts");
}

bool
fields_text_map(
    struct request *r, struct bytes map, const char *name, struct bytes *value)
{
    struct cursor c;
    bool well;
    *value = (struct bytes){ 0 };
    if (!find(r, map, name, OPTIONAL, &c, &well))
        return well;
    *value = pack_find(map, name);
    size_t count = cursor_map(&c);
    for (size_t i = 0; i < 2 * count; i++)
        cursor_text(&c);
    return !c.bad || refuse_shape(r, name, "must be an object of texts");
}

bool
fields_number(struct request *r, struct bytes map, const char *name, uint64_t max,
    uint64_t *value)
{
    struct cursor c = cursor_over(pack_find(map, name));
    if (cursor_done(&c))
        return true;
    uint64_t number = cursor_u64(&c);
    *value = number < max ? number : max;
    return !c.bad || refuse_shape(r, name, "must be a whole number from 0");
}

bool
fields_flag(struct request *r, struct bytes map, const char *name, bool *value)
{
    struct cursor c = cursor_over(pack_find(map, name));
    *value = false;
    if (cursor_done(&c))
        return true;
    *value = cursor_bool(&c);
    return !c.bad || refuse_shape(r, name, "must be true or false");
}

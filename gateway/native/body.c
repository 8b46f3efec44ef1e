#include "gateway/native/body.h"

bool
body_only(struct request *r, struct bytes body, const char *const *names)
{
    struct cursor c = cursor_over(body);
    size_t count = cursor_map(&c);
    for (size_t i = 0; i < count; i++) {
        struct bytes name = cursor_text(&c);
        const char *const *known = names;
        cursor_skip(&c);
        while (*known != NULL && !bytes_equal(name, text(*known)))
            known++;
        if (*known == NULL) {
            request_refuse(r, ERR_INVALID, "there is no field '%.*s' here",
                (int)(name.size < 60 ? name.size : 60), (const char *)name.data);
            return false;
        }
    }
    return true;
}

bool
body_empty(struct request *r)
{
    static const char *const names[] = { NULL };
    struct bytes body;
    return request_json(r, &body) && body_only(r, body, names);
}

/* A cursor over the field; false if it is absent or null. */
static bool
find(struct bytes body, const char *name, struct cursor *c)
{
    *c = cursor_over(pack_find(body, name));
    return !cursor_done(c) && cursor_type(c) != PACK_NIL;
}

bool
body_text(struct request *r, struct bytes body, const char *name, size_t max,
    struct bytes *value)
{
    struct cursor c;
    *value = (struct bytes){ 0 };
    if (!find(body, name, &c))
        return true;
    *value = cursor_text(&c);
    if (!c.bad && value->size <= max)
        return true;
    request_refuse(r, ERR_INVALID, "%s must be a text of at most %zu bytes", name, max);
    return false;
}

bool
body_value(struct request *r, struct bytes body, const char *name, struct bytes *value)
{
    uint32_t most = r->gateway->child.config.payload_max;
    struct cursor c;
    *value = find(body, name, &c) ? pack_find(body, name) : (struct bytes){ 0 };
    if (value->size <= most)
        return true;
    request_refuse(r, ERR_TOO_LARGE, "%s is above %u bytes", name, most);
    return false;
}

bool
body_map(struct request *r, struct bytes body, const char *name, struct bytes *value)
{
    struct cursor c;
    if (find(body, name, &c) && cursor_type(&c) != PACK_MAP) {
        request_refuse(r, ERR_INVALID, "%s must be an object", name);
        return false;
    }
    return body_value(r, body, name, value);
}

bool
body_number(struct request *r, struct bytes body, const char *name, uint32_t max,
    uint32_t *value)
{
    struct cursor c;
    *value = 0;
    if (!find(body, name, &c))
        return true;
    uint64_t number = cursor_u64(&c);
    *value = (uint32_t)number;
    if (!c.bad && number >= 1 && number <= max)
        return true;
    request_refuse(r, ERR_INVALID, "%s must be a whole number from 1 to %u", name, max);
    return false;
}

bool
body_flag(struct request *r, struct bytes body, const char *name, bool *value)
{
    struct bytes found = pack_find(body, name);
    struct cursor c = cursor_over(found);
    *value = false;
    if (found.size == 0 || cursor_type(&c) == PACK_NIL)
        return true;
    *value = cursor_bool(&c);
    if (!c.bad)
        return true;
    request_refuse(r, ERR_INVALID, "%s must be true or false", name);
    return false;
}

#include "gateway/mobius/form.h"

#include "base/json_read.h"
#include "base/json_write.h"

#include <inttypes.h>

struct form
form_open(struct buffer *out)
{
    buffer_append(out, "{", 1);
    return (struct form){ out, false };
}

void
form_close(struct form *form)
{
    buffer_append(form->out, "}", 1);
}

void
form_item(struct form *list)
{
    if (list->more)
        buffer_append(list->out, ",", 1);
    list->more = true;
}

void
form_name(struct form *form, const char *name)
{
    form_item(form);
    buffer_print(form->out, "\"%s\":", name);
}

struct form
form_inside(struct form *form, const char *name)
{
    form_name(form, name);
    return form_open(form->out);
}

struct form
form_list(struct form *form, const char *name)
{
    form_name(form, name);
    buffer_append(form->out, "[", 1);
    return (struct form){ form->out, false };
}

void
form_close_list(struct form *list)
{
    buffer_append(list->out, "]", 1);
}

void
form_text(struct form *form, const char *name, struct bytes value)
{
    if (value.size == 0)
        return;
    form_name(form, name);
    json_write_text(form->out, value);
}

void
form_string(struct form *form, const char *name, const char *value)
{
    form_text(form, name, text(value));
}

void
form_number(struct form *form, const char *name, uint64_t value)
{
    form_name(form, name);
    buffer_print(form->out, "%" PRIu64, value);
}

void
form_bool(struct form *form, const char *name, bool value)
{
    form_name(form, name);
    buffer_append_bytes(form->out, text(value ? "true" : "false"));
}

void
form_id(struct form *form, const char *name, const char *prefix, const struct id *id)
{
    char printed[ID_TEXT_MAX];
    if (!id_is_zero(id))
        form_string(form, name, id_print(id, prefix, printed));
}

void
form_value(struct form *form, const char *name, struct bytes msgpack)
{
    static const uint8_t nil = 0xc0;
    if (msgpack.size == 0 || msgpack.data[0] == nil)
        return;
    form_name(form, name);
    if (msgpack_to_json(msgpack, form->out) != ERR_NONE)
        buffer_append_bytes(form->out, text("null"));
}

void
form_object(struct form *form, const char *name, struct bytes msgpack)
{
    struct cursor c = cursor_over(msgpack);
    enum pack_type type = cursor_type(&c);
    if (type == PACK_MAP || type == PACK_NIL || type == PACK_NOTHING) {
        form_value(form, name, msgpack);
        return;
    }
    struct form whole = form_inside(form, name);
    form_value(&whole, "output", msgpack);
    form_close(&whole);
}

void
form_copy(struct form *form, const char *name, struct bytes document, const char *from)
{
    form_value(form, name, pack_find(document, from));
}

void
form_copy_all(struct form *form, struct bytes document, const char *const *names)
{
    for (; *names != NULL; names++)
        form_copy(form, *names, document, *names);
}

void
form_answer(struct request *r, unsigned status, struct buffer *out)
{
    buffer_append(out, "\n", 1);
    request_answer(
        r, status, "application/json", arena_copy(&r->arena, buffer_bytes(out)));
    buffer_free(out);
}

static void
write_items(struct request *r, struct form *whole, struct bytes page,
    bool (*write)(struct request *r, struct buffer *out, struct bytes item))
{
    struct buffer *out = whole->out;
    struct form list = form_list(whole, "items");
    size_t count;
    struct cursor items = said_items(page, "items", &count);
    for (size_t i = 0; i < count; i++) {
        struct form before = list;
        size_t at = out->size;
        form_item(&list);
        if (!write(r, out, cursor_skip(&items))) {
            out->size = at;
            list = before;
        }
    }
    form_close_list(&list);
}

void
form_answer_page(struct request *r, struct bytes page,
    bool (*write)(struct request *r, struct buffer *out, struct bytes item))
{
    struct buffer out = { 0 };
    struct form whole = form_open(&out);
    struct bytes next = said_text(page, "next_cursor");
    write_items(r, &whole, page, write);
    form_bool(&whole, "has_more", next.size > 0);
    form_text(&whole, "next_cursor", next);
    form_close(&whole);
    form_answer(r, 200, &out);
}

void
form_answer_list(struct request *r, struct bytes list,
    bool (*write)(struct request *r, struct buffer *out, struct bytes item))
{
    struct buffer out = { 0 };
    struct form whole = form_open(&out);
    write_items(r, &whole, list, write);
    form_close(&whole);
    form_answer(r, 200, &out);
}

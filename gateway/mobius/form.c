#include "gateway/mobius/form.h"

#include "base/json_read.h"
#include "base/json_write.h"

#include <inttypes.h>

/* Pages of an actor's in one of ours, which ends when it is longer than so many bytes.
 */
enum { PAGES_MAX = 32, PAGE_BYTES = 512 * 1024 };

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

/* Returns how many are shown. */
static uint32_t
write_items(struct request *r, struct form *list, struct bytes page, form_write *write)
{
    struct buffer *out = list->out;
    uint32_t shown = 0;
    size_t count;
    struct cursor items = said_items(page, "items", &count);
    for (size_t i = 0; i < count; i++) {
        struct form before = *list;
        size_t at = out->size;
        form_item(list);
        if (write(r, out, cursor_skip(&items))) {
            shown++;
        } else {
            out->size = at;
            *list = before;
        }
    }
    return shown;
}

static void
close_page(struct form *whole, struct bytes next)
{
    form_bool(whole, "has_more", next.size > 0);
    form_text(whole, "next_cursor", next);
    form_close(whole);
}

void
form_answer_page(struct request *r, struct bytes page, form_write *write)
{
    struct buffer out = { 0 };
    struct form whole = form_open(&out), list = form_list(&whole, "items");
    (void)write_items(r, &list, page, write);
    form_close_list(&list);
    close_page(&whole, said_text(page, "next_cursor"));
    form_answer(r, 200, &out);
}

void
form_answer_list(struct request *r, struct bytes items, form_write *write)
{
    struct buffer out = { 0 };
    struct form whole = form_open(&out), list = form_list(&whole, "items");
    (void)write_items(r, &list, items, write);
    form_close_list(&list);
    form_close(&whole);
    form_answer(r, 200, &out);
}

/* ---- what is wanted of many ---- */

struct filling {
    struct form_pages of;
    struct buffer items; /* JSON */
    uint32_t left;       /* items that may still come */
    unsigned pages;      /* that were asked for */
};

static void
show_filled(struct request *r, const struct filling *filling, struct bytes next)
{
    struct buffer out = { 0 };
    struct form whole = form_open(&out), list = form_list(&whole, "items");
    buffer_append_bytes(&out, buffer_bytes(&filling->items));
    form_close_list(&list);
    close_page(&whole, next);
    form_answer(r, 200, &out);
}

static void got_some(struct request *r, const struct message *answer);

static void
ask_for_some(struct request *r, struct filling *filling)
{
    *filling->of.limit = filling->left;
    filling->pages++;
    request_ask(r, filling->of.question, got_some);
}

static void
got_some(struct request *r, const struct message *answer)
{
    struct filling *filling = r->own;
    struct form list = { &filling->items, filling->items.size > 0 };
    struct bytes next = { 0 };
    bool none = answer->code == REFUSED && answer->refused.err == ERR_NOT_FOUND;
    if (answer->code != DOCUMENT && !none) {
        request_show(r, answer);
        return;
    }
    if (!none) {
        struct bytes page = answer->document.document;
        filling->left -= write_items(r, &list, page, filling->of.write);
        next = said_text(page, "next_cursor");
    }
    if (next.size == 0 || filling->left == 0 || filling->pages == PAGES_MAX
        || filling->items.size >= PAGE_BYTES) {
        show_filled(r, filling, next);
        return;
    }
    *filling->of.cursor = arena_copy(&r->arena, next);
    ask_for_some(r, filling);
}

static void
leave(struct request *r)
{
    struct filling *filling = r->own;
    buffer_free(&filling->items);
}

void
form_fill(struct request *r, const struct form_pages *pages)
{
    struct filling *filling = arena_take(&r->arena, sizeof *filling);
    filling->of = *pages;
    filling->left = *pages->limit;
    r->own = filling;
    r->left = leave;
    ask_for_some(r, filling);
}

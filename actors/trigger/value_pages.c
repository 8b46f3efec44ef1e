/* Questions about the state of projects: a value, pages of keys, pages of scopes. */
#include "actors/trigger/state.h"

enum { STATE_NAME_MAX = 128, PAGE_BYTES = 1 << 20, HEAD = 1 + ID_SIZE };

const char *
state_name_mistake(struct bytes scope, struct bytes key)
{
    return scope.size == 0 || scope.size > STATE_NAME_MAX || key.size == 0
                   || key.size > STATE_NAME_MAX
               ? "scope and key must be texts of 1 to 128 bytes"
               : NULL;
}

static void
put_entry(struct buffer *out, const struct value_entry *entry)
{
    put_number(out, "revision", entry->revision);
    put_time_or_nil(out, "updated_at", entry->at_ms);
}

void
on_state_get(
    const struct trigger_state *s, const struct message *in, struct outbox *out)
{
    const struct state_get *get = &in->state_get;
    const char *mistake = state_name_mistake(get->scope, get->key);
    struct buffer document = { 0 };
    struct value_entry entry;
    if (mistake != NULL) {
        say_refusal(out, get->request, ERR_INVALID, mistake);
        return;
    }
    struct row_key row = key_of_value(&out->project, get->scope, get->key);
    if (!kept_read(s->journal, &row, &value_entry_shape, out->arena, &entry)) {
        say_refusal(out, get->request, ERR_NOT_FOUND, "there is no such key");
        return;
    }
    pack_map(&document, 5);
    put_text(&document, "scope", get->scope);
    put_text(&document, "key", get->key);
    pack_string(&document, "value");
    pack_raw(&document, entry.value);
    put_entry(&document, &entry);
    say_answer(out, get->request, &document, false);
}

struct page {
    const struct trigger_state *s;
    struct arena *arena;
    bool values;
    uint32_t limit, count;
    size_t bytes_max;
    struct buffer items;
    struct bytes last; /* the name of the last item, in the arena */
    bool more;
};

/* The first one always fits. */
static bool
page_is_full(struct page *page)
{
    page->more = page->count > 0
                 && (page->count == page->limit || page->items.size >= page->bytes_max);
    return page->more;
}

static bool
list_value(void *self, struct bytes key, struct bytes value)
{
    struct page *page = self;
    struct value_entry entry;
    size_t before = page->items.size;
    if (page_is_full(page))
        return false;
    kept_take(page->s->journal, value, &value_entry_shape,
        page->values ? page->arena : NULL, &entry);
    struct bytes name = bytes_of(key.data + HEAD + ID_SIZE, key.size - HEAD - ID_SIZE);
    pack_map(&page->items, page->values ? 5 : 4);
    put_text(&page->items, "key", name);
    put_entry(&page->items, &entry);
    put_number(&page->items, "bytes", entry.bytes);
    if (page->values) {
        pack_string(&page->items, "value");
        pack_raw(&page->items, entry.value);
    }
    if (page->count > 0 && page->items.size > page->bytes_max) {
        page->items.size = before;
        page->more = true;
        return false;
    }
    page->last = arena_copy(page->arena, name);
    page->count++;
    return true;
}

static bool
list_scope(void *self, struct bytes key, struct bytes value)
{
    struct page *page = self;
    struct scope_entry entry;
    if (page_is_full(page))
        return false;
    kept_take(page->s->journal, value, &scope_entry_shape, NULL, &entry);
    page->last = arena_copy(page->arena, bytes_of(key.data + HEAD, key.size - HEAD));
    pack_map(&page->items, 3);
    put_text(&page->items, "scope", page->last);
    put_number(&page->items, "keys", entry.keys);
    put_number(&page->items, "bytes", entry.bytes);
    page->count++;
    return true;
}

/* Rows that begin with `rows`, behind `after` of them, if that is not the same. */
static void
fill(struct page *page, const struct row_key *rows, const struct row_key *after,
    bool (*each)(void *self, struct bytes key, struct bytes value))
{
    struct row_key from = *after, to = row_key_after(rows);
    if (from.size > rows->size)
        row_key_u8(&from, 0); /* behind it */
    journal_scan(
        page->s->journal, row_key_bytes(&from), row_key_bytes(&to), false, each, page);
}

static void
put_page(struct buffer *document, const struct page *page)
{
    pack_string(document, "items");
    pack_array(document, page->count);
    buffer_append_bytes(document, buffer_bytes(&page->items));
    put_bool(document, "has_more", page->more);
    pack_string(document, "next_cursor");
    if (page->more)
        pack_text(document, page->last);
    else
        pack_nil(document);
}

void
on_state_list(
    const struct trigger_state *s, const struct message *in, struct outbox *out)
{
    const struct state_list *list = &in->state_list;
    struct buffer document = { 0 };
    struct scope_entry entry;
    struct page page = { .s = s,
        .arena = out->arena,
        .values = list->values != 0,
        .limit = list->limit,
        .bytes_max = list->bytes_max > 0 && list->bytes_max < PAGE_BYTES
                         ? list->bytes_max
                         : PAGE_BYTES };
    if (list->after.size > STATE_NAME_MAX
        || state_name_mistake(list->scope, list->scope) != NULL) {
        say_refusal(out, list->request, ERR_INVALID,
            "scope must be a text of 1 to 128 bytes, and cursor one of at most 128");
        return;
    }
    struct row_key rows = key_of_value(&out->project, list->scope, (struct bytes){ 0 });
    struct row_key after = key_of_value(&out->project, list->scope, list->after);
    struct row_key scope = key_of_scope(&out->project, list->scope);
    kept_read(s->journal, &scope, &scope_entry_shape, NULL, &entry);
    fill(&page, &rows, &after, list_value);
    pack_map(&document, 6);
    put_text(&document, "scope", list->scope);
    put_number(&document, "keys", entry.keys);
    put_number(&document, "bytes", entry.bytes);
    put_page(&document, &page);
    say_answer(out, list->request, &document, false);
    buffer_free(&page.items);
}

void
on_scope_list(
    const struct trigger_state *s, const struct message *in, struct outbox *out)
{
    const struct scope_list *list = &in->scope_list;
    struct buffer document = { 0 };
    struct page page = {
        .s = s, .arena = out->arena, .limit = list->limit, .bytes_max = PAGE_BYTES
    };
    if (list->after.size > STATE_NAME_MAX) {
        say_refusal(out, list->request, ERR_INVALID,
            "cursor must be a text of at most 128 bytes");
        return;
    }
    struct row_key rows = key_of_scope(&out->project, (struct bytes){ 0 });
    struct row_key after = key_of_scope(&out->project, list->after);
    fill(&page, &rows, &after, list_scope);
    pack_map(&document, 3);
    put_page(&document, &page);
    say_answer(out, list->request, &document, false);
    buffer_free(&page.items);
}

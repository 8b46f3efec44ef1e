#include "workers/c/heard.h"

enum kind { KIND_text, KIND_blob, KIND_u64, KIND_yes, KIND_list, KIND_any };

static const struct row {
    const char *name;
    size_t size; /* of the name */
    enum kind kind;
    size_t offset;
} rows[] = {
#define HEARD(kind, name, about)                                                       \
    { #name, sizeof #name - 1, KIND_##kind, offsetof(struct heard, name) },
#include "workers/c/heard.def"
};

static const struct row *
row_named(struct bytes name)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].size == name.size
            && memcmp(rows[i].name, name.data, name.size) == 0)
            return &rows[i];
    return NULL;
}

static struct bytes
read_list(struct cursor *c)
{
    if (cursor_type(c) != PACK_ARRAY)
        c->bad = true;
    return cursor_skip(c);
}

static void
read_value(struct cursor *c, const struct row *row, struct heard *heard)
{
    void *to = (char *)heard + row->offset;
    if (cursor_type(c) == PACK_NIL && row->kind != KIND_any) {
        cursor_nil(c);
        return;
    }
    switch (row->kind) {
    case KIND_text: *(struct bytes *)to = cursor_text(c); return;
    case KIND_blob: *(struct bytes *)to = cursor_blob(c); return;
    case KIND_u64: *(uint64_t *)to = cursor_u64(c); return;
    case KIND_yes: *(bool *)to = cursor_bool(c); return;
    case KIND_list: *(struct bytes *)to = read_list(c); return;
    case KIND_any: *(struct bytes *)to = cursor_skip(c); return;
    }
}

enum err
heard_read(struct bytes frame, struct heard *heard)
{
    *heard = (struct heard){ 0 };
    if (pack_check(frame) != ERR_NONE)
        return ERR_MALFORMED;
    struct cursor c = cursor_over(frame);
    size_t pairs = cursor_map(&c);
    for (size_t i = 0; i < pairs && !c.bad; i++) {
        const struct row *row = NULL;
        if (cursor_type(&c) == PACK_TEXT)
            row = row_named(cursor_text(&c));
        else
            cursor_skip(&c);
        if (row != NULL)
            read_value(&c, row, heard);
        else
            cursor_skip(&c);
    }
    return c.bad || heard->type.size == 0 ? ERR_MALFORMED : ERR_NONE;
}

struct cursor
heard_list(struct bytes list, size_t *left)
{
    struct cursor c = cursor_over(list);
    *left = list.size == 0 ? 0 : cursor_array(&c);
    return c;
}

bool
heard_token(struct cursor *list, size_t *left, struct bytes *token)
{
    if (*left == 0)
        return false;
    --*left;
    *token = cursor_blob(list);
    return !list->bad && token->size > 0;
}

#include "gateway/native/gathering.h"

struct gathering *
gathering_new(struct request *r)
{
    struct gathering *gathering = arena_take(&r->arena, sizeof *gathering);
    gathering->last = &gathering->first;
    r->own = gathering;
    return gathering;
}

void
gathering_add(struct request *r, struct bytes name)
{
    struct gathering *gathering = r->own;
    struct gathered *one = arena_take(&r->arena, sizeof *one);
    one->name = arena_copy(&r->arena, name);
    *gathering->last = one;
    gathering->last = &one->next;
}

static void
answer(struct request *r, const struct gathering *gathering)
{
    struct buffer out = { 0 };
    size_t count = 0;
    for (const struct gathered *one = gathering->first; one != NULL; one = one->next)
        count += one->shown.size > 0;
    pack_map(&out, 2 + (gathering->next_cursor.size > 0));
    pack_string(&out, "items");
    pack_array(&out, count);
    for (const struct gathered *one = gathering->first; one != NULL; one = one->next)
        buffer_append_bytes(&out, one->shown);
    pack_string(&out, "has_more");
    pack_bool(&out, gathering->next_cursor.size > 0);
    if (gathering->next_cursor.size > 0) {
        pack_string(&out, "next_cursor");
        pack_text(&out, gathering->next_cursor);
    }
    request_document(r, 200, buffer_bytes(&out));
    buffer_free(&out);
}

static void
got(struct request *r, const struct message *reply)
{
    struct gathering *gathering = r->own;
    struct buffer out = { 0 };
    bool absent = reply->code == REFUSED && reply->refused.err == ERR_NOT_FOUND;
    if (reply->code != DOCUMENT && !absent) {
        request_show(r, reply);
        return;
    }
    if (!absent && gathering->show(r, reply->document.document, &out))
        gathering->at->shown = arena_copy(&r->arena, buffer_bytes(&out));
    buffer_free(&out);
    gathering->at = gathering->at->next;
    if (gathering->at == NULL)
        answer(r, gathering);
    else
        request_ask(r, gathering->question(r, gathering->at->name), got);
}

void
gathering_ask(struct request *r)
{
    struct gathering *gathering = r->own;
    gathering->at = gathering->first;
    if (gathering->at == NULL)
        answer(r, gathering);
    else
        request_ask(r, gathering->question(r, gathering->at->name), got);
}

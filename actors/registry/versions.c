/* Publishing a version that exists, and showing versions. */
#include "actors/registry/state.h"

#include <stdio.h>

enum { LIST_MAX = 1000 };

void
on_version_publish(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct version_publish *asked = &in->version_publish;
    struct version_name name = { .project = out->project, .version = asked->version };
    struct automation_entry automation;
    struct version_entry version;
    if (!automation_find(state, &name.project, asked->name, &name.automation)) {
        refuse_unknown(out, asked->request);
        return;
    }
    automation_read(state, &name.project, &name.automation, &automation);
    if (!version_read(state, &name, &version)) {
        refuse(out, asked->request, ERR_NOT_FOUND,
            text("the automation has no such version"));
        return;
    }
    if (automation_status_of(&automation) == AUTOMATION_ARCHIVED) {
        refuse(out, asked->request, ERR_CONFLICT,
            text("the automation is archived: resume it first"));
        return;
    }
    if (waits_full(&state->waits)) {
        refuse(out, asked->request, ERR_BUSY, text("too many clients are waiting"));
        return;
    }
    bool published = automation.version == name.version;
    if (!published)
        say_version_promoted(out, (struct version_promoted){
                                      .automation = name.automation,
                                      .version = name.version,
                                      .revision = automation.revision + 1,
                                  });
    wait_for(state, now_ms, in, asked->request, &name, false, out);
}

static void
show_one(const struct registry_state *state, const struct version_list *asked,
    const struct version_name *name, struct outbox *out)
{
    struct version_entry version;
    if (!version_read(state, name, &version)) {
        refuse(out, asked->request, ERR_NOT_FOUND,
            text("the automation has no such version"));
        return;
    }
    say_document(out, (struct document){
                          .request = asked->request,
                          .document = automation_document(
                              state, out->arena, name, DOCUMENT_WITH_TEXT),
                      });
}

/* Versions are numbered without gaps: the cursor is the number of the last one shown.
 */
static bool
read_cursor(struct bytes cursor, uint32_t *below)
{
    uint64_t number = 0;
    if (cursor.size == 0)
        return true;
    for (size_t i = 0; i < cursor.size; i++) {
        if (cursor.data[i] < '0' || cursor.data[i] > '9' || number > UINT32_MAX / 10)
            return false;
        number = number * 10 + (uint64_t)(cursor.data[i] - '0');
    }
    if (number == 0 || number > *below)
        return false;
    *below = (uint32_t)number;
    return true;
}

static void
pack_cursor(struct buffer *out, uint32_t number)
{
    char cursor[16];
    snprintf(cursor, sizeof cursor, "%u", number);
    pack_string(out, cursor);
}

static void
show_page(const struct registry_state *state, const struct version_list *asked,
    struct version_name *name, uint32_t below, struct outbox *out)
{
    uint32_t limit = asked->limit < 1          ? 1
                     : asked->limit > LIST_MAX ? LIST_MAX
                                               : asked->limit;
    uint32_t count = below - 1 < limit ? below - 1 : limit;
    struct automation_entry automation;
    struct version_entry version;
    struct buffer page = { 0 };
    automation_read(state, &name->project, &name->automation, &automation);
    pack_map(&page, 2);
    pack_string(&page, "items");
    pack_array(&page, count);
    for (name->version = below - 1; name->version > below - 1 - count;
         name->version--) {
        version_read(state, name, &version);
        version_line(&page, &automation, &version, name->version);
    }
    pack_string(&page, "next_cursor");
    if (name->version > 0)
        pack_cursor(&page, name->version + 1);
    else
        pack_nil(&page);
    say_document(out, (struct document){
                          .request = asked->request,
                          .document = arena_copy(out->arena, buffer_bytes(&page)),
                      });
    buffer_free(&page);
}

void
on_version_list(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    const struct version_list *asked = &in->version_list;
    struct version_name name = { .project = out->project, .version = asked->version };
    struct automation_entry automation;
    if (!automation_find(state, &name.project, asked->name, &name.automation)) {
        refuse_unknown(out, asked->request);
        return;
    }
    automation_read(state, &name.project, &name.automation, &automation);
    uint32_t below = automation_latest(&automation) + 1;
    if (asked->version > 0)
        show_one(state, asked, &name, out);
    else if (!read_cursor(asked->cursor, &below))
        refuse(out, asked->request, ERR_MALFORMED,
            text("cursor: not one that a page gave"));
    else
        show_page(state, asked, &name, below, out);
}

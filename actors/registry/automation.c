/* Finding automations and showing them. */
#include "actors/plan/plan.h"
#include "actors/registry/state.h"

enum { LIST_MAX = 1000, LIST_BYTES = 512 * 1024 /* a page ends when it is longer */ };

bool
automation_named(const struct registry_state *state, const struct id *project,
    struct bytes name, struct id *automation)
{
    if (name.size == 0 || name.size > PLAN_KEY_MAX)
        return false;
    struct row_key key = key_of_name(project, name);
    struct bytes found = journal_get(state->journal, row_key_bytes(&key));
    if (found.data == NULL)
        return false;
    *automation = row_take_id(&found);
    return true;
}

bool
automation_read(const struct registry_state *state, const struct id *project,
    const struct id *automation, struct automation_entry *entry)
{
    struct row_key key = key_of_automation(project, automation);
    return entry_read(state->journal, &key, &automation_entry_shape, entry);
}

bool
version_read(const struct registry_state *state, const struct version_name *name,
    struct version_entry *version)
{
    struct row_key key = key_of_version(name);
    return entry_read(state->journal, &key, &version_entry_shape, version);
}

static struct version_name
current(const struct registry_state *state, const struct id *project,
    const struct id *automation)
{
    struct automation_entry entry;
    automation_read(state, project, automation, &entry);
    return (struct version_name){ *project, *automation, automation_current(&entry) };
}

bool
automation_find(const struct registry_state *state, const struct id *project,
    struct bytes given, struct id *automation)
{
    struct automation_entry entry;
    if (id_read(given, "aut_", automation) != ERR_NONE)
        return automation_named(state, project, given, automation);
    return automation_read(state, project, automation, &entry);
}

void
on_automation_get(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    const struct automation_get *get = &in->automation_get;
    struct id automation;
    if (!automation_find(state, &out->project, get->name, &automation)) {
        refuse_unknown(out, get->request);
        return;
    }
    struct version_name name = current(state, &out->project, &automation);
    enum document_part part = get->definition ? DOCUMENT_WITH_TEXT : DOCUMENT_WHOLE;
    say_document(
        out, (struct document){
                 .request = get->request,
                 .document = automation_document(state, out->arena, &name, part),
             });
}

struct page {
    struct id *automations;
    size_t count, max;
};

static bool
list_name(void *self, struct bytes key, struct bytes value)
{
    struct page *page = self;
    (void)key;
    page->automations[page->count++] = row_take_id(&value);
    return page->count < page->max;
}

/* By name, behind that of the automation `cursor`; one more than asked for tells
 * whether there are more.  False: no such cursor. */
static bool
read_page(const struct registry_state *state, const struct id *project,
    struct bytes cursor, struct page *page)
{
    struct row_key all = row_key('N');
    row_key_id(&all, project);
    struct row_key from = all, to = row_key_after(&all);
    if (cursor.size > 0) {
        struct automation_entry last;
        struct id id;
        if (id_read(cursor, "aut_", &id) != ERR_NONE
            || !automation_read(state, project, &id, &last))
            return false;
        row_key_text(&from, last.name);
        row_key_u8(&from, 0); /* behind it */
    }
    journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        list_name, page);
    return true;
}

void
on_automation_list(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    const struct automation_list *list = &in->automation_list;
    uint32_t limit = list->limit < 1          ? 1
                     : list->limit > LIST_MAX ? LIST_MAX
                                              : list->limit;
    struct page page = { .max = limit + 1 };
    struct buffer items = { 0 }, document = { 0 };
    char cursor[ID_TEXT_MAX];
    size_t shown = 0;

    page.automations = arena_take(out->arena, page.max * sizeof *page.automations);
    if (!read_page(state, &out->project, list->cursor, &page)) {
        refuse(out, list->request, ERR_MALFORMED,
            text("cursor: not one that a page gave"));
        return;
    }
    while (shown < page.count && shown < limit && items.size < LIST_BYTES) {
        struct version_name name =
            current(state, &out->project, &page.automations[shown++]);
        buffer_append_bytes(
            &items, automation_document(state, out->arena, &name, DOCUMENT_BRIEF));
    }
    pack_map(&document, 2);
    pack_string(&document, "items");
    pack_array(&document, shown);
    buffer_append_bytes(&document, buffer_bytes(&items));
    pack_string(&document, "next_cursor");
    if (shown < page.count)
        pack_string(&document, id_print(&page.automations[shown - 1], "aut_", cursor));
    else
        pack_nil(&document);
    say_document(out, (struct document){
                          .request = list->request,
                          .document = arena_copy(out->arena, buffer_bytes(&document)),
                      });
    buffer_free(&items);
    buffer_free(&document);
}

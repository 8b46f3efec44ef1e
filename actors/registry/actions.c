/* Actions of a project's own.  One that is called at a URL is done by whoever does
 * http.request: the gateway is told where it is called and what signs the call, so that
 * neither lies in the log of a run. */
#include "actors/registry/access.h"
#include "base/put.h"
#include "base/url.h"

enum {
    NAME_MAX_BYTES = 100,
    PROSE_MAX = 4000,
    URL_MAX = 2000,
    SCHEMA_MAX = 65536,
    TAGS_MAX = 4096,
    SEALED_MAX = 200,
    ACTIONS_MAX = 200 /* of a project */
};

static bool
action_find(const struct registry_state *state, struct arena *arena,
    const struct id *project, struct bytes name, struct action_entry *entry)
{
    *entry = (struct action_entry){ 0 };
    if (name.size == 0 || name.size > NAME_MAX_BYTES)
        return false;
    struct row_key row = key_of_action(project, name);
    if (!entry_read(state->journal, &row, &action_entry_shape, entry))
        return false;
    entry->title = arena_copy(arena, entry->title);
    entry->description = arena_copy(arena, entry->description);
    entry->url = arena_copy(arena, entry->url);
    entry->input_schema = arena_copy(arena, entry->input_schema);
    entry->output_schema = arena_copy(arena, entry->output_schema);
    entry->annotations = arena_copy(arena, entry->annotations);
    entry->tags = arena_copy(arena, entry->tags);
    entry->secret = arena_copy(arena, entry->secret);
    return true;
}

/* ---- what is shown ---- */

static void
pack_action(struct buffer *out, struct bytes name, const struct action_entry *action)
{
    char printed[ID_TEXT_MAX];
    pack_map(out, 12);
    put_text_or_nil(out, "id", text(id_print(&action->action, "act_", printed)));
    put_text_or_nil(out, "name", name);
    put_text_or_nil(out, "kind", text(action->kind == ACTION_HTTP ? "http" : "worker"));
    put_text_or_nil(out, "title", action->title);
    put_text_or_nil(out, "description", action->description);
    put_text_or_nil(out, "url", action->url);
    put_raw(out, "input_schema", action->input_schema);
    put_raw(out, "output_schema", action->output_schema);
    put_raw(out, "annotations", action->annotations);
    put_raw(out, "tags", action->tags);
    put_moment(out, "created_at", action->created_ms);
    put_moment(out, "updated_at", action->updated_ms);
}

static void
answer(struct outbox *out, uint64_t request, struct bytes name,
    const struct action_entry *action, bool created)
{
    struct buffer document = { 0 };
    pack_action(&document, name, action);
    answer_one(out, request, buffer_bytes(&document), created);
    buffer_free(&document);
}

static void
refuse_action(struct outbox *out, uint64_t request)
{
    refuse(out, request, ERR_NOT_FOUND,
        text("the project has no action of its own of this name"));
}

struct listing {
    struct buffer items;
    size_t count;
};

static bool
list_action(void *self, struct bytes key, struct bytes value)
{
    struct listing *listing = self;
    struct action_entry action;
    row_take_u8(&key);
    row_take_id(&key);
    entry_take(value, &action_entry_shape, &action);
    pack_action(&listing->items, key, &action);
    listing->count++;
    return true;
}

static struct listing
list_all(const struct registry_state *state, const struct id *project)
{
    struct listing listing = { 0 };
    struct row_key from = row_key('T');
    row_key_id(&from, project);
    struct row_key to = row_key_after(&from);
    journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        list_action, &listing);
    return listing;
}

void
on_action_list(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    const struct action_list *list = &in->action_list;
    struct action_entry action;
    if (list->name.size == 0) {
        struct listing all = list_all(state, &out->project);
        answer_list(out, list->request, all.count, buffer_bytes(&all.items));
        buffer_free(&all.items);
    } else if (action_find(state, out->arena, &out->project, list->name, &action)) {
        answer(out, list->request, list->name, &action, false);
    } else {
        refuse_action(out, list->request);
    }
}

static void
offer(struct outbox *out, struct bytes name, const struct action_entry *action)
{
    if (action->kind != ACTION_HTTP)
        return;
    say_action_offered(out, (struct action_offered){
                                .action = action->action,
                                .name = name,
                                .url = action->url,
                                .secret = action->secret,
                                .version = action->version,
                            });
}

void
tell_action(const struct registry_state *state, struct bytes name, struct outbox *out)
{
    struct action_entry action;
    (void)action_find(state, out->arena, &out->project, name, &action);
    offer(out, name, &action);
}

/* ---- changes ---- */

/* Small letters, digits and hyphens; so none is called like those of the stock worker
 * that have a dot, and none begins with "mobius.". */
static bool
may_be_called(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-')
            return false;
    }
    return name.size > 0 && name.size <= NAME_MAX_BYTES;
}

static bool
may_begin(const struct registry_state *state, const struct action_set *set,
    const struct action_entry *before, bool known, struct outbox *out)
{
    struct listing all = list_all(state, &out->project);
    buffer_free(&all.items);
    if (!may_be_called(set->name))
        refuse(out, set->request, ERR_INVALID,
            text("an action has a name of 1 to 100 small letters, digits and hyphens"));
    else if (known && !id_equal(&before->action, &set->action))
        refuse(out, set->request, ERR_CONFLICT,
            text("the project has an action of this name"));
    else if (!known && all.count >= ACTIONS_MAX)
        refuse(out, set->request, ERR_BUSY,
            text("a project has 200 actions of its own at most"));
    else
        return true;
    return false;
}

static bool
take_changes(
    const struct action_set *set, struct action_entry *action, struct outbox *out)
{
    bool http = action->kind == ACTION_HTTP;
    if (!take_text(set->title, NAME_MAX_BYTES, &action->title)
        || !take_text(set->description, PROSE_MAX, &action->description)
        || !take_text(set->url, URL_MAX, &action->url)
        || !take_map(set->input_schema, SCHEMA_MAX, &action->input_schema)
        || !take_map(set->output_schema, SCHEMA_MAX, &action->output_schema)
        || !take_map(set->annotations, TAGS_MAX, &action->annotations)
        || !take_map(set->tags, TAGS_MAX, &action->tags))
        refuse(out, set->request, ERR_INVALID,
            text("title, description and URL must be texts, the schemas, annotations "
                 "and tags objects, and none too long"));
    else if (http != (action->url.size > 0) || (http && !url_valid(action->url)))
        refuse(out, set->request, ERR_INVALID,
            text("an action of kind http has a URL, http:// or https:// and printable "
                 "characters; one of kind worker has none"));
    else if (set->secret.size > 0 && (!http || set->secret.size > SEALED_MAX))
        refuse(out, set->request, ERR_CONFLICT,
            text("only the calls of an action of kind http are signed"));
    else
        return true;
    return false;
}

static void
say_action(struct outbox *out, struct bytes name, const struct action_entry *action)
{
    say_action_changed(out, (struct action_changed){
                                .action = action->action,
                                .name = name,
                                .kind = action->kind,
                                .title = action->title,
                                .description = action->description,
                                .url = action->url,
                                .input_schema = action->input_schema,
                                .output_schema = action->output_schema,
                                .annotations = action->annotations,
                                .tags = action->tags,
                                .secret = action->secret,
                                .version = action->version,
                            });
}

void
on_action_set(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct action_set *set = &in->action_set;
    struct action_entry action;
    bool known = action_find(state, out->arena, &out->project, set->name, &action);
    if (set->create && !may_begin(state, set, &action, known, out))
        return;
    if (!set->create && !known) {
        refuse_action(out, set->request);
        return;
    }
    if (set->create && known) {
        /* Asked again, as after a timeout: it is made once. */
        offer(out, set->name, &action);
        answer(out, set->request, set->name, &action, true);
        return;
    }
    if (set->create) {
        action.action = set->action;
        action.kind = set->kind == ACTION_WORKER ? ACTION_WORKER : ACTION_HTTP;
        action.created_ms = now_ms;
    }
    if (!take_changes(set, &action, out))
        return;
    bool another = set->secret.size > 0 && !bytes_equal(set->secret, action.secret);
    action.version += another;
    action.secret = another ? set->secret : action.secret;
    action.updated_ms = now_ms;
    say_action(out, set->name, &action);
    offer(out, set->name, &action);
    answer(out, set->request, set->name, &action, set->create);
}

void
on_action_delete(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    const struct action_delete *delete = &in->action_delete;
    struct action_entry action;
    if (!action_find(state, out->arena, &out->project, delete->name, &action)) {
        refuse_action(out, delete->request);
        return;
    }
    say_action_deleted(out, (struct action_deleted){ .name = delete->name });
    say_action_offered(
        out, (struct action_offered){ .action = action.action, .name = delete->name });
    answer(out, delete->request, delete->name, &action, false);
}

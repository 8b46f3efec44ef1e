/* Principals: whose keys are.  The roles that one holds say what its keys may do; while
 * it is disabled, and when it is deleted, they are refused.
 *
 * A key that was made without one is a principal by itself, under its own id: it may do
 * what it was made for, for ever.
 */
#include "actors/registry/access.h"
#include "base/put.h"

enum { NAME_MAX_BYTES = 200, PROSE_MAX = 1000, MAP_MAX = 16384 };

bool
principal_find(const struct registry_state *state, struct arena *arena,
    const struct id *project, const struct id *principal, struct principal_entry *entry)
{
    struct row_key row = key_of_principal(project, principal);
    if (!entry_read(state->journal, &row, &principal_entry_shape, entry))
        return false;
    entry->name = arena_copy(arena, entry->name);
    entry->description = arena_copy(arena, entry->description);
    entry->owner = arena_copy(arena, entry->owner);
    entry->metadata = arena_copy(arena, entry->metadata);
    entry->tags = arena_copy(arena, entry->tags);
    entry->roles = arena_copy(arena, entry->roles);
    return true;
}

unsigned
principal_scopes(const struct registry_state *state, struct arena *arena,
    const struct id *project, const struct principal_entry *entry,
    const struct role_change *change)
{
    struct holdings held;
    unsigned scopes = 0;
    if (entry->state != PRINCIPAL_ACTIVE)
        return 0;
    holdings_read(entry->roles, &held);
    for (size_t i = 0; i < held.count; i++) {
        struct role role = { 0 };
        (void)role_find(state, arena, project, held.list[i].role, &role);
        scopes |= bytes_equal(held.list[i].role, change->id) ? change->scopes
                                                             : role.entry.scopes;
    }
    return scopes;
}

void
principal_offer(const struct registry_state *state, const struct id *principal,
    const struct principal_entry *entry, const struct role_change *change,
    struct outbox *out)
{
    say_principal_offered(out,
        (struct principal_offered){
            .principal = *principal,
            .scopes = principal_scopes(state, out->arena, &out->project, entry, change),
            .barred = entry->state != PRINCIPAL_ACTIVE,
        });
}

void
principal_say(
    struct outbox *out, const struct id *principal, const struct principal_entry *entry)
{
    say_principal_changed(out, (struct principal_changed){
                                   .principal = *principal,
                                   .name = entry->name,
                                   .description = entry->description,
                                   .owner = entry->owner,
                                   .metadata = entry->metadata,
                                   .tags = entry->tags,
                                   .state = entry->state,
                                   .roles = entry->roles,
                               });
}

/* ---- what is shown ---- */

static void
pack_roles(const struct registry_state *state, struct arena *arena,
    const struct id *project, struct bytes roles, struct buffer *out)
{
    struct holdings held;
    holdings_read(roles, &held);
    pack_array(out, held.count);
    for (size_t i = 0; i < held.count; i++) {
        struct role role = { 0 };
        (void)role_find(state, arena, project, held.list[i].role, &role);
        pack_map(out, 4);
        put_text(out, "id", held.list[i].role);
        put_text(out, "name", role.entry.name);
        put_text(out, "by", held.list[i].by);
        put_moment(out, "at", held.list[i].at_ms);
    }
}

struct shown {
    const struct registry_state *state;
    struct arena *arena;
    struct id project;
    struct buffer *out;
    size_t count;
};

static void
show(struct shown *shown, const struct id *id, const struct principal_entry *entry,
    bool key, uint32_t scopes)
{
    static const char *const states[] = { "", "active", "disabled", "deleted" };
    struct buffer *out = shown->out;
    char printed[ID_TEXT_MAX];
    pack_map(out, 12);
    put_text_or_nil(out, "id", text(id_print(id, "svc_", printed)));
    put_text_or_nil(out, "name", entry->name);
    put_text_or_nil(out, "description", entry->description);
    put_text_or_nil(out, "owner", entry->owner);
    pack_string(out, "metadata");
    pack_raw(out, pack_or_map(entry->metadata));
    pack_string(out, "tags");
    pack_raw(out, pack_or_map(entry->tags));
    put_text_or_nil(out, "state", text(states[entry->state % COUNT(states)]));
    pack_string(out, "roles");
    pack_roles(shown->state, shown->arena, &shown->project, entry->roles, out);
    pack_string(out, "scopes");
    pack_scopes(out, scopes);
    pack_string(out, "key");
    pack_bool(out, key);
    put_moment(out, "created_at", entry->created_ms);
    put_moment(out, "updated_at", entry->updated_ms);
    shown->count++;
}

static void
show_principal(
    struct shown *shown, const struct id *id, const struct principal_entry *entry)
{
    static const struct role_change none;
    show(shown, id, entry, false,
        principal_scopes(shown->state, shown->arena, &shown->project, entry, &none));
}

/* A key that is nobody else's. */
static void
show_key(struct shown *shown, const struct id *id, const struct key_entry *key)
{
    struct bytes role = role_of_scopes(key->scopes);
    struct holdings held = { role.size > 0, { { role, key->created_ms, { 0 } } } };
    struct principal_entry entry = {
        .name = key->name,
        .state = key->revoked_ms == 0 ? PRINCIPAL_ACTIVE : PRINCIPAL_DELETED,
        .roles = holdings_write(shown->arena, &held),
        .created_ms = key->created_ms,
        .updated_ms = key->revoked_ms == 0 ? key->created_ms : key->revoked_ms,
    };
    show(shown, id, &entry, true, key->revoked_ms == 0 ? key->scopes : 0);
}

static void
answer(const struct registry_state *state, struct outbox *out, uint64_t request,
    const struct id *id, const struct principal_entry *entry, bool created)
{
    struct buffer document = { 0 };
    struct shown shown = { state, out->arena, out->project, &document, 0 };
    show_principal(&shown, id, entry);
    answer_one(out, request, buffer_bytes(&document), created);
    buffer_free(&document);
}

static bool
list_principal(void *self, struct bytes row, struct bytes value)
{
    struct shown *shown = self;
    struct principal_entry entry;
    struct id project, id;
    key_name_read(row, &project, &id);
    entry_take(value, &principal_entry_shape, &entry);
    if (entry.state != PRINCIPAL_DELETED)
        show_principal(shown, &id, &entry);
    return shown->count < LISTED_MAX;
}

static bool
list_key(void *self, struct bytes row, struct bytes value)
{
    struct shown *shown = self;
    struct key_entry key;
    struct id project, id;
    key_name_read(row, &project, &id);
    entry_take(value, &key_entry_shape, &key);
    if (key.revoked_ms == 0 && id_is_zero(&key.principal))
        show_key(shown, &id, &key);
    return shown->count < LISTED_MAX;
}

static void
list_all(const struct registry_state *state, uint64_t request, struct outbox *out)
{
    static const struct {
        char letter;
        bool (*each)(void *self, struct bytes row, struct bytes value);
    } lists[] = { { 'P', list_principal }, { 'K', list_key } };
    struct buffer items = { 0 };
    struct shown shown = { state, out->arena, out->project, &items, 0 };
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct row_key from = row_key(lists[i].letter);
        row_key_id(&from, &out->project);
        struct row_key to = row_key_after(&from);
        if (shown.count < LISTED_MAX)
            journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), true,
                lists[i].each, &shown);
    }
    answer_list(out, request, shown.count, buffer_bytes(&items));
    buffer_free(&items);
}

/* The key that is a principal by itself. */
static bool
key_alone(const struct registry_state *state, const struct id *project,
    const struct id *id, struct key_entry *key)
{
    struct row_key row = key_of_key(project, id);
    return entry_read(state->journal, &row, &key_entry_shape, key)
           && id_is_zero(&key->principal);
}

static void
refuse_nobody(struct outbox *out, uint64_t request)
{
    refuse(out, request, ERR_NOT_FOUND, text("there is no such principal"));
}

void
on_principal_list(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    const struct principal_list *list = &in->principal_list;
    struct principal_entry entry;
    struct key_entry key;
    struct buffer document = { 0 };
    struct shown shown = { state, out->arena, out->project, &document, 0 };
    if (id_is_zero(&list->principal)) {
        list_all(state, list->request, out);
        return;
    }
    if (principal_find(state, out->arena, &out->project, &list->principal, &entry))
        show_principal(&shown, &list->principal, &entry);
    else if (key_alone(state, &out->project, &list->principal, &key))
        show_key(&shown, &list->principal, &key);
    if (shown.count > 0)
        answer_one(out, list->request, buffer_bytes(&document), false);
    else
        refuse_nobody(out, list->request);
    buffer_free(&document);
}

/* ---- changes ---- */

/* The roles that are named, in place of those it held; who held one before holds it
 * since then.  What is deleted takes the place of no other holder. */
static bool
take_roles(const struct registry_state *state, uint64_t now_ms,
    const struct principal_set *set, struct principal_entry *entry, struct outbox *out)
{
    struct holdings before, after = { 0 };
    struct cursor in = cursor_over(set->roles);
    if (entry->state == PRINCIPAL_DELETED) {
        entry->roles = (struct bytes){ 0 };
        return true;
    }
    if (set->roles.size == 0)
        return true;
    size_t count = cursor_array(&in);
    holdings_read(entry->roles, &before);
    for (size_t i = 0; i < count; i++) {
        struct role role;
        if (!role_find(state, out->arena, &out->project, cursor_text(&in), &role)) {
            refuse(out, set->request, ERR_INVALID,
                text("roles: there is no role of one of these ids or names"));
            return false;
        }
        const struct holding *held = holdings_find(&before, role.id);
        if (holdings_find(&after, role.id) != NULL)
            continue;
        if (after.count == HOLDINGS_MAX
            || (held == NULL && role_is_full(state, out, &role))) {
            refuse(out, set->request, ERR_BUSY,
                text("a principal holds 16 roles at most, and a role of the project "
                     "has 100 holders at most"));
            return false;
        }
        after.list[after.count++] =
            held != NULL ? *held : (struct holding){ role.id, now_ms, set->by };
    }
    entry->roles = holdings_write(out->arena, &after);
    if (!in.bad)
        return true;
    refuse(out, set->request, ERR_INVALID, text("roles must be a list of texts"));
    return false;
}

static bool
take_changes(const struct registry_state *state, uint64_t now_ms,
    const struct principal_set *set, struct principal_entry *entry, struct outbox *out)
{
    if (!take_text(set->description, PROSE_MAX, &entry->description)
        || !take_text(set->owner, NAME_MAX_BYTES, &entry->owner)
        || !take_map(set->metadata, MAP_MAX, &entry->metadata)
        || !take_map(set->tags, MAP_MAX, &entry->tags)
        || set->state > PRINCIPAL_DELETED) {
        refuse(out, set->request, ERR_INVALID,
            text("description and owner must be texts of at most 1000 and 200 bytes, "
                 "metadata and tags objects of at most 16384 bytes"));
        return false;
    }
    entry->state = set->state != 0 ? set->state : entry->state;
    entry->updated_ms = now_ms;
    return take_roles(state, now_ms, set, entry, out);
}

static bool
may_begin(const struct registry_state *state, const struct principal_set *set,
    struct outbox *out)
{
    uint64_t of_all = counts_of_all(state).principals;
    if (!name_holds(set->name, NAME_MAX_BYTES))
        refuse(out, set->request, ERR_INVALID,
            text("a principal needs a name of 1 to 200 bytes, without control "
                 "characters"));
    else if (project_full(state, &out->project, 'P', of_all, state->config->keys_max)
             || of_all >= keys_of_all_max(state))
        refuse(out, set->request, ERR_BUSY,
            text("there are as many principals as keys_max allows keys"));
    else
        return true;
    return false;
}

/* False: it was refused, as nobody else administers the project. */
static bool
may_become(const struct registry_state *state, uint64_t request,
    const struct id *principal, const struct principal_entry *entry, struct outbox *out)
{
    struct narrowing change = { .principal = *principal, .entry = entry };
    return admin_remains(state, request, &change, out);
}

/* Of a key that is a principal by itself nothing can be changed but that it is. */
static void
change_key(const struct registry_state *state, uint64_t now_ms,
    const struct principal_set *set, struct outbox *out)
{
    struct key_entry key;
    if (!key_alone(state, &out->project, &set->principal, &key))
        refuse_nobody(out, set->request);
    else if (set->state == PRINCIPAL_DELETED)
        key_revoke(state, now_ms, set->request, &set->principal, out);
    else
        refuse(out, set->request, ERR_CONFLICT,
            text("this is a key without a principal: what it may do was said when it "
                 "was made"));
}

void
on_principal_set(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    static const struct role_change none;
    const struct principal_set *set = &in->principal_set;
    struct principal_entry entry;
    bool known =
        principal_find(state, out->arena, &out->project, &set->principal, &entry);
    if (set->create && known) {
        /* Asked again, as after a timeout: it is made once. */
        answer(state, out, set->request, &set->principal, &entry, true);
        return;
    }
    if (!set->create && !known) {
        change_key(state, now_ms, set, out);
        return;
    }
    if (known && entry.state == PRINCIPAL_DELETED) {
        refuse_nobody(out, set->request);
        return;
    }
    if (set->create) {
        if (!may_begin(state, set, out))
            return;
        entry.name = set->name;
        entry.state = PRINCIPAL_ACTIVE;
        entry.created_ms = now_ms;
    }
    if (!take_changes(state, now_ms, set, &entry, out)
        || !may_become(state, set->request, &set->principal, &entry, out))
        return;
    principal_say(out, &set->principal, &entry);
    principal_offer(state, &set->principal, &entry, &none, out);
    answer(state, out, set->request, &set->principal, &entry, set->create);
}

/* ---- one role more, or one less ---- */

/* ERR_NONE: `held` is as it shall be, perhaps as it was. */
static struct refused
assign(const struct registry_state *state, uint64_t now_ms,
    const struct role_assign *assign, struct holdings *held, struct outbox *out)
{
    struct role role;
    if (!role_find(state, out->arena, &out->project, assign->role, &role))
        return (struct refused){ .err = ERR_NOT_FOUND,
            .detail = text("there is no such role") };
    bool has = holdings_find(held, role.id) != NULL;
    if (assign->remove && !holdings_drop(held, role.id))
        return (struct refused){ .err = ERR_NOT_FOUND,
            .detail = text("the principal does not hold this role") };
    if (assign->remove || has)
        return (struct refused){ .err = ERR_NONE };
    if (held->count == HOLDINGS_MAX || role_is_full(state, out, &role))
        return (struct refused){ .err = ERR_BUSY,
            .detail = text("a principal holds 16 roles at most, and a role of the "
                           "project has 100 holders at most") };
    held->list[held->count++] = (struct holding){ role.id, now_ms, assign->by };
    return (struct refused){ .err = ERR_NONE };
}

void
on_role_assign(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    static const struct role_change none;
    const struct role_assign *said = &in->role_assign;
    struct principal_entry entry;
    struct holdings held;
    if (!principal_find(state, out->arena, &out->project, &said->principal, &entry)
        || entry.state == PRINCIPAL_DELETED) {
        refuse_nobody(out, said->request);
        return;
    }
    holdings_read(entry.roles, &held);
    size_t before = held.count;
    struct refused wrong = assign(state, now_ms, said, &held, out);
    if (wrong.err != ERR_NONE) {
        refuse(out, said->request, (enum err)wrong.err, wrong.detail);
        return;
    }
    if (held.count != before) {
        entry.roles = holdings_write(out->arena, &held);
        entry.updated_ms = now_ms;
        if (!may_become(state, said->request, &said->principal, &entry, out))
            return;
        principal_say(out, &said->principal, &entry);
    }
    principal_offer(state, &said->principal, &entry, &none, out);
    answer(state, out, said->request, &said->principal, &entry, held.count > before);
}

/* Roles: names for what principals may do.  Six are the engine's; those of a project
 * are held by so few that a change reaches all in one turn. */
#include "actors/registry/access.h"
#include "base/put.h"

enum {
    ROLES_MAX = 200,   /* of a project */
    HOLDERS_MAX = 100, /* of one of them */
    NAME_MAX_BYTES = 100,
    PROSE_MAX = 1000,
    TAGS_MAX = 4096,
};

static const struct preset {
    const char *id, *name;
    unsigned scopes;
    const char *description;
} presets[] = {
#define ROLE(id, name, scopes, description) { id, name, scopes, description },
#include "actors/registry/roles.def"
};

static struct role
role_of_preset(const struct preset *preset)
{
    return (struct role){ .id = text(preset->id),
        .entry = { .name = text(preset->name),
            .description = text(preset->description),
            .scopes = preset->scopes },
        .system = true };
}

struct bytes
role_of_scopes(unsigned scopes)
{
    for (size_t i = COUNT(presets); i-- > 0;)
        if (presets[i].scopes == scopes)
            return text(presets[i].id);
    return (struct bytes){ 0 };
}

struct search {
    struct arena *arena;
    struct bytes name;
    struct role *role;
    bool found;
};

static void
read_role(struct bytes key, struct bytes value, struct arena *arena, struct role *role)
{
    *role = (struct role){ 0 };
    entry_take(value, &role_entry_shape, &role->entry);
    row_take_u8(&key);
    row_take_id(&key);
    role->id = arena_copy(arena, key);
    role->entry.name = arena_copy(arena, role->entry.name);
    role->entry.description = arena_copy(arena, role->entry.description);
    role->entry.tags = arena_copy(arena, role->entry.tags);
}

static bool
look_for_name(void *self, struct bytes key, struct bytes value)
{
    struct search *search = self;
    struct role_entry entry;
    entry_take(value, &role_entry_shape, &entry);
    search->found = bytes_equal(entry.name, search->name);
    if (search->found)
        read_role(key, value, search->arena, search->role);
    return !search->found;
}

static void
scan_roles(const struct registry_state *state, const struct id *project,
    bool (*each)(void *self, struct bytes key, struct bytes value), void *self)
{
    struct row_key from = row_key('R');
    row_key_id(&from, project);
    struct row_key to = row_key_after(&from);
    journal_scan(
        state->journal, row_key_bytes(&from), row_key_bytes(&to), false, each, self);
}

bool
role_find(const struct registry_state *state, struct arena *arena,
    const struct id *project, struct bytes said, struct role *role)
{
    struct search search = { arena, said, role, false };
    if (said.size == 0 || said.size > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < COUNT(presets); i++)
        if (bytes_equal(said, text(presets[i].id))
            || bytes_equal(said, text(presets[i].name))) {
            *role = role_of_preset(&presets[i]);
            return true;
        }
    struct row_key row = key_of_role(project, said);
    struct bytes value = journal_get(state->journal, row_key_bytes(&row));
    if (value.data != NULL) {
        read_role(row_key_bytes(&row), value, arena, role);
        return true;
    }
    scan_roles(state, project, look_for_name, &search);
    return search.found;
}

/* ---- what is shown ---- */

static void
pack_role(struct buffer *out, const struct role *role)
{
    pack_map(out, 8);
    put_text(out, "id", role->id);
    put_text(out, "name", role->entry.name);
    put_text(out, "description", role->entry.description);
    pack_string(out, "scopes");
    pack_scopes(out, role->entry.scopes);
    pack_string(out, "tags");
    pack_raw(out, pack_or_map(role->entry.tags));
    pack_string(out, "system");
    pack_bool(out, role->system);
    put_moment(out, "created_at", role->entry.created_ms);
    put_moment(out, "updated_at", role->entry.updated_ms);
}

static void
answer(struct outbox *out, uint64_t request, const struct role *role, bool created)
{
    struct buffer document = { 0 };
    pack_role(&document, role);
    answer_one(out, request, buffer_bytes(&document), created);
    buffer_free(&document);
}

struct listing {
    struct buffer items;
    size_t count;
    struct arena *arena;
};

static bool
list_role(void *self, struct bytes key, struct bytes value)
{
    struct listing *listing = self;
    struct role role;
    read_role(key, value, listing->arena, &role);
    pack_role(&listing->items, &role);
    listing->count++;
    return true;
}

void
on_role_list(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    const struct role_list *list = &in->role_list;
    struct listing listing = { .count = COUNT(presets), .arena = out->arena };
    struct role role;
    if (list->role.size > 0) {
        if (role_find(state, out->arena, &out->project, list->role, &role))
            answer(out, list->request, &role, false);
        else
            refuse(out, list->request, ERR_NOT_FOUND, text("there is no such role"));
        return;
    }
    for (size_t i = 0; i < COUNT(presets); i++) {
        role = role_of_preset(&presets[i]);
        pack_role(&listing.items, &role);
    }
    scan_roles(state, &out->project, list_role, &listing);
    answer_list(out, list->request, listing.count, buffer_bytes(&listing.items));
    buffer_free(&listing.items);
}

/* ---- who holds one ---- */

struct holders {
    struct bytes role;
    struct id found[HOLDERS_MAX + 1];
    size_t count;
};

static bool
look_at_principal(void *self, struct bytes key, struct bytes value)
{
    struct holders *holders = self;
    struct principal_entry entry;
    struct holdings held;
    struct id project;
    entry_take(value, &principal_entry_shape, &entry);
    holdings_read(entry.roles, &held);
    if (holdings_find(&held, holders->role) != NULL)
        key_name_read(key, &project, &holders->found[holders->count++]);
    return holders->count <= HOLDERS_MAX;
}

static struct holders *
holders_of(const struct registry_state *state, struct outbox *out, struct bytes role)
{
    struct holders *holders = arena_take(out->arena, sizeof *holders);
    struct row_key from = row_key('P');
    row_key_id(&from, &out->project);
    struct row_key to = row_key_after(&from);
    holders->role = role;
    holders->count = 0;
    journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        look_at_principal, holders);
    return holders;
}

bool
role_is_full(
    const struct registry_state *state, struct outbox *out, const struct role *role)
{
    return !role->system && holders_of(state, out, role->id)->count >= HOLDERS_MAX;
}

/* Tell what its holders may do from now on. */
static void
offer_holders(
    const struct registry_state *state, const struct role *role, struct outbox *out)
{
    const struct holders *holders = holders_of(state, out, role->id);
    struct role_change change = { role->id, role->entry.scopes };
    for (size_t i = 0; i < holders->count; i++) {
        struct principal_entry entry;
        principal_find(state, out->arena, &out->project, &holders->found[i], &entry);
        principal_offer(state, &holders->found[i], &entry, &change, out);
    }
}

/* ---- changes ---- */

static bool
count_role(void *self, struct bytes key, struct bytes value)
{
    (void)key;
    (void)value;
    ++*(size_t *)self;
    return true;
}

static bool
may_be_called(struct bytes name)
{
    return name_holds(name, NAME_MAX_BYTES) && !bytes_begin(name, text("role_"));
}

/* Why it cannot be made; nothing: it can. */
static struct refused
object_to(
    const struct registry_state *state, struct outbox *out, const struct role_set *set)
{
    struct role other;
    size_t count = 0;
    scan_roles(state, &out->project, count_role, &count);
    if (!may_be_called(set->name) || set->scopes == 0)
        return (struct refused){ .err = ERR_INVALID,
            .detail = text("a role needs permissions, and a name of 1 to 100 bytes, "
                           "without control characters, that does not begin with "
                           "role_") };
    if (role_find(state, out->arena, &out->project, set->name, &other))
        return (struct refused){ .err = ERR_CONFLICT,
            .detail = text("there is a role of this name") };
    if (count >= ROLES_MAX)
        return (struct refused){ .err = ERR_BUSY,
            .detail = text("a project has 200 roles of its own at most") };
    return (struct refused){ .err = ERR_NONE };
}

static void
say_role(struct outbox *out, const struct role *role)
{
    say_role_changed(out, (struct role_changed){
                              .role = role->id,
                              .name = role->entry.name,
                              .description = role->entry.description,
                              .scopes = role->entry.scopes,
                              .tags = role->entry.tags,
                          });
}

static bool
find_own(const struct registry_state *state, uint64_t request, struct bytes said,
    struct role *role, struct outbox *out)
{
    if (!role_find(state, out->arena, &out->project, said, role))
        refuse(out, request, ERR_NOT_FOUND, text("there is no such role"));
    else if (role->system)
        refuse(out, request, ERR_CONFLICT,
            text("this role is the engine's: it stays as it is"));
    else
        return true;
    return false;
}

static bool
begin_role(const struct registry_state *state, const struct role_set *set,
    struct role *role, struct outbox *out)
{
    if (!set->create)
        return find_own(state, set->request, set->role, role, out);
    struct refused wrong = object_to(state, out, set);
    if (wrong.err != ERR_NONE) {
        refuse(out, set->request, (enum err)wrong.err, wrong.detail);
        return false;
    }
    *role = (struct role){ .id = set->role, .entry = { .name = set->name } };
    return true;
}

void
on_role_set(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct role_set *set = &in->role_set;
    struct role role;
    /* Asked again, as after a timeout: it is made once. */
    if (set->create && role_find(state, out->arena, &out->project, set->role, &role)) {
        answer(out, set->request, &role, true);
        return;
    }
    if (!begin_role(state, set, &role, out))
        return;
    if (!take_text(set->description, PROSE_MAX, &role.entry.description)
        || !take_map(set->tags, TAGS_MAX, &role.entry.tags)
        || (set->scopes & ~(uint32_t)SCOPES_ALL) != 0) {
        refuse(out, set->request, ERR_INVALID,
            text("description must be a text of at most 1000 bytes, tags an object"));
        return;
    }
    role.entry.scopes = set->scopes != 0 ? set->scopes : role.entry.scopes;
    role.entry.updated_ms = now_ms;
    if (set->create)
        role.entry.created_ms = now_ms;
    struct narrowing change = { .role = { role.id, role.entry.scopes } };
    if (!admin_remains(state, set->request, &change, out))
        return;
    say_role(out, &role);
    offer_holders(state, &role, out);
    answer(out, set->request, &role, set->create);
}

static void
take_away(const struct registry_state *state, const struct id *principal,
    struct bytes role, struct outbox *out)
{
    static const struct role_change none;
    struct principal_entry entry;
    struct holdings held;
    principal_find(state, out->arena, &out->project, principal, &entry);
    holdings_read(entry.roles, &held);
    (void)holdings_drop(&held, role);
    entry.roles = holdings_write(out->arena, &held);
    principal_say(out, principal, &entry);
    principal_offer(state, principal, &entry, &none, out);
}

void
on_role_delete(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    const struct role_delete *delete = &in->role_delete;
    struct role role;
    if (!find_own(state, delete->request, delete->role, &role, out))
        return;
    struct narrowing change = { .role = { role.id, 0 } };
    if (!admin_remains(state, delete->request, &change, out))
        return;
    const struct holders *holders = holders_of(state, out, role.id);
    for (size_t i = 0; i < holders->count; i++)
        take_away(state, &holders->found[i], role.id, out);
    say_role_deleted(out, (struct role_deleted){ .role = role.id });
    answer(out, delete->request, &role, false);
}

/* API keys: the gateway judges by what it is told here. */
#include "actors/registry/access.h"
#include "base/put.h"

enum {
    KEY_NAME_MAX = 200,
    KEY_PREFIX_MAX = 32,
    KEYS_PER_TURN = 128,
};

/* What it may do, and since when it is refused: of its principal's, if it has one. */
struct standing {
    uint32_t scopes;
    uint64_t revoked_ms;
};

static struct standing
standing_of(const struct registry_state *state, struct arena *arena,
    const struct id *project, const struct key_entry *key)
{
    static const struct role_change none;
    struct standing standing = { key->scopes, key->revoked_ms };
    struct principal_entry principal;
    if (id_is_zero(&key->principal))
        return standing;
    (void)principal_find(state, arena, project, &key->principal, &principal);
    standing.scopes &= principal_scopes(state, arena, project, &principal, &none);
    if (standing.revoked_ms == 0 && principal.state == PRINCIPAL_DELETED)
        standing.revoked_ms = principal.updated_ms;
    return standing;
}

static void
pack_key(struct buffer *out, const struct id *id, const struct key_entry *key,
    const struct standing *standing)
{
    char printed[ID_TEXT_MAX];
    pack_map(out, 8);
    pack_string(out, "id");
    pack_string(out, id_print(id, "cap_", printed));
    put_text(out, "name", key->name);
    put_text(out, "prefix", key->prefix);
    pack_string(out, "scopes");
    pack_scopes(out, standing->scopes);
    pack_string(out, "principal");
    if (id_is_zero(&key->principal))
        pack_nil(out);
    else
        pack_string(out, id_print(&key->principal, "svc_", printed));
    put_moment(out, "created_at", key->created_ms);
    pack_string(out, "revoked");
    pack_bool(out, standing->revoked_ms != 0);
    put_moment(out, "revoked_at", standing->revoked_ms);
}

static void
answer(const struct registry_state *state, struct outbox *out, uint64_t request,
    const struct id *id, const struct key_entry *key, bool created)
{
    struct buffer document = { 0 };
    struct standing standing = standing_of(state, out->arena, &out->project, key);
    pack_key(&document, id, key, &standing);
    answer_one(out, request, buffer_bytes(&document), created);
    buffer_free(&document);
}

/* What leaves must not borrow from the journal: it is committed before. */
static void
offer(struct outbox *out, const struct id *id, const struct key_entry *key)
{
    say_key_offered(out, (struct key_offered){
                             .key = *id,
                             .hash = arena_copy(out->arena, key->hash),
                             .scopes = key->scopes,
                             .revoked = key->revoked_ms != 0,
                             .name = arena_copy(out->arena, key->name),
                             .principal = key->principal,
                         });
}

static bool
well_formed(const struct key_create *create)
{
    return !id_is_zero(&create->key) && create->hash.size == HASH_SIZE
           && name_holds(create->name, KEY_NAME_MAX)
           && create->prefix.size <= KEY_PREFIX_MAX && create->scopes != 0
           && (create->scopes & ~(uint32_t)SCOPES_ALL) == 0;
}

/* False: it was refused. */
static bool
has_room(const struct registry_state *state, uint64_t request, struct outbox *out)
{
    uint64_t of_all = counts_of_all(state).keys;
    if (project_full(state, &out->project, 'K', of_all, state->config->keys_max))
        refuse(out, request, ERR_BUSY, text("the limit keys_max is reached"));
    else if (of_all >= keys_of_all_max(state))
        refuse(out, request, ERR_BUSY,
            text("all projects together have as many keys as the engine takes"));
    else
        return true;
    return false;
}

/* Asked again, as after a timeout: the same key is made once. */
static void
create_again(const struct registry_state *state, struct outbox *out,
    const struct key_create *create, const struct key_entry *known)
{
    if (known->hash.size != HASH_SIZE /* never: a key is made with one of this size */
        || !hash_same(known->hash.data, create->hash.data, HASH_SIZE)) {
        refuse(out, create->request, ERR_CONFLICT, text("another key has this id"));
        return;
    }
    offer(out, &create->key, known);
    answer(state, out, create->request, &create->key, known, false);
}

/* A role that the key is kept to is the most that it may ever do. */
static bool
keep_to_role(const struct registry_state *state, const struct key_create *create,
    struct key_entry *key, struct outbox *out)
{
    struct role role;
    if (create->role.size == 0)
        return true;
    if (!role_find(state, out->arena, &out->project, create->role, &role)) {
        refuse(out, create->request, ERR_INVALID,
            text("there is no role that the key could be kept to by this id or name"));
        return false;
    }
    key->scopes &= role.entry.scopes;
    return true;
}

static bool
may_be_of(const struct registry_state *state, const struct key_create *create,
    struct outbox *out)
{
    struct principal_entry principal;
    struct holdings held;
    if (id_is_zero(&create->principal))
        return true;
    if (!principal_find(
            state, out->arena, &out->project, &create->principal, &principal)
        || principal.state == PRINCIPAL_DELETED) {
        refuse(out, create->request, ERR_INVALID, text("there is no such principal"));
        return false;
    }
    holdings_read(principal.roles, &held);
    if (held.count > 0 || create->lone)
        return true;
    refuse(out, create->request, ERR_CONFLICT,
        text("the principal holds no role: the key could do nothing"));
    return false;
}

/* Who administers the project default administers the engine: every other project
 * begins with a key that was made from there.  False: it was refused. */
static bool
may_reach(const struct key_create *create, const struct id *project, struct outbox *out)
{
    struct id first = id_of_name(text("default"));
    if (id_is_zero(&create->asker) || id_equal(&create->asker, project)
        || id_equal(&create->asker, &first))
        return true;
    refuse(out, create->request, ERR_FORBIDDEN,
        text("the key belongs to another project than that: only who administers the "
             "project default may make keys of others"));
    return false;
}

void
on_key_create(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct key_create *create = &in->key_create;
    struct row_key row = key_of_key(&out->project, &create->key);
    struct key_entry key;
    if (!may_reach(create, &out->project, out))
        return;
    if (!well_formed(create)) {
        refuse(out, create->request, ERR_INVALID,
            text(
                "a key needs a name of 1 to 200 bytes, without control characters, and "
                "scopes"));
        return;
    }
    if (entry_read(state->journal, &row, &key_entry_shape, &key)) {
        create_again(state, out, create, &key);
        return;
    }
    if (!has_room(state, create->request, out))
        return;
    key = (struct key_entry){
        .name = create->name,
        .hash = create->hash,
        .scopes = create->scopes,
        .prefix = create->prefix,
        .created_ms = now_ms,
        .principal = create->principal,
    };
    if (!may_be_of(state, create, out) || !keep_to_role(state, create, &key, out))
        return;
    say_key_created(out, (struct key_created){
                             .key = create->key,
                             .name = create->name,
                             .hash = create->hash,
                             .scopes = key.scopes,
                             .prefix = create->prefix,
                             .principal = create->principal,
                         });
    offer(out, &create->key, &key);
    answer(state, out, create->request, &create->key, &key, true);
}

void
key_revoke(const struct registry_state *state, uint64_t now_ms, uint64_t request,
    const struct id *id, struct outbox *out)
{
    struct row_key row = key_of_key(&out->project, id);
    struct key_entry key;
    if (!entry_read(state->journal, &row, &key_entry_shape, &key)) {
        refuse(out, request, ERR_NOT_FOUND,
            text("there is no key of this id in the project"));
        return;
    }
    if (key.revoked_ms == 0
        && !admin_remains(state, request, &(struct narrowing){ .key = *id }, out))
        return;
    if (key.revoked_ms == 0) {
        say_key_revoked(out, (struct key_revoked){ .key = *id });
        key.revoked_ms = now_ms;
    }
    offer(out, id, &key);
    answer(state, out, request, id, &key, false);
}

void
on_key_revoke(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct key_revoke *revoke = &in->key_revoke;
    key_revoke(state, now_ms, revoke->request, &revoke->key, out);
}

struct listing {
    const struct registry_state *state;
    struct arena *arena;
    struct buffer items;
    size_t count;
    bool valid_only, more;
};

static bool
list_key(void *self, struct bytes row, struct bytes value)
{
    struct listing *listing = self;
    struct key_entry key;
    struct id project, id;
    key_name_read(row, &project, &id);
    entry_take(value, &key_entry_shape, &key);
    if (listing->valid_only && key.revoked_ms != 0)
        return true;
    listing->more = listing->count == LISTED_MAX;
    if (listing->more)
        return false;
    struct standing standing =
        standing_of(listing->state, listing->arena, &project, &key);
    pack_key(&listing->items, &id, &key, &standing);
    listing->count++;
    return true;
}

/* The newest first: ids begin with their time.  If they are too many, those that were
 * revoked are left out: who cannot see a key cannot revoke it. */
void
on_key_list(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    struct row_key from = row_key('K');
    row_key_id(&from, &out->project);
    struct row_key to = row_key_after(&from);
    struct listing listing = { .state = state, .arena = out->arena };

    journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), true,
        list_key, &listing);
    if (listing.more) {
        buffer_clear(&listing.items);
        listing.count = 0;
        listing.valid_only = true;
        journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), true,
            list_key, &listing);
    }
    answer_list(out, in->key_list.request, listing.count, buffer_bytes(&listing.items));
    buffer_free(&listing.items);
}

static void
tell_key(const struct registry_state *state, struct id id, struct outbox *out)
{
    struct row_key row = key_of_key(&out->project, &id);
    struct key_entry key;
    entry_read(state->journal, &row, &key_entry_shape, &key);
    offer(out, &id, &key);
}

static void
tell_principal(const struct registry_state *state, struct id id, struct outbox *out)
{
    static const struct role_change none;
    struct principal_entry principal;
    principal_find(state, out->arena, &out->project, &id, &principal);
    principal_offer(state, &id, &principal, &none, out);
}

void
tell_keys(const struct registry_state *state, struct outbox *out)
{
    uint64_t record = next_made(state->journal, state->keys_at);
    for (size_t said = 0; record != 0; said++) {
        if (said == KEYS_PER_TURN || !outbox_has_room(out, 2))
            return;
        struct row_key made = key_of_made(record);
        struct bytes row = journal_get(state->journal, row_key_bytes(&made));
        char letter = (char)row_take_u8(&row);
        out->project = row_take_id(&row);
        if (letter == 'J')
            tell_project(state, out);
        else if (letter == 'T')
            tell_action(state, arena_copy(out->arena, row), out);
        else if (letter == 'K')
            tell_key(state, row_take_id(&row), out);
        else
            tell_principal(state, row_take_id(&row), out);
        record = next_made(state->journal, record);
    }
    out->project = (struct id){ { 0 } };
    say_keys_complete(
        out, (struct keys_complete){ .count = counts_of_all(state).keys });
}

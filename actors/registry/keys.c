/* API keys: the gateway judges by what it is told here. */
#include "actors/registry/state.h"

#include <inttypes.h>

enum {
    KEY_NAME_MAX = 200,
    KEY_PREFIX_MAX = 32,
    KEYS_PER_TURN = 128,
    KEYS_LISTED_MAX = 2000, /* of a project, so that the list fits into a message */
    SCOPES_ALL = SCOPE_READ | SCOPE_START | SCOPE_WORK | SCOPE_ADMIN,
};

static void
pack_scopes(struct buffer *out, uint32_t scopes)
{
    static const struct {
        enum scope scope;
        const char *name;
    } names[] = { { SCOPE_READ, "read" }, { SCOPE_START, "start" },
        { SCOPE_WORK, "work" }, { SCOPE_ADMIN, "admin" } };
    size_t count = 0;
    for (size_t i = 0; i < COUNT(names); i++)
        count += (scopes & names[i].scope) != 0;
    pack_array(out, count);
    for (size_t i = 0; i < COUNT(names); i++)
        if (scopes & names[i].scope)
            pack_string(out, names[i].name);
}

static void
pack_key(struct buffer *out, const struct id *id, const struct key_entry *key)
{
    char printed[ID_TEXT_MAX];
    pack_map(out, 7);
    pack_string(out, "id");
    pack_string(out, id_print(id, "cap_", printed));
    pack_string(out, "name");
    pack_text(out, key->name);
    pack_string(out, "prefix");
    pack_text(out, key->prefix);
    pack_string(out, "scopes");
    pack_scopes(out, key->scopes);
    put_moment(out, "created_at", key->created_ms);
    pack_string(out, "revoked");
    pack_bool(out, key->revoked_ms != 0);
    put_moment(out, "revoked_at", key->revoked_ms);
}

static void
answer(struct outbox *out, uint64_t request, const struct id *id,
    const struct key_entry *key, bool created)
{
    struct buffer document = { 0 };
    pack_key(&document, id, key);
    say_document(out, (struct document){
                          .request = request,
                          .document = arena_copy(out->arena, buffer_bytes(&document)),
                          .created = created,
                      });
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
                         });
}

static bool
well_formed(const struct key_create *create)
{
    return !id_is_zero(&create->key) && create->hash.size == HASH_SIZE
           && create->name.size > 0 && create->name.size <= KEY_NAME_MAX
           && create->prefix.size <= KEY_PREFIX_MAX && create->scopes != 0
           && (create->scopes & ~(uint32_t)SCOPES_ALL) == 0;
}

static uint64_t
keys_made(const struct registry_state *state)
{
    struct row_key key = key_of_counts();
    struct count_entry counts;
    entry_read(state->journal, &key, &count_entry_shape, &counts);
    return counts.keys;
}

/* Asked again, as after a timeout: the same key is made once. */
static void
create_again(
    struct outbox *out, const struct key_create *create, const struct key_entry *known)
{
    if (known->hash.size != HASH_SIZE
        || !hash_same(known->hash.data, create->hash.data, HASH_SIZE)) {
        refuse(out, create->request, ERR_CONFLICT, text("another key has this id"));
        return;
    }
    offer(out, &create->key, known);
    answer(out, create->request, &create->key, known, false);
}

void
on_key_create(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct key_create *create = &in->key_create;
    struct row_key row = key_of_key(&out->project, &create->key);
    struct key_entry key;
    if (!well_formed(create)) {
        refuse(out, create->request, ERR_INVALID,
            text("a key needs a name of 1 to 200 bytes and scopes"));
        return;
    }
    if (entry_read(state->journal, &row, &key_entry_shape, &key)) {
        create_again(out, create, &key);
        return;
    }
    if (keys_made(state) >= state->config->keys_max) {
        refuse(out, create->request, ERR_BUSY, text("the limit keys_max is reached"));
        return;
    }
    key = (struct key_entry){
        .name = create->name,
        .hash = create->hash,
        .scopes = create->scopes,
        .prefix = create->prefix,
        .created_ms = now_ms,
    };
    say_key_created(out, (struct key_created){
                             .key = create->key,
                             .name = create->name,
                             .hash = create->hash,
                             .scopes = create->scopes,
                             .prefix = create->prefix,
                         });
    offer(out, &create->key, &key);
    answer(out, create->request, &create->key, &key, true);
}

void
on_key_revoke(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct key_revoke *revoke = &in->key_revoke;
    struct row_key row = key_of_key(&out->project, &revoke->key);
    struct key_entry key;
    if (!entry_read(state->journal, &row, &key_entry_shape, &key)) {
        refuse(out, revoke->request, ERR_NOT_FOUND,
            text("there is no key of this id in the project"));
        return;
    }
    if (key.revoked_ms == 0) {
        say_key_revoked(out, (struct key_revoked){ .key = revoke->key });
        key.revoked_ms = now_ms;
    }
    offer(out, &revoke->key, &key);
    answer(out, revoke->request, &revoke->key, &key, false);
}

struct listing {
    struct buffer items;
    size_t count;
};

static bool
list_key(void *self, struct bytes row, struct bytes value)
{
    struct listing *listing = self;
    struct cursor in = cursor_over(value);
    struct key_entry key;
    struct id project, id;
    key_name_read(row, &project, &id);
    if (fields_read(&in, &key_entry_shape, NULL, &key) == ERR_NONE) {
        pack_key(&listing->items, &id, &key);
        listing->count++;
    }
    return listing->count < KEYS_LISTED_MAX;
}

void
on_key_list(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    struct row_key from = row_key('K');
    row_key_id(&from, &out->project);
    struct row_key to = row_key_after(&from);
    struct listing listing = { 0 };
    struct buffer document = { 0 };

    /* The newest first: ids begin with their time. */
    journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), true,
        list_key, &listing);
    pack_map(&document, 2);
    pack_string(&document, "items");
    pack_array(&document, listing.count);
    buffer_append_bytes(&document, buffer_bytes(&listing.items));
    pack_string(&document, "next_cursor");
    pack_nil(&document);
    say_document(out, (struct document){
                          .request = in->key_list.request,
                          .document = arena_copy(out->arena, buffer_bytes(&document)),
                      });
    buffer_free(&listing.items);
    buffer_free(&document);
}

void
tell_keys(const struct registry_state *state, struct outbox *out)
{
    uint64_t record = next_made(state->journal, state->keys_at);
    for (size_t said = 0; record != 0; said++) {
        if (said == KEYS_PER_TURN || !outbox_has_room(out, 2))
            return;
        struct row_key made = key_of_made(record), row;
        struct key_entry key;
        struct id id;
        key_name_read(
            journal_get(state->journal, row_key_bytes(&made)), &out->project, &id);
        row = key_of_key(&out->project, &id);
        entry_read(state->journal, &row, &key_entry_shape, &key);
        offer(out, &id, &key);
        record = next_made(state->journal, record);
    }
    out->project = (struct id){ { 0 } };
    say_keys_complete(out, (struct keys_complete){ .count = keys_made(state) });
}

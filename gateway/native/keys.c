/* Making and revoking API keys.  The text of a key exists only here, for one answer. */
#include "base/clock.h"
#include "gateway/native/native.h"

#include <sodium.h>

enum { NAME_MAX_BYTES = 200 };

struct minted {
    struct key key;
    char text[KEY_TEXT_SIZE + 1];
    void (*show)(struct request *r, const char *text, struct bytes document);
};

static void
created(struct request *r, const struct message *answer)
{
    struct minted *minted = r->own;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    /* The note of the registry says the same, later. */
    auth_learn(r->gateway->auth, &minted->key);
    minted->show(r, minted->text, answer->document.document);
    sodium_memzero(minted->text, sizeof minted->text);
}

void
native_key_make(struct request *r, struct bytes name, unsigned scopes,
    void (*show)(struct request *r, const char *text, struct bytes document))
{
    struct message *m = request_message(r, KEY_CREATE, ACTOR_registry);
    struct minted *minted = arena_take(&r->arena, sizeof *minted);
    uint8_t chance[KEY_SECRET_SIZE];
    struct key_create *create = &m->key_create;
    chance_fill(chance, sizeof chance);
    minted->show = show;
    minted->key.id = id_fresh(0);
    minted->key.project = r->key->project;
    minted->key.scopes = scopes;
    key_name(&minted->key, name);
    auth_mint(
        r->gateway->auth, &minted->key.id, chance, minted->text, &minted->key.hash);
    sodium_memzero(chance, sizeof chance);
    create->name = name;
    create->scopes = scopes;
    create->key = minted->key.id;
    create->hash = bytes_of(minted->key.hash.bytes, HASH_SIZE);
    create->prefix = arena_copy(&r->arena, bytes_of(minted->text, KEY_PREFIX_SIZE));
    r->own = minted;
    request_ask(r, m, created);
}

/* The registry's document with the key's text in front. */
static void
show(struct request *r, const char *key, struct bytes document)
{
    struct buffer out = { 0 };
    struct cursor fields = cursor_over(document);
    pack_map(&out, cursor_map(&fields) + 1);
    pack_string(&out, "key");
    pack_string(&out, key);
    buffer_append(&out, fields.at, (size_t)(fields.end - fields.at));
    request_document(r, 201, buffer_bytes(&out));
    sodium_memzero(out.data, out.size);
    buffer_free(&out);
}

static bool
read_name(struct request *r, struct bytes body, struct bytes *name)
{
    struct cursor c = cursor_over(pack_find(body, "name"));
    *name = cursor_text(&c);
    if (!c.bad && name->size > 0 && name->size <= NAME_MAX_BYTES)
        return true;
    request_refuse(r, ERR_INVALID, "name must be a text of 1 to 200 bytes");
    return false;
}

static bool
read_scopes(struct request *r, struct bytes body, uint32_t *scopes)
{
    struct cursor c = cursor_over(pack_find(body, "scopes"));
    size_t count = cursor_array(&c);
    *scopes = 0;
    for (size_t i = 0; i < count && !c.bad; i++) {
        unsigned scope = scope_read(cursor_text(&c));
        c.bad |= scope == 0;
        *scopes |= scope;
    }
    if (!c.bad && *scopes != 0)
        return true;
    request_refuse(r, ERR_INVALID, "scopes must be a list of read, start, work, admin");
    return false;
}

void
native_key_create(struct request *r)
{
    struct bytes body, name;
    uint32_t scopes;
    if (request_json(r, &body) && read_name(r, body, &name)
        && read_scopes(r, body, &scopes))
        native_key_make(r, name, scopes, show);
}

void
native_key_revoke(struct request *r)
{
    struct message *m = request_message(r, KEY_REVOKE, ACTOR_registry);
    if (request_id(r, "cap_", &m->key_revoke.key))
        request_ask(r, m, request_show);
}

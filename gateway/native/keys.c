/* Making and revoking API keys.  The text of a key exists only here, for one answer. */
#include "base/clock.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"

#include <ctype.h>
#include <sodium.h>

enum { NAME_MAX_BYTES = 200 };

struct minted {
    struct id id;
    struct hash hash;
    char text[KEY_TEXT_SIZE + 1];
    void (*show)(struct request *r, const char *text, struct bytes document);
};

/* The registry has told us of the key before it answers. */
static void
created(struct request *r, const struct message *answer)
{
    struct minted *minted = r->own;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    minted->show(r, minted->text, answer->document.document);
    sodium_memzero(minted->text, sizeof minted->text);
}

void
native_key_make(struct request *r, const struct key_create *wanted,
    void (*show)(struct request *r, const char *text, struct bytes document))
{
    struct message *m = request_message(r, KEY_CREATE, ACTOR_registry);
    struct minted *minted = arena_take(&r->arena, sizeof *minted);
    uint8_t chance[KEY_SECRET_SIZE];
    struct key_create *create = &m->key_create;
    *create = *wanted;
    if (!id_is_zero(&create->asker))
        m->envelope.project = request_project(r);
    chance_fill(chance, sizeof chance);
    minted->show = show;
    minted->id = id_fresh(0);
    auth_mint(r->gateway->auth, &minted->id, chance, minted->text, &minted->hash);
    sodium_memzero(chance, sizeof chance);
    create->key = minted->id;
    create->hash = bytes_of(minted->hash.bytes, HASH_SIZE);
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

/* False: it was refused; 0 where there are none. */
bool
native_scopes(struct request *r, struct bytes body, uint32_t *scopes)
{
    struct bytes said;
    *scopes = 0;
    if (!body_value(r, body, "scopes", &said))
        return false;
    struct cursor c = cursor_over(said);
    size_t count = said.size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count && !c.bad; i++) {
        unsigned scope = scope_read(cursor_text(&c));
        c.bad |= scope == 0;
        *scopes |= scope;
    }
    if (said.size == 0 || (!c.bad && *scopes != 0))
        return true;
    request_refuse(r, ERR_INVALID, "scopes must be a list of read, start, work, admin");
    return false;
}

/* A project is its name: so that people can say which, it is a word. */
static bool
name_project(struct request *r, struct id *asker)
{
    enum { PROJECT_NAME_MAX = 100 };
    struct bytes name = r->headers[HEADER_CAPSTAN_PROJECT];
    struct id project = request_project(r);
    bool word = name.size <= PROJECT_NAME_MAX;
    for (size_t i = 0; i < name.size && word; i++)
        word = isalnum(name.data[i]) || strchr("._-", name.data[i]) != NULL;
    if (!id_equal(&project, &r->key->project))
        *asker = r->key->project;
    if (!word)
        request_refuse(r, ERR_INVALID,
            "a project is named by 1 to 100 letters, digits, '.', '_' and '-'");
    return word;
}

/* A key of a principal may do all that its principal may, unless it is kept to less. */
void
native_key_create(struct request *r)
{
    enum { PRINCIPAL_TEXT_MAX = 200 };
    static const char *const names[] = { "name", "scopes", "principal", NULL };
    struct key_create wanted = { 0 };
    struct bytes body, principal;
    if (!name_project(r, &wanted.asker) || !request_json(r, &body)
        || !body_only(r, body, names) || !read_name(r, body, &wanted.name)
        || !native_scopes(r, body, &wanted.scopes)
        || !body_text(r, body, "principal", PRINCIPAL_TEXT_MAX, &principal))
        return;
    if (principal.size > 0
        && id_read(principal, "svc_", &wanted.principal) != ERR_NONE) {
        request_refuse(r, ERR_INVALID, "principal must be a svc_… id");
        return;
    }
    if (principal.size > 0 && wanted.scopes == 0)
        wanted.scopes = SCOPES_ALL;
    if (wanted.scopes == 0)
        request_refuse(
            r, ERR_INVALID, "scopes must be a list of read, start, work, admin");
    else
        native_key_make(r, &wanted, show);
}

void
native_key_revoke(struct request *r)
{
    struct message *m = request_message(r, KEY_REVOKE, ACTOR_registry);
    if (request_id(r, "cap_", &m->key_revoke.key))
        request_ask(r, m, request_show);
}

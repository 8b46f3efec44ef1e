#include "gateway/auth.h"

#include "base/map.h"
#include "base/wrong.h"
#include "transport/messages.h"

#include <sodium.h>
#include <stdlib.h>
#include <strings.h>

/* A key, and what it would be by itself. */
struct held {
    struct key key; /* first: others hold pointers to it */
    unsigned scopes;
    bool revoked;
    struct held *next; /* of the same principal */
};

struct principal {
    struct id id;
    unsigned scopes;
    bool barred;
    struct held *keys;
};

/* A project of which it was ever told that it is deleted. */
struct project {
    struct id id;
    bool deleted;
    struct project *next;
};

struct auth {
    uint8_t secret[SECRET_SIZE];
    struct map keys;          /* by id */
    struct map principals;    /* by id */
    struct project *projects; /* few */
    struct held **all;
    struct principal **whose; /* all principals */
    size_t count, count_room, principal_count, principal_room, max;
    struct hash nobody; /* compared with when no key has the id */
};

struct auth *
auth_new(const uint8_t secret[SECRET_SIZE], size_t keys_max)
{
    struct auth *auth = calloc(1, sizeof *auth);
    if (auth == NULL)
        WRONG("out of memory");
    memcpy(auth->secret, secret, SECRET_SIZE);
    auth->max = keys_max;
    randombytes_buf(auth->nobody.bytes, HASH_SIZE);
    return auth;
}

void
auth_free(struct auth **out)
{
    struct auth *auth = *out;
    if (auth == NULL)
        return;
    for (size_t i = 0; i < auth->count; i++)
        free(auth->all[i]);
    for (size_t i = 0; i < auth->principal_count; i++)
        free(auth->whose[i]);
    while (auth->projects != NULL) {
        struct project *first = auth->projects;
        auth->projects = first->next;
        free(first);
    }
    free(auth->all);
    free(auth->whose);
    map_free(&auth->keys);
    map_free(&auth->principals);
    sodium_memzero(auth->secret, SECRET_SIZE);
    free(auth);
    *out = NULL;
}

void
key_name(struct key *key, struct bytes name)
{
    if (name.size > 0 && name.size < sizeof key->name)
        memcpy(key->name, name.data, name.size);
}

/* Room for one pointer more behind `count`. */
static void *
grown(void *list, size_t count, size_t *room)
{
    if (count < *room)
        return list;
    *room = *room * 2 + 16;
    list = reallocarray(list, *room, sizeof(void *));
    if (list == NULL)
        WRONG("out of memory");
    return list;
}

/* One that is not told yet is barred. */
static struct principal *
principal_of(struct auth *auth, const struct id *id)
{
    struct principal *known = map_get(&auth->principals, id_bytes(id));
    if (known != NULL || auth->principal_count == auth->max)
        return known;
    known = calloc(1, sizeof *known);
    if (known == NULL)
        WRONG("out of memory");
    known->id = *id;
    known->barred = true;
    auth->whose = grown(auth->whose, auth->principal_count, &auth->principal_room);
    auth->whose[auth->principal_count++] = known;
    map_put(&auth->principals, id_bytes(&known->id), known);
    return known;
}

static struct project *
project_of(const struct auth *auth, const struct id *id)
{
    struct project *project = auth->projects;
    while (project != NULL && !id_equal(&project->id, id))
        project = project->next;
    return project;
}

bool
auth_project_deleted(const struct auth *auth, const struct id *id)
{
    const struct project *project = project_of(auth, id);
    return project != NULL && project->deleted;
}

/* `principal` may be NULL: its own. */
static void
judge(const struct auth *auth, struct held *held, const struct principal *principal)
{
    bool barred = principal != NULL && principal->barred;
    held->key.scopes =
        principal != NULL ? held->scopes & principal->scopes : held->scopes;
    held->key.refused = held->revoked || barred;
    held->key.revoked =
        held->key.refused || auth_project_deleted(auth, &held->key.project);
}

bool
auth_learn(struct auth *auth, const struct key *key)
{
    static const struct principal nobody = { .barred = true };
    struct held *known = map_get(&auth->keys, id_bytes(&key->id));
    bool owned = !id_is_zero(&key->principal), fresh = known == NULL;
    struct principal *principal = owned ? principal_of(auth, &key->principal) : NULL;
    if (fresh) {
        if (auth->count == auth->max)
            return false;
        known = calloc(1, sizeof *known);
        if (known == NULL)
            WRONG("out of memory");
        known->key.id = key->id;
        auth->all = grown(auth->all, auth->count, &auth->count_room);
        auth->all[auth->count++] = known;
        map_put(&auth->keys, id_bytes(&known->key.id), known);
    }
    unsigned before = fresh || known->key.revoked ? 0 : known->key.scopes;
    known->key = *key;
    known->scopes = key->scopes;
    known->revoked = key->revoked;
    judge(auth, known, !owned || principal != NULL ? principal : &nobody);
    if (fresh && principal != NULL) {
        known->next = principal->keys;
        principal->keys = known;
    }
    return (before & ~(known->key.revoked ? 0 : known->key.scopes)) != 0;
}

bool
auth_learn_principal(
    struct auth *auth, const struct id *id, unsigned scopes, bool barred)
{
    struct principal *principal = principal_of(auth, id);
    if (principal == NULL)
        return false;
    bool less = (principal->scopes & ~scopes) != 0 || (barred && !principal->barred);
    principal->scopes = scopes;
    principal->barred = barred;
    for (struct held *held = principal->keys; held != NULL; held = held->next)
        judge(auth, held, principal);
    return less && principal->keys != NULL;
}

bool
auth_learn_project(struct auth *auth, const struct id *id, bool deleted)
{
    struct project *project = project_of(auth, id);
    if (auth_project_deleted(auth, id) == deleted)
        return false;
    if (project == NULL) {
        project = calloc(1, sizeof *project);
        if (project == NULL)
            WRONG("out of memory");
        project->id = *id;
        project->next = auth->projects;
        auth->projects = project;
    }
    project->deleted = deleted;
    for (size_t i = 0; i < auth->count; i++) {
        struct key *key = &auth->all[i]->key;
        if (id_equal(&key->project, id))
            key->revoked = key->refused || deleted;
    }
    return true;
}

const struct key *
auth_check(const struct auth *auth, struct bytes key_text)
{
    struct id id = { 0 };
    uint8_t secret[KEY_SECRET_SIZE] = { 0 };
    bool formed = api_key_read(key_text, &id, secret);
    const struct held *held = formed ? map_get(&auth->keys, id_bytes(&id)) : NULL;
    const struct key *key = held == NULL ? NULL : &held->key;
    struct hash hash = hash_keyed(auth->secret, bytes_of(secret, sizeof secret));
    bool same = hash_same(&hash, key != NULL ? &key->hash : &auth->nobody, HASH_SIZE);
    sodium_memzero(secret, sizeof secret);
    return same && key != NULL && !key->refused ? key : NULL;
}

void
auth_learn_managed(struct auth *auth, const uint8_t life[MAC_SIZE])
{
    uint8_t chance[KEY_SECRET_SIZE];
    struct key key = { .project = id_of_name(text("default")), .scopes = SCOPE_WORK };
    api_key_managed(auth->secret, life, &key.id, chance);
    key.hash = hash_keyed(auth->secret, bytes_of(chance, sizeof chance));
    sodium_memzero(chance, sizeof chance);
    key_name(&key, text("managed workers"));
    auth_learn(auth, &key);
}

struct bytes
auth_bearer(struct bytes header)
{
    static const char word[] = "Bearer ";
    size_t size = sizeof word - 1;
    if (header.size <= size || strncasecmp((const char *)header.data, word, size) != 0)
        return (struct bytes){ 0 };
    return bytes_of(header.data + size, header.size - size);
}

void
auth_mint(const struct auth *auth, const struct id *id,
    const uint8_t chance[KEY_SECRET_SIZE], char out[KEY_TEXT_SIZE + 1],
    struct hash *hash)
{
    api_key_print(id, chance, out);
    *hash = hash_keyed(auth->secret, bytes_of(chance, KEY_SECRET_SIZE));
}

static const struct {
    const char *name;
    enum scope scope;
} scopes[] = { { "read", SCOPE_READ }, { "start", SCOPE_START }, { "work", SCOPE_WORK },
    { "admin", SCOPE_ADMIN } };

unsigned
scope_read(struct bytes name)
{
    for (size_t i = 0; i < COUNT(scopes); i++)
        if (bytes_equal(name, text(scopes[i].name)))
            return scopes[i].scope;
    return 0;
}

const char *
scope_name(unsigned scope)
{
    for (size_t i = 0; i < COUNT(scopes); i++)
        if (scopes[i].scope == scope)
            return scopes[i].name;
    WRONG("a route asks for one scope");
}

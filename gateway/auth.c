#include "gateway/auth.h"

#include "base/map.h"
#include "base/wrong.h"
#include "transport/messages.h"

#include <sodium.h>
#include <stdlib.h>
#include <strings.h>

struct auth {
    uint8_t secret[SECRET_SIZE];
    struct map keys; /* by id */
    struct key **all;
    size_t count, max;
    struct hash nobody; /* compared with when no key has the id */
};

struct auth *
auth_new(const uint8_t secret[SECRET_SIZE], size_t keys_max)
{
    struct auth *auth = calloc(1, sizeof *auth);
    if (auth == NULL || (auth->all = calloc(keys_max, sizeof *auth->all)) == NULL)
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
    free(auth->all);
    map_free(&auth->keys);
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

void
auth_learn(struct auth *auth, const struct key *key)
{
    struct key *known = map_get(&auth->keys, id_bytes(&key->id));
    if (known == NULL) {
        if (auth->count == auth->max)
            return;
        known = malloc(sizeof *known);
        if (known == NULL)
            WRONG("out of memory");
        known->id = key->id;
        auth->all[auth->count++] = known;
        map_put(&auth->keys, id_bytes(&known->id), known);
    }
    *known = *key;
}

const struct key *
auth_check(const struct auth *auth, struct bytes key_text)
{
    struct id id = { 0 };
    uint8_t secret[KEY_SECRET_SIZE] = { 0 };
    bool formed = api_key_read(key_text, &id, secret);
    const struct key *key = formed ? map_get(&auth->keys, id_bytes(&id)) : NULL;
    struct hash hash = hash_keyed(auth->secret, bytes_of(secret, sizeof secret));
    bool same = hash_same(&hash, key != NULL ? &key->hash : &auth->nobody, HASH_SIZE);
    sodium_memzero(secret, sizeof secret);
    return same && key != NULL && !key->revoked ? key : NULL;
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

unsigned
scope_read(struct bytes name)
{
    static const struct {
        const char *name;
        enum scope scope;
    } scopes[] = { { "read", SCOPE_READ }, { "start", SCOPE_START },
        { "work", SCOPE_WORK }, { "admin", SCOPE_ADMIN } };
    for (size_t i = 0; i < COUNT(scopes); i++)
        if (bytes_equal(name, text(scopes[i].name)))
            return scopes[i].scope;
    return 0;
}

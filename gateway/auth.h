/* auth - the API keys there are, and whether a stranger holds one.
 *
 * The gateway knows key id and keyed BLAKE2b of the bytes, as the registry says them.
 * An unknown key and a wrong one cost the same and get the same answer.
 */
#ifndef GATEWAY_AUTH_H
#define GATEWAY_AUTH_H
#include "base/api_key.h"

enum { KEY_PREFIX_SIZE = 12, KEY_NAME_SIZE = 201 };

struct key {
    struct id id, project;
    struct hash hash;
    char name[KEY_NAME_SIZE]; /* for people: who answers what a run asks */
    unsigned scopes;          /* bits of enum scope: what it may do now */
    bool refused;             /* revoked, or its principal is barred */
    bool revoked;             /* that, or its project is deleted: who holds it, stops */
    struct id principal;      /* whose it is; zero: its own */
};

void key_name(struct key *key, struct bytes name);

/* May it do now what needs this scope (0: none)? */
static inline bool
key_may(const struct key *key, unsigned scope)
{
    return !key->revoked && (scope == 0 || (key->scopes & scope) != 0);
}

struct auth;

struct auth *auth_new(const uint8_t secret[SECRET_SIZE], size_t keys_max);
void auth_free(struct auth **auth);

/* A key as it is from now on.  Copies it; keys beyond keys_max are not learned.  One
 * that has a principal may do what both may.  True: it may do less than before. */
bool auth_learn(struct auth *auth, const struct key *key);
/* What the keys of a principal may do from now on; those of one that was never learned
 * may do nothing, and are refused.  Principals beyond keys_max are not learned.  True:
 * some key may do less than before. */
bool auth_learn_principal(
    struct auth *auth, const struct id *principal, unsigned scopes, bool barred);

/* The key of the workers that the engine starts itself, in this life: they may work in
 * the project "default", and nothing else. */
void auth_learn_managed(struct auth *auth, const uint8_t life[MAC_SIZE]);

/* Nothing is done for the keys of the project, or again.  True: it was otherwise. */
bool auth_learn_project(struct auth *auth, const struct id *project, bool deleted);
bool auth_project_deleted(const struct auth *auth, const struct id *project);

/* The key whose text this is, valid as long as `auth`; NULL if it is none or refused.
 */
const struct key *auth_check(const struct auth *auth, struct bytes key_text);

/* The key after "Bearer " in the value of an Authorization header, or nothing. */
struct bytes auth_bearer(struct bytes header);

/* Make the text of a new key, and the hash that is kept of it. */
void auth_mint(const struct auth *auth, const struct id *id,
    const uint8_t chance[KEY_SECRET_SIZE], char out[KEY_TEXT_SIZE + 1],
    struct hash *hash);

/* "read" and so on to a bit of enum scope; 0 if there is none of that name. */
unsigned scope_read(struct bytes name);
/* And back: of one bit. */
const char *scope_name(unsigned scope);
#endif

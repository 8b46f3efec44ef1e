#include "actors/lease/token.h"

#include "base/wrong.h"

#include <assert.h>
#include <stdlib.h>

enum { LEASE_NAME_SIZE = LEASE_TOKEN_SIZE - MAC_SIZE, TOKENS_KEPT = 4096 };

static uint8_t *
put_id(uint8_t *at, const struct id *id)
{
    memcpy(at, id->bytes, ID_SIZE);
    return at + ID_SIZE;
}

static uint8_t *
put_u32(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> (24 - 8 * i));
    return at + 4;
}

static uint32_t
get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void
put_name(uint8_t *at, const struct lease_name *name)
{
    const uint8_t *begin = at;
    at = put_id(at, &name->run);
    at = put_u32(at, name->step);
    at = put_u32(at, name->attempt);
    at = put_u32(at, name->offer);
    at = put_id(at, &name->session);
    assert(at == begin + LEASE_NAME_SIZE);
}

static void
get_name(const uint8_t *at, struct lease_name *name)
{
    memcpy(name->run.bytes, at, ID_SIZE);
    name->step = get_u32(at + 16);
    name->attempt = get_u32(at + 20);
    name->offer = get_u32(at + 24);
    memcpy(name->session.bytes, at + 28, ID_SIZE);
}

static void
put_mac(const uint8_t secret[SECRET_SIZE], uint8_t *token)
{
    struct hash mac = hash_keyed(secret, bytes_of(token, LEASE_NAME_SIZE));
    memcpy(token + LEASE_NAME_SIZE, mac.bytes, MAC_SIZE);
}

struct bytes
lease_token(const uint8_t secret[SECRET_SIZE], const struct lease_name *name,
    struct arena *arena)
{
    uint8_t *token = arena_take(arena, LEASE_TOKEN_SIZE);
    put_name(token, name);
    put_mac(secret, token);
    return bytes_of(token, LEASE_TOKEN_SIZE);
}

/* Of two tokens of one name, `like` is genuine. */
static bool
read_like(const uint8_t *like, const uint8_t *token, struct lease_name *name)
{
    if (!hash_same(like + LEASE_NAME_SIZE, token + LEASE_NAME_SIZE, MAC_SIZE))
        return false;
    get_name(token, name);
    return true;
}

bool
lease_token_read(
    const uint8_t secret[SECRET_SIZE], struct bytes token, struct lease_name *name)
{
    uint8_t like[LEASE_TOKEN_SIZE];
    if (token.size != LEASE_TOKEN_SIZE)
        return false;
    memcpy(like, token.data, LEASE_NAME_SIZE);
    put_mac(secret, like);
    return read_like(like, token.data, name);
}

/* A slot has the last token of those whose names fall on it. */
struct tokens {
    uint8_t secret[SECRET_SIZE];
    struct {
        bool used;
        uint8_t token[LEASE_TOKEN_SIZE];
    } slots[TOKENS_KEPT];
};

struct tokens *
tokens_new(const uint8_t secret[SECRET_SIZE])
{
    struct tokens *tokens = calloc(1, sizeof *tokens);
    if (tokens == NULL)
        WRONG("out of memory");
    memcpy(tokens->secret, secret, SECRET_SIZE);
    return tokens;
}

void
tokens_free(struct tokens **tokens)
{
    free(*tokens);
    *tokens = NULL;
}

/* The token whose name is that of `token`. */
static const uint8_t *
token_like(struct tokens *tokens, const uint8_t *token)
{
    uint64_t hash = hash_table(bytes_of(token, LEASE_NAME_SIZE));
    uint8_t *kept = tokens->slots[hash % TOKENS_KEPT].token;
    bool *used = &tokens->slots[hash % TOKENS_KEPT].used;
    if (*used && memcmp(kept, token, LEASE_NAME_SIZE) == 0)
        return kept;
    memcpy(kept, token, LEASE_NAME_SIZE);
    put_mac(tokens->secret, kept);
    *used = true;
    return kept;
}

struct bytes
tokens_make(struct tokens *tokens, const struct lease_name *name, struct arena *arena)
{
    uint8_t named[LEASE_NAME_SIZE];
    put_name(named, name);
    return arena_copy(arena, bytes_of(token_like(tokens, named), LEASE_TOKEN_SIZE));
}

bool
tokens_read(struct tokens *tokens, struct bytes token, struct lease_name *name)
{
    return token.size == LEASE_TOKEN_SIZE
           && read_like(token_like(tokens, token.data), token.data, name);
}

static struct hash
session_mac(const uint8_t secret[SECRET_SIZE], const struct id *session,
    const struct id *project, struct bytes instance)
{
    struct hash owner =
        hash_chain_numbered(&(struct hash){ { 0 } }, instance.size, instance);
    uint8_t named[2 * ID_SIZE + HASH_SIZE], *at = named;
    at = put_id(at, session);
    at = put_id(at, project);
    memcpy(at, owner.bytes, HASH_SIZE);
    return hash_keyed(secret, bytes_of(named, sizeof named));
}

struct bytes
session_token(const uint8_t secret[SECRET_SIZE], const struct id *session,
    const struct id *project, struct bytes instance, struct arena *arena)
{
    uint8_t *token = arena_take(arena, SESSION_TOKEN_SIZE);
    struct hash mac = session_mac(secret, session, project, instance);
    memcpy(put_id(token, session), mac.bytes, MAC_SIZE);
    return bytes_of(token, SESSION_TOKEN_SIZE);
}

bool
session_token_read(const uint8_t secret[SECRET_SIZE], struct bytes token,
    const struct id *project, struct bytes instance, struct id *session)
{
    if (token.size != SESSION_TOKEN_SIZE)
        return false;
    struct id named;
    memcpy(named.bytes, token.data, ID_SIZE);
    struct hash mac = session_mac(secret, &named, project, instance);
    if (!hash_same(mac.bytes, token.data + ID_SIZE, MAC_SIZE))
        return false;
    *session = named;
    return true;
}

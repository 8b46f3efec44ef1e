#include "actors/lease/token.h"

#include <assert.h>

enum { LEASE_NAME_SIZE = LEASE_TOKEN_SIZE - MAC_SIZE };

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

struct bytes
lease_token(const uint8_t secret[SECRET_SIZE], const struct lease_name *name,
    struct arena *arena)
{
    uint8_t *token = arena_take(arena, LEASE_TOKEN_SIZE), *at = token;
    at = put_id(at, &name->run);
    at = put_u32(at, name->step);
    at = put_u32(at, name->attempt);
    at = put_u32(at, name->offer);
    at = put_id(at, &name->session);
    assert(at == token + LEASE_NAME_SIZE);
    struct hash mac = hash_keyed(secret, bytes_of(token, LEASE_NAME_SIZE));
    memcpy(at, mac.bytes, MAC_SIZE);
    return bytes_of(token, LEASE_TOKEN_SIZE);
}

bool
lease_token_read(
    const uint8_t secret[SECRET_SIZE], struct bytes token, struct lease_name *name)
{
    if (token.size != LEASE_TOKEN_SIZE)
        return false;
    const uint8_t *at = token.data;
    struct hash mac = hash_keyed(secret, bytes_of(at, LEASE_NAME_SIZE));
    if (!hash_same(mac.bytes, at + LEASE_NAME_SIZE, MAC_SIZE))
        return false;
    memcpy(name->run.bytes, at, ID_SIZE);
    name->step = get_u32(at + 16);
    name->attempt = get_u32(at + 20);
    name->offer = get_u32(at + 24);
    memcpy(name->session.bytes, at + 28, ID_SIZE);
    return true;
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

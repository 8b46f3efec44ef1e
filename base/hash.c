#include "base/hash.h"

#include <sodium.h>

struct hash
hash_of(struct bytes in)
{
    struct hash h;
    crypto_generichash(h.bytes, HASH_SIZE, in.data, in.size, NULL, 0);
    return h;
}

const char *
hash_print(const struct hash *hash, char out[HASH_TEXT_SIZE])
{
    return sodium_bin2hex(out, HASH_TEXT_SIZE, hash->bytes, HASH_SIZE);
}

struct hash
hash_chain(const struct hash *before, struct bytes in)
{
    struct hash h;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, HASH_SIZE);
    crypto_generichash_update(&state, before->bytes, HASH_SIZE);
    crypto_generichash_update(&state, in.data, in.size);
    crypto_generichash_final(&state, h.bytes, HASH_SIZE);
    return h;
}

struct hash
hash_chain_numbered(const struct hash *before, uint64_t number, struct bytes in)
{
    struct hash h;
    uint8_t big_endian[8];
    crypto_generichash_state state;
    for (int i = 0; i < 8; i++)
        big_endian[i] = (uint8_t)(number >> (56 - 8 * i));
    crypto_generichash_init(&state, NULL, 0, HASH_SIZE);
    crypto_generichash_update(&state, before->bytes, HASH_SIZE);
    crypto_generichash_update(&state, big_endian, sizeof big_endian);
    crypto_generichash_update(&state, in.data, in.size);
    crypto_generichash_final(&state, h.bytes, HASH_SIZE);
    return h;
}

struct hash
hash_keyed(const uint8_t secret[SECRET_SIZE], struct bytes in)
{
    struct hash h;
    crypto_generichash(h.bytes, HASH_SIZE, in.data, in.size, secret, SECRET_SIZE);
    return h;
}

bool
hash_same(const void *a, const void *b, size_t size)
{
    return sodium_memcmp(a, b, size) == 0;
}

struct hash
hash_sha256(struct bytes in)
{
    struct hash h;
    crypto_hash_sha256(h.bytes, in.data, in.size);
    return h;
}

/* Eight bytes at a time: keys are long, and looked up often.  For tables only: it is
 * neither the same on every machine nor hard to meet. */
uint64_t
hash_table(struct bytes in)
{
    static const uint64_t odd = 0x9e3779b97f4a7c15u;
    uint64_t h = in.size * odd, word;
    size_t i = 0;
    for (; i + sizeof word <= in.size; i += sizeof word) {
        memcpy(&word, in.data + i, sizeof word);
        h = (h ^ word) * odd;
        h ^= h >> 29;
    }
    if (i < in.size) {
        word = 0;
        memcpy(&word, in.data + i, in.size - i);
        h = (h ^ word) * odd;
    }
    h = (h ^ h >> 32) * odd;
    return h ^ h >> 29;
}

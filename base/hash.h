/* hash - BLAKE2b, and what is made of it: chains, tokens, key checks; SHA-256. */
#ifndef BASE_HASH_H
#define BASE_HASH_H
#include "base/bytes.h"

enum { HASH_SIZE = 32, MAC_SIZE = 16, SECRET_SIZE = 32 };

struct hash {
    uint8_t bytes[HASH_SIZE];
};

/* Two digits for each byte, and a NUL. */
enum { HASH_TEXT_SIZE = 2 * HASH_SIZE + 1 };

struct hash hash_of(struct bytes in);
/* As hexadecimal digits.  Returns `out`. */
const char *hash_print(const struct hash *hash, char out[HASH_TEXT_SIZE]);
/* The next link of a chain: the hash of the one before and `in`. */
struct hash hash_chain(const struct hash *before, struct bytes in);
/* The same, of a number and `in`. */
struct hash
hash_chain_numbered(const struct hash *before, uint64_t number, struct bytes in);
/* What only a holder of `secret` can make. */
struct hash hash_keyed(const uint8_t secret[SECRET_SIZE], struct bytes in);
/* Takes as long whatever differs. */
bool hash_same(const void *a, const void *b, size_t size);
/* SHA-256, where others expect it. */
struct hash hash_sha256(struct bytes in);
/* A quick 64-bit number for tables; never stored. */
uint64_t hash_table(struct bytes in);
#endif

#include "base/seal.h"

#include "base/wrong.h"

#include <sodium.h>

/*   24      n    16
 *  +-------+----+-----+
 *  | nonce | in | tag |
 *  +-------+----+-----+
 */
enum {
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES
};
_Static_assert(
    crypto_aead_xchacha20poly1305_ietf_KEYBYTES == HASH_SIZE, "a keyed hash is a key");

/* The secret has other uses: each has a key of its own. */
static struct hash
key_for(const uint8_t secret[SECRET_SIZE], const char *use)
{
    return hash_keyed(secret, text(use));
}

static struct hash
nonce_of(const uint8_t secret[SECRET_SIZE], struct bytes label, struct bytes in)
{
    struct hash key = key_for(secret, "seal nonce");
    struct hash of_label = hash_keyed(key.bytes, label);
    struct hash chained = hash_chain(&of_label, in);
    return hash_keyed(key.bytes, bytes_of(chained.bytes, HASH_SIZE));
}

void
seal_make(const uint8_t secret[SECRET_SIZE], struct bytes label, struct bytes in,
    struct buffer *out)
{
    struct hash key = key_for(secret, "seal"), nonce = nonce_of(secret, label, in);
    unsigned long long size;
    buffer_append(out, nonce.bytes, NONCE);
    if (crypto_aead_xchacha20poly1305_ietf_encrypt(buffer_reserve(out, in.size + TAG),
            &size, in.data, in.size, label.data, label.size, NULL, nonce.bytes,
            key.bytes)
        != 0)
        WRONG("libsodium does not seal");
    out->size += size;
}

bool
seal_open(const uint8_t secret[SECRET_SIZE], struct bytes label, struct bytes sealed,
    struct buffer *out)
{
    struct hash key = key_for(secret, "seal");
    unsigned long long size;
    if (sealed.size < NONCE + TAG
        || crypto_aead_xchacha20poly1305_ietf_decrypt(
               buffer_reserve(out, sealed.size - NONCE - TAG + 1), &size, NULL,
               sealed.data + NONCE, sealed.size - NONCE, label.data, label.size,
               sealed.data, key.bytes)
               != 0)
        return false;
    out->size += size;
    return true;
}

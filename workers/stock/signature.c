#include "workers/stock/signature.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

const char *
signature_print(const uint8_t key[SIGNATURE_KEY_SIZE], struct bytes delivery,
    uint64_t unix_s, struct bytes body, char out[SIGNATURE_SIZE])
{
    uint8_t sum[crypto_auth_hmacsha256_BYTES];
    char stamp[32];
    crypto_auth_hmacsha256_state state;
    snprintf(stamp, sizeof stamp, ".%" PRIu64 ".", unix_s);
    crypto_auth_hmacsha256_init(&state, key, SIGNATURE_KEY_SIZE);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)"v1.", 3);
    crypto_auth_hmacsha256_update(&state, delivery.data, delivery.size);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)stamp, strlen(stamp));
    crypto_auth_hmacsha256_update(&state, body.data, body.size);
    crypto_auth_hmacsha256_final(&state, sum);
    snprintf(out, SIGNATURE_SIZE, "sha256=");
    sodium_bin2hex(out + 7, SIGNATURE_SIZE - 7, sum, sizeof sum);
    sodium_memzero(&state, sizeof state);
    return out;
}

bool
signature_key_read(struct bytes from, uint8_t key[SIGNATURE_KEY_SIZE])
{
    size_t size;
    return sodium_base642bin(key, SIGNATURE_KEY_SIZE, (const char *)from.data,
               from.size, NULL, &size, NULL, sodium_base64_VARIANT_ORIGINAL)
               == 0
           && size == SIGNATURE_KEY_SIZE;
}

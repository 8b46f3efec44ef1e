/* signature - who sent a request, as Mobius' clients check it: HMAC-SHA256 over
 * "v1.DELIVERY.TIMESTAMP.BODY".  Pure.
 */
#ifndef WORKERS_STOCK_SIGNATURE_H
#define WORKERS_STOCK_SIGNATURE_H
#include "base/bytes.h"

enum { SIGNATURE_SIZE = sizeof "sha256=" + 64, SIGNATURE_KEY_SIZE = 32 };

/* Write "sha256=…" and a NUL to `out`, which is returned. */
const char *
signature_print(const uint8_t key[SIGNATURE_KEY_SIZE], struct bytes delivery,
    uint64_t unix_s, struct bytes body, char out[SIGNATURE_SIZE]);
/* The key in base64; false: it is none. */
bool signature_key_read(struct bytes from, uint8_t key[SIGNATURE_KEY_SIZE]);
#endif

/* seal - bytes that only who has the key can read or make: XChaCha20-Poly1305.
 *
 * Pure: the nonce is a hash under the key, so the same bytes under the same label are
 * sealed to the same; nothing else is told but their length.
 */
#ifndef BASE_SEAL_H
#define BASE_SEAL_H
#include "base/buffer.h"
#include "base/hash.h"

/* Append `in`, sealed: it opens under the same `label` only. */
void seal_make(const uint8_t secret[SECRET_SIZE], struct bytes label, struct bytes in,
    struct buffer *out);

/* Append what was sealed.  False: another key or label, or it was changed. */
bool seal_open(const uint8_t secret[SECRET_SIZE], struct bytes label,
    struct bytes sealed, struct buffer *out);
#endif

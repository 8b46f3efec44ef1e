/* api_key - the text of an API key, and the key of the workers that the engine starts.
 *
 *   cap_<26 characters: key id>_<43 characters: 32 unguessable bytes, base64url>
 */
#ifndef BASE_API_KEY_H
#define BASE_API_KEY_H
#include "base/hash.h"
#include "base/id.h"

enum { KEY_SECRET_SIZE = 32, KEY_TEXT_SIZE = 4 + 26 + 1 + 43 };

void api_key_print(const struct id *id, const uint8_t chance[KEY_SECRET_SIZE],
    char out[KEY_TEXT_SIZE + 1]);
/* False if it does not have the form of a key. */
MUST_CHECK bool
api_key_read(struct bytes in, struct id *id, uint8_t chance[KEY_SECRET_SIZE]);

/* The key of managed workers in this life of the engine.  It follows from the engine's
 * secret, so that who gives it and who judges it need not tell each other, and nothing
 * of it is kept anywhere: it is void when the engine has ended. */
void api_key_managed(const uint8_t secret[SECRET_SIZE], const uint8_t life[MAC_SIZE],
    struct id *id, uint8_t chance[KEY_SECRET_SIZE]);
#endif

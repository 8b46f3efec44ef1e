#include "base/api_key.h"

#include <sodium.h>

enum { ID_CHARS = 26, SECRET_CHARS = 43 };

static const char key_prefix[] = "cap_";

void
api_key_print(const struct id *id, const uint8_t chance[KEY_SECRET_SIZE],
    char out[KEY_TEXT_SIZE + 1])
{
    char name[ID_TEXT_MAX];
    id_print(id, key_prefix, name);
    size_t size = strlen(name);
    memcpy(out, name, size);
    out[size++] = '_';
    sodium_bin2base64(out + size, KEY_TEXT_SIZE + 1 - size, chance, KEY_SECRET_SIZE,
        sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool
api_key_read(struct bytes in, struct id *id, uint8_t chance[KEY_SECRET_SIZE])
{
    size_t size;
    if (in.size != KEY_TEXT_SIZE || in.data[KEY_TEXT_SIZE - SECRET_CHARS - 1] != '_')
        return false;
    struct bytes name = bytes_of(in.data, sizeof key_prefix - 1 + ID_CHARS);
    return id_read(name, key_prefix, id) == ERR_NONE
           && sodium_base642bin(chance, KEY_SECRET_SIZE,
                  (const char *)in.data + in.size - SECRET_CHARS, SECRET_CHARS, NULL,
                  &size, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING)
                  == 0
           && size == KEY_SECRET_SIZE;
}

void
api_key_managed(const uint8_t secret[SECRET_SIZE], const uint8_t life[MAC_SIZE],
    struct id *id, uint8_t chance[KEY_SECRET_SIZE])
{
    static const char label[] = "key of managed workers";
    uint8_t named[sizeof label + MAC_SIZE];
    memcpy(named, label, sizeof label);
    memcpy(named + sizeof label, life, MAC_SIZE);
    struct hash hash = hash_keyed(secret, bytes_of(named, sizeof named));
    *id = id_of_name(bytes_of(named, sizeof named));
    memcpy(chance, hash.bytes, KEY_SECRET_SIZE);
    sodium_memzero(&hash, sizeof hash);
}

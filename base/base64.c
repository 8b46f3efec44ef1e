#include "base/base64.h"

#include <sodium.h>

void
base64_write(struct buffer *out, struct bytes in)
{
    size_t size = sodium_base64_encoded_len(in.size, sodium_base64_VARIANT_ORIGINAL);
    char *at = (char *)buffer_reserve(out, size);
    sodium_bin2base64(at, size, in.data, in.size, sodium_base64_VARIANT_ORIGINAL);
    out->size += size - 1;
}

bool
base64_read(struct buffer *out, struct bytes in)
{
    static const int variants[] = { sodium_base64_VARIANT_ORIGINAL,
        sodium_base64_VARIANT_ORIGINAL_NO_PADDING, sodium_base64_VARIANT_URLSAFE,
        sodium_base64_VARIANT_URLSAFE_NO_PADDING };
    uint8_t *at = buffer_reserve(out, in.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < COUNT(variants); i++)
        if (sodium_base642bin(at, in.size, (const char *)in.data, in.size, "\r\n",
                &size, NULL, variants[i])
            == 0) {
            out->size += size;
            return true;
        }
    return false;
}

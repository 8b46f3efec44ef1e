#include "base/id.h"

#include <sodium.h>

enum { ID_LETTERS = 26 };

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

struct id
id_make(uint64_t unix_ms, const uint8_t chance[10], unsigned partition)
{
    struct id id;
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
    memcpy(id.bytes + 6, chance, 10);
    id.bytes[6] = (uint8_t)(0x70 | (chance[0] & 0x0f));
    id.bytes[8] = (uint8_t)(0x80 | (partition >> 2 & 0x3f));
    id.bytes[9] = (uint8_t)((partition & 3) << 6 | (chance[3] & 0x3f));
    return id;
}

static struct id
derive(const struct id *parent, uint64_t number, unsigned partition)
{
    uint8_t seed[ID_SIZE + 8], chance[crypto_generichash_BYTES_MIN];
    memcpy(seed, parent->bytes, ID_SIZE);
    for (int i = 0; i < 8; i++)
        seed[ID_SIZE + i] = (uint8_t)(number >> (56 - 8 * i));
    crypto_generichash(chance, sizeof chance, seed, sizeof seed, NULL, 0);
    return id_make(id_unix_ms(parent), chance, partition);
}

struct id
id_derive(const struct id *parent, uint64_t number)
{
    return derive(parent, number, id_partition(parent));
}

struct id
id_move(const struct id *id, unsigned partition)
{
    static const uint64_t move_tag = (uint64_t)'m' << 56;
    return id_partition(id) == partition ? *id
                                         : derive(id, move_tag | partition, partition);
}

struct id
id_of_name(struct bytes name)
{
    struct id id;
    crypto_generichash(id.bytes, ID_SIZE, name.data, name.size, NULL, 0);
    return id;
}

unsigned
id_partition(const struct id *id)
{
    return (unsigned)(id->bytes[8] & 0x3f) << 2 | id->bytes[9] >> 6;
}

uint64_t
id_unix_ms(const struct id *id)
{
    uint64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->bytes[i];
    return ms;
}

static uint64_t
half(const struct id *id, size_t from)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < 8; i++)
        bits = bits << 8 | id->bytes[from + i];
    return bits;
}

const char *
id_print(const struct id *id, const char *prefix, char out[ID_TEXT_MAX])
{
    size_t at = strlen(prefix);
    uint64_t high = half(id, 0), low = half(id, 8);
    if (at > ID_TEXT_MAX - ID_LETTERS - 1)
        at = ID_TEXT_MAX - ID_LETTERS - 1;
    memcpy(out, prefix, at);
    /* From the last letter on; the first one carries three bits of the 128. */
    for (size_t i = ID_LETTERS; i-- > 0;) {
        out[at + i] = alphabet[low & 31];
        low = low >> 5 | high << 59;
        high >>= 5;
    }
    out[at + ID_LETTERS] = '\0';
    return out;
}

enum err
id_read(struct bytes in, const char *prefix, struct id *id)
{
    struct bytes head = text(prefix);
    uint64_t high = 0, low = 0;
    if (in.size != head.size + ID_LETTERS || !bytes_begin(in, head))
        return ERR_MALFORMED;
    for (size_t i = head.size; i < in.size; i++) {
        const char *at = in.data[i] == '\0' ? NULL : strchr(alphabet, in.data[i]);
        if (at == NULL || high >> 59 != 0)
            return ERR_MALFORMED;
        high = high << 5 | low >> 59;
        low = low << 5 | (uint64_t)(at - alphabet);
    }
    if ((high | low) == 0)
        return ERR_MALFORMED;
    for (size_t i = 0; i < 8; i++) {
        id->bytes[i] = (uint8_t)(high >> (56 - 8 * i));
        id->bytes[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
    return ERR_NONE;
}

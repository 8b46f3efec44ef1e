#include "store/stored.h"

#include "store/crc32c.h"

#include <assert.h>
#include <inttypes.h>

/* Where each part begins. */
enum { CRC = 0, FORM = 4, HASH = 8, NUMBER = 40, AT_MS = 48, EPOCH = 56 };
enum { FORM_WHOLE = 1, FORM_STRIPPED = 2 };

static void
put_little(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t
get_little(const uint8_t *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

/* What the checksum covers, and what the hash does. */
static struct bytes
after_crc(struct bytes whole)
{
    return bytes_of(whole.data + FORM, whole.size - FORM);
}

static struct bytes
after_hash(struct bytes whole)
{
    return bytes_of(whole.data + NUMBER, whole.size - NUMBER);
}

void
stored_write(struct record *record, const struct hash *before, struct buffer *out)
{
    size_t size = RECORD_HEAD + record->facts.size;
    uint8_t *at = buffer_reserve(out, size);
    memset(at, 0, HASH);
    at[FORM] = FORM_WHOLE;
    put_little(at + NUMBER, record->number, 8);
    put_little(at + AT_MS, record->at_ms, 8);
    put_little(at + EPOCH, record->epoch, 8);
    if (record->facts.size > 0)
        memcpy(at + RECORD_HEAD, record->facts.data, record->facts.size);
    record->hash = hash_chain(before, after_hash(bytes_of(at, size)));
    memcpy(at + HASH, record->hash.bytes, HASH_SIZE);
    put_little(at + CRC, crc32c(0, after_crc(bytes_of(at, size))), 4);
    out->size += size;
}

void
stored_strip(struct bytes in, struct bytes facts, struct buffer *out)
{
    size_t size = RECORD_HEAD + facts.size;
    uint8_t *at = buffer_reserve(out, size);
    assert(in.size >= RECORD_HEAD);
    memcpy(at, in.data, RECORD_HEAD);
    at[FORM] = FORM_STRIPPED;
    if (facts.size > 0)
        memcpy(at + RECORD_HEAD, facts.data, facts.size);
    put_little(at + CRC, crc32c(0, after_crc(bytes_of(at, size))), 4);
    out->size += size;
}

enum err
stored_read(
    struct bytes in, uint64_t number, struct record *record, struct fault *fault)
{
    if (in.size < RECORD_HEAD)
        return fault_set(fault, ERR_CORRUPT,
            "record %" PRIu64 " has %zu bytes, fewer than its head", number, in.size);
    if (get_little(in.data + CRC, 4) != crc32c(0, after_crc(in)))
        return fault_set(
            fault, ERR_CORRUPT, "record %" PRIu64 " fails its checksum", number);
    if (in.data[FORM] != FORM_WHOLE && in.data[FORM] != FORM_STRIPPED)
        return fault_set(fault, ERR_CORRUPT,
            "record %" PRIu64 " has the unknown form %u", number, in.data[FORM]);
    memcpy(record->hash.bytes, in.data + HASH, HASH_SIZE);
    record->number = get_little(in.data + NUMBER, 8);
    record->at_ms = get_little(in.data + AT_MS, 8);
    record->epoch = get_little(in.data + EPOCH, 8);
    record->facts = bytes_of(in.data + RECORD_HEAD, in.size - RECORD_HEAD);
    if (record->number != number)
        return fault_set(fault, ERR_CORRUPT,
            "record %" PRIu64 " lies in the place of record %" PRIu64, record->number,
            number);
    return ERR_NONE;
}

bool
stored_continues(struct bytes in, const struct hash *before)
{
    assert(in.size >= RECORD_HEAD);
    struct hash expected = hash_chain(before, after_hash(in));
    return in.data[FORM] == FORM_STRIPPED
           || memcmp(expected.bytes, in.data + HASH, HASH_SIZE) == 0;
}

struct number_key
number_key(uint64_t number)
{
    struct number_key key;
    for (int i = 0; i < NUMBER_SIZE; i++)
        key.bytes[i] = (uint8_t)(number >> 8 * (NUMBER_SIZE - 1 - i));
    return key;
}

uint64_t
number_of_key(struct bytes key)
{
    uint64_t number = 0;
    for (size_t i = 0; i < NUMBER_SIZE && i < key.size; i++)
        number = number << 8 | key.data[i];
    return number;
}

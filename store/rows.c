#include "store/rows.h"

#include "base/pack.h"

#include <assert.h>

static const struct field run_row_field_rows[] = { run_row_FIELDS(FIELD_ROW, run_row) };
static const struct field step_row_field_rows[] = { step_row_FIELDS(
    FIELD_ROW, step_row) };
static const struct field name_row_field_rows[] = { name_row_FIELDS(
    FIELD_ROW, name_row) };
static const struct field group_row_field_rows[] = { group_row_FIELDS(
    FIELD_ROW, group_row) };
static const struct field failures_row_field_rows[] = { failures_row_FIELDS(
    FIELD_ROW, failures_row) };
static const struct field expansion_row_field_rows[] = { expansion_row_FIELDS(
    FIELD_ROW, expansion_row) };
static const struct field interaction_row_field_rows[] = { interaction_row_FIELDS(
    FIELD_ROW, interaction_row) };
const struct shape run_row_shape = SHAPE(run_row);
const struct shape step_row_shape = SHAPE(step_row);
const struct shape name_row_shape = SHAPE(name_row);
const struct shape group_row_shape = SHAPE(group_row);
const struct shape failures_row_shape = SHAPE(failures_row);
const struct shape expansion_row_shape = SHAPE(expansion_row);
const struct shape interaction_row_shape = SHAPE(interaction_row);

struct row_key
row_key(char letter)
{
    struct row_key key;
    key.bytes[0] = (uint8_t)letter;
    key.size = 1;
    return key;
}

static void
append(struct row_key *key, const void *bytes, size_t size)
{
    assert(size <= ROW_KEY_MAX - key->size);
    if (size > 0)
        memcpy(key->bytes + key->size, bytes, size);
    key->size += size;
}

static void
append_number(struct row_key *key, uint64_t number, unsigned size)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (uint8_t)(number >> (8 * (size - 1 - i)));
    append(key, bytes, size);
}

void
row_key_id(struct row_key *key, const struct id *id)
{
    append(key, id->bytes, ID_SIZE);
}

void
row_key_u8(struct row_key *key, uint8_t number)
{
    append_number(key, number, 1);
}

void
row_key_u32(struct row_key *key, uint32_t number)
{
    append_number(key, number, 4);
}

void
row_key_u64(struct row_key *key, uint64_t number)
{
    append_number(key, number, 8);
}

void
row_key_text(struct row_key *key, struct bytes text)
{
    append(key, text.data, text.size);
}

static struct id
complement(struct id id)
{
    for (int i = 0; i < ID_SIZE; i++)
        id.bytes[i] = (uint8_t)~id.bytes[i];
    return id;
}

void
row_key_newest(struct row_key *key, const struct id *id)
{
    struct id last_first = complement(*id);
    row_key_id(key, &last_first);
}

/* ~run begins with the complement of 48 bits of time. */
enum { SLICE_MS_BITS = 4, SLICE_KEY_BITS = 16 + SLICE_MS_BITS };

uint64_t
row_slice(const struct id *run)
{
    uint64_t newest_first = ~id_unix_ms(run) & (UINT64_MAX >> 16);
    return newest_first >> SLICE_MS_BITS;
}

void
row_slice_bounds(
    const struct id *project, uint64_t slice, struct row_key *from, struct row_key *to)
{
    uint64_t first = slice << SLICE_KEY_BITS;
    *from = row_key('O');
    row_key_id(from, project);
    *to = *from;
    row_key_u64(from, first);
    row_key_u64(to, first | ((UINT64_C(1) << SLICE_KEY_BITS) - 1));
    *to = row_key_after(to);
}

struct row_key
row_key_after(const struct row_key *key)
{
    struct row_key after = *key;
    while (after.size > 0 && after.bytes[after.size - 1] == 0xff)
        after.size--;
    assert(after.size > 0);
    after.bytes[after.size - 1]++;
    return after;
}

struct row_key
row_key_run(char letter, const struct id *project, const struct id *run)
{
    struct row_key key = row_key(letter);
    row_key_id(&key, project);
    row_key_id(&key, run);
    return key;
}

static uint64_t
take_number(struct bytes *left, size_t size)
{
    uint64_t number = 0;
    assert(left->size >= size);
    for (size_t i = 0; i < size; i++)
        number = number << 8 | left->data[i];
    left->data += size;
    left->size -= size;
    return number;
}

struct id
row_take_id(struct bytes *left)
{
    struct id id;
    assert(left->size >= ID_SIZE);
    memcpy(id.bytes, left->data, ID_SIZE);
    left->data += ID_SIZE;
    left->size -= ID_SIZE;
    return id;
}

struct id
row_take_newest(struct bytes *left)
{
    return complement(row_take_id(left));
}

uint8_t
row_take_u8(struct bytes *left)
{
    return (uint8_t)take_number(left, 1);
}

uint32_t
row_take_u32(struct bytes *left)
{
    return (uint32_t)take_number(left, 4);
}

uint64_t
row_take_u64(struct bytes *left)
{
    return take_number(left, 8);
}

const char *
interaction_status_name(enum interaction_status status)
{
    static const char *const names[] = { "", "pending", "completed", "expired",
        "cancelled" };
    return (unsigned)status < COUNT(names) ? names[status] : "unknown";
}

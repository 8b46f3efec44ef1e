#include "actors/trigger/schedule.h"

#include "base/hash.h"
#include "base/wrong.h"

#include <assert.h>

static const struct field schedule_field_rows[] = { schedule_FIELDS(
    FIELD_ROW, schedule) };
static const struct field fire_field_rows[] = { fire_FIELDS(FIELD_ROW, fire) };
const struct shape schedule_shape = SHAPE(schedule);
const struct shape fire_shape = SHAPE(fire);

struct row_key
key_of_schedule(const struct trigger_name *name)
{
    struct row_key key = row_key_run('S', &name->project, &name->automation);
    row_key_text(&key, name->key);
    return key;
}

struct row_key
key_of_due(uint64_t due_ms, const struct trigger_name *name)
{
    struct row_key key = row_key('T');
    row_key_u64(&key, due_ms);
    row_key_id(&key, &name->project);
    row_key_id(&key, &name->automation);
    row_key_text(&key, name->key);
    return key;
}

struct row_key
key_of_fire(const struct id *run)
{
    struct row_key key = row_key('F');
    row_key_u32(&key, id_partition(run));
    row_key_id(&key, run);
    return key;
}

struct trigger_name
due_read(struct bytes key, uint64_t *due_ms)
{
    struct trigger_name name;
    row_take_u8(&key);
    *due_ms = row_take_u64(&key);
    name.project = row_take_id(&key);
    name.automation = row_take_id(&key);
    name.key = key;
    return name;
}

static bool
read_row(struct journal *journal, const struct row_key *key, const struct shape *shape,
    void *value)
{
    struct bytes row = journal_get(journal, row_key_bytes(key));
    struct cursor in = cursor_over(row);
    if (row.data == NULL)
        return false;
    if (fields_read(&in, shape, NULL, value) != ERR_NONE)
        WRONG("a row of the trigger actor cannot be read");
    return true;
}

bool
schedule_read(
    struct journal *journal, const struct trigger_name *name, struct schedule *schedule)
{
    struct row_key key = key_of_schedule(name);
    return read_row(journal, &key, &schedule_shape, schedule);
}

bool
fire_read(struct journal *journal, const struct id *run, struct fire *fire)
{
    struct row_key key = key_of_fire(run);
    return read_row(journal, &key, &fire_shape, fire);
}

uint64_t
schedule_slot(const struct schedule *schedule, uint64_t now_ms)
{
    assert(schedule->interval_ms > 0);
    assert(schedule->next_ms <= now_ms);
    uint64_t late_ms = now_ms - schedule->next_ms;
    return now_ms - late_ms % schedule->interval_ms;
}

struct id
slot_run(const struct trigger_name *name, uint64_t slot_ms, uint32_t partitions)
{
    struct hash hash = hash_of(id_bytes(&name->project));
    hash = hash_chain(&hash, id_bytes(&name->automation));
    hash = hash_chain_numbered(&hash, slot_ms, name->key);
    /* The first ten bytes are the id's chance, others choose the partition. */
    uint32_t chosen = (uint32_t)hash.bytes[16] << 8 | hash.bytes[17];
    return id_make(slot_ms, hash.bytes, chosen % partitions);
}

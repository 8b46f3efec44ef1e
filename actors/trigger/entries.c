#include "actors/trigger/entries.h"

#include "base/hash.h"
#include "base/wrong.h"

#include <assert.h>

#define ENTRY(S)                                                                       \
    static const struct field S##_field_rows[] = { S##_FIELDS(FIELD_ROW, S) };         \
    const struct shape S##_shape = SHAPE(S)

ENTRY(automation_kept);
ENTRY(definition);
ENTRY(schedule);
ENTRY(fire);
ENTRY(stream);
ENTRY(event_entry);
ENTRY(holding);
ENTRY(paths_entry);
ENTRY(wait_entry);
ENTRY(match_entry);
ENTRY(telling);
ENTRY(hold);
ENTRY(hook);
ENTRY(secret_entry);
ENTRY(value_entry);
ENTRY(scope_entry);
ENTRY(values_total);
ENTRY(change_entry);
ENTRY(changes_total);
ENTRY(change_place);

/* The first half of a hash, where a text is too long for a key. */
static struct id
short_hash(struct bytes in)
{
    struct hash hash = hash_of(in);
    struct id id;
    memcpy(id.bytes, hash.bytes, ID_SIZE);
    return id;
}

static struct row_key
key_of_hashed(char letter, const struct id *project, struct bytes in)
{
    struct id hash = short_hash(in);
    return row_key_run(letter, project, &hash);
}

struct hold_name
hold_name(const struct trigger_name *trigger, struct bytes group)
{
    return (struct hold_name){ trigger->project, trigger->automation,
        short_hash(trigger->key), short_hash(group) };
}

struct row_key
key_of_triggers(const struct id *project, const struct id *automation)
{
    return row_key_run('P', project, automation);
}

struct row_key
key_of_named(const struct id *project, struct bytes name)
{
    return key_of_hashed('N', project, name);
}

static struct row_key
key_of_trigger(char letter, const struct trigger_name *name)
{
    struct row_key key = row_key_run(letter, &name->project, &name->automation);
    row_key_text(&key, name->key);
    return key;
}

struct row_key
key_of_definition(const struct trigger_name *name)
{
    return key_of_trigger('C', name);
}

struct row_key
key_of_schedule(const struct trigger_name *name)
{
    return key_of_trigger('S', name);
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

static struct row_key
key_of_project(char letter, const struct id *project)
{
    struct row_key key = row_key(letter);
    row_key_id(&key, project);
    return key;
}

struct row_key
key_of_stream(const struct id *project)
{
    return key_of_project('Z', project);
}

struct row_key
key_of_event(const struct id *project, uint64_t number)
{
    struct row_key key = key_of_project('E', project);
    row_key_u64(&key, number);
    return key;
}

struct row_key
key_of_typed(const struct id *project, struct bytes type, uint64_t number)
{
    struct row_key key = key_of_hashed('I', project, type);
    row_key_u64(&key, number);
    return key;
}

struct row_key
key_of_event_id(const struct id *project, struct bytes id)
{
    return key_of_hashed('D', project, id);
}

struct row_key
key_of_wait(char letter, const struct wait_name *name)
{
    struct row_key key = row_key_run(letter, &name->project, &name->run);
    row_key_u32(&key, name->step);
    row_key_u32(&key, name->attempt);
    return key;
}

struct row_key
key_of_match(const struct wait_name *name)
{
    struct row_key key = row_key('M');
    row_key_u32(&key, id_partition(&name->run));
    row_key_id(&key, &name->run);
    row_key_u32(&key, name->step);
    row_key_u32(&key, name->attempt);
    return key;
}

struct row_key
key_of_telling(uint64_t record)
{
    struct row_key key = row_key('f');
    row_key_u64(&key, record);
    return key;
}

/* No id is like that: it is a text. */
struct row_key
key_of_event_asked(const struct id *project, uint64_t question)
{
    struct row_key asked = row_key((char)0xff);
    row_key_u64(&asked, question);
    return key_of_hashed('D', project, row_key_bytes(&asked));
}

static void
add_hold(struct row_key *key, const struct hold_name *name)
{
    row_key_id(key, &name->project);
    row_key_id(key, &name->automation);
    row_key_id(key, &name->trigger);
    row_key_id(key, &name->group);
}

struct row_key
key_of_hold(const struct hold_name *name)
{
    struct row_key key = row_key('H');
    add_hold(&key, name);
    return key;
}

struct row_key
key_of_held(const struct hold_name *name, uint64_t number)
{
    struct row_key key = row_key('G');
    add_hold(&key, name);
    row_key_u64(&key, number);
    return key;
}

struct row_key
key_of_holding(const struct id *project, uint64_t number)
{
    struct row_key key = key_of_project('g', project);
    row_key_u64(&key, number);
    return key;
}

struct row_key
key_of_hold_due(uint64_t due_ms, const struct hold_name *name)
{
    struct row_key key = row_key('J');
    row_key_u64(&key, due_ms);
    add_hold(&key, name);
    return key;
}

struct row_key
key_of_hook(struct bytes handle)
{
    struct id hash = short_hash(handle);
    struct row_key key = row_key('K');
    row_key_id(&key, &hash);
    return key;
}

struct row_key
key_of_secret(const struct id *project, struct bytes name)
{
    struct row_key key = key_of_project('B', project);
    row_key_text(&key, name);
    return key;
}

struct row_key
key_of_value(const struct id *project, struct bytes scope, struct bytes key)
{
    struct row_key row = key_of_hashed('U', project, scope);
    row_key_text(&row, key);
    return row;
}

struct row_key
key_of_scope(const struct id *project, struct bytes scope)
{
    struct row_key row = key_of_project('V', project);
    row_key_text(&row, scope);
    return row;
}

struct row_key
key_of_values_total(const struct id *project)
{
    return key_of_project('A', project);
}

struct row_key
key_of_change(uint64_t question)
{
    struct row_key row = row_key('O');
    row_key_u64(&row, question);
    return row;
}

struct row_key
key_of_change_place(uint32_t place)
{
    struct row_key row = row_key('Q');
    row_key_u32(&row, place);
    return row;
}

struct row_key
key_of_changes_total(void)
{
    return row_key('R');
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

struct wait_name
wait_name_read(struct bytes key)
{
    struct wait_name name;
    row_take_u8(&key);
    name.project = row_take_id(&key);
    name.run = row_take_id(&key);
    name.step = row_take_u32(&key);
    name.attempt = row_take_u32(&key);
    return name;
}

struct hold_name
hold_due_read(struct bytes key, uint64_t *due_ms)
{
    struct hold_name name;
    row_take_u8(&key);
    *due_ms = row_take_u64(&key);
    name.project = row_take_id(&key);
    name.automation = row_take_id(&key);
    name.trigger = row_take_id(&key);
    name.group = row_take_id(&key);
    return name;
}

struct beside {
    struct journal *journal;
    struct arena *arena;
};

static struct bytes
get_beside(void *self, const struct hash *hash)
{
    const struct beside *beside = self;
    struct bytes blob = { 0 };
    if (beside->arena != NULL
        && journal_get_blob(beside->journal, hash, beside->arena, &blob) != ERR_NONE)
        WRONG("a payload of the trigger actor is not there");
    /* Nothing at all would be a row that cannot be read. */
    return beside->arena == NULL ? text("") : blob;
}

static struct hash
put_beside(void *self, struct bytes payload)
{
    const struct beside *beside = self;
    return journal_put_blob(beside->journal, payload);
}

void
kept_take(struct journal *journal, struct bytes row, const struct shape *shape,
    struct arena *arena, void *value)
{
    struct beside beside = { journal, arena };
    struct field_blobs blobs = { &beside, ENTRY_INLINE_MAX, put_beside, get_beside };
    struct cursor in = cursor_over(row);
    if (fields_read(&in, shape, &blobs, value) != ERR_NONE)
        WRONG("a row of the trigger actor cannot be read");
}

bool
kept_read(struct journal *journal, const struct row_key *key, const struct shape *shape,
    struct arena *arena, void *value)
{
    struct bytes row = journal_get(journal, row_key_bytes(key));
    if (row.data == NULL) {
        memset(value, 0, shape->size);
        return false;
    }
    kept_take(journal, row, shape, arena, value);
    return true;
}

static struct bytes
drop_beside(void *self, const struct hash *hash)
{
    journal_drop_blob(self, hash);
    return text("");
}

/* The payloads beside the row. */
static void
give_up(struct journal *journal, struct bytes row, const struct shape *shape)
{
    struct field_blobs dropping = { .self = journal, .get = drop_beside };
    struct cursor in = cursor_over(row);
    union {
        struct definition definition;
        struct event_entry event;
        struct fire fire;
        struct wait_entry wait;
        struct match_entry match;
        struct value_entry value;
        struct change_entry change;
    } value;
    assert(shape->size <= sizeof value);
    if (fields_read(&in, shape, &dropping, &value) != ERR_NONE)
        WRONG("a row of the trigger actor cannot be read");
}

static void
write_row(struct journal *journal, const struct row_key *key, const struct shape *shape,
    const void *value, struct bytes before)
{
    struct beside beside = { .journal = journal };
    struct field_blobs blobs = { &beside, ENTRY_INLINE_MAX, put_beside, get_beside };
    struct buffer row = { 0 };
    fields_write(shape, value, &blobs, &row);
    if (before.data != NULL)
        give_up(journal, before, shape);
    journal_put(journal, row_key_bytes(key), buffer_bytes(&row));
    buffer_free(&row);
}

void
kept_write(struct journal *journal, const struct row_key *key,
    const struct shape *shape, const void *value)
{
    write_row(journal, key, shape, value, (struct bytes){ 0 });
}

void
kept_rewrite(struct journal *journal, const struct row_key *key,
    const struct shape *shape, const void *value)
{
    write_row(journal, key, shape, value, journal_get(journal, row_key_bytes(key)));
}

void
kept_mark(struct journal *journal, const struct row_key *key)
{
    static const uint8_t nothing[1] = { 0 };
    journal_put(journal, row_key_bytes(key), bytes_of(nothing, sizeof nothing));
}

void
kept_drop(struct journal *journal, const struct row_key *key)
{
    journal_delete(journal, row_key_bytes(key));
}

void
kept_drop_whole(
    struct journal *journal, const struct row_key *key, const struct shape *shape)
{
    give_up(journal, journal_get(journal, row_key_bytes(key)), shape);
    kept_drop(journal, key);
}

bool
kept_exists(struct journal *journal, const struct row_key *key)
{
    return journal_get(journal, row_key_bytes(key)).data != NULL;
}

static bool
take_key(void *self, struct bytes key, struct bytes value)
{
    struct row_key *found = self;
    (void)value;
    memcpy(found->bytes, key.data, key.size);
    found->size = key.size;
    return false;
}

bool
kept_first(struct journal *journal, const struct row_key *rows, struct bytes after,
    struct row_key *key)
{
    struct row_key from = *rows, to = row_key_after(rows);
    if (after.size > 0) {
        from.size = 0;
        row_key_text(&from, after);
        row_key_u8(&from, 0); /* behind it */
    }
    key->size = 0;
    journal_scan(
        journal, row_key_bytes(&from), row_key_bytes(&to), false, take_key, key);
    return key->size > 0;
}

/* Rows of the first release are no more than the version. */
uint32_t
automation_version(struct journal *journal, const struct id *project,
    const struct id *automation, struct automation_kept *entry)
{
    struct row_key key = key_of_triggers(project, automation);
    struct bytes row = journal_get(journal, row_key_bytes(&key));
    *entry = (struct automation_kept){ 0 };
    if (row.data == NULL)
        return 0;
    uint32_t version = row_take_u32(&row);
    entry->revision = version;
    if (row.size > 0)
        kept_take(journal, row, &automation_kept_shape, NULL, entry);
    return version;
}

struct id
slot_run(const struct trigger_name *name, uint64_t slot_ms, uint64_t event,
    uint32_t partitions)
{
    struct hash hash = hash_of(id_bytes(&name->project));
    hash = hash_chain(&hash, id_bytes(&name->automation));
    hash = hash_chain_numbered(&hash, slot_ms, name->key);
    if (event != 0)
        hash = hash_chain_numbered(&hash, event, (struct bytes){ 0 });
    /* The first ten bytes are the id's chance, others choose the partition. */
    uint32_t chosen = (uint32_t)hash.bytes[16] << 8 | hash.bytes[17];
    return id_make(slot_ms, hash.bytes, chosen % partitions);
}

#include "actors/registry/entries.h"

#include "base/wrong.h"

enum { RECORD_SIZE = 8 };

#define ENTRY(S)                                                                       \
    static const struct field S##_field_rows[] = { S##_FIELDS(FIELD_ROW, S) };         \
    const struct shape S##_shape = SHAPE(S)

ENTRY(automation_entry);
ENTRY(version_entry);
ENTRY(key_entry);
ENTRY(count_entry);
ENTRY(queue_entry);
ENTRY(role_entry);
ENTRY(principal_entry);
ENTRY(project_entry);
ENTRY(action_entry);

static struct row_key
named(char letter, const struct id *project, struct bytes name)
{
    struct row_key key = row_key(letter);
    row_key_id(&key, project);
    row_key_text(&key, name);
    return key;
}

struct row_key
key_of_name(const struct id *project, struct bytes name)
{
    return named('N', project, name);
}

struct row_key
key_of_automation(const struct id *project, const struct id *automation)
{
    return row_key_run('A', project, automation);
}

struct row_key
key_of_version(const struct version_name *name)
{
    struct row_key key = row_key_run('V', &name->project, &name->automation);
    row_key_u32(&key, name->version);
    return key;
}

struct row_key
key_of_untold(uint32_t peer, uint64_t record)
{
    struct row_key key = row_key('U');
    row_key_u32(&key, peer);
    row_key_u64(&key, record);
    return key;
}

struct row_key
key_of_key(const struct id *project, const struct id *id)
{
    return row_key_run('K', project, id);
}

struct row_key
key_of_role(const struct id *project, struct bytes role)
{
    return named('R', project, role);
}

struct row_key
key_of_principal(const struct id *project, const struct id *principal)
{
    return row_key_run('P', project, principal);
}

struct row_key
key_of_project(const struct id *project)
{
    struct row_key key = row_key('J');
    row_key_id(&key, project);
    return key;
}

struct row_key
key_of_action(const struct id *project, struct bytes name)
{
    return named('T', project, name);
}

struct row_key
key_of_made(uint64_t record)
{
    struct row_key key = row_key('G');
    row_key_u64(&key, record);
    return key;
}

struct row_key
key_of_counts(void)
{
    return row_key('C');
}

struct row_key
key_of_queue(const struct id *project, struct bytes name)
{
    return named('Q', project, name);
}

enum automation_status
automation_status_of(const struct automation_entry *automation)
{
    if (automation->version == 0 && automation->status != AUTOMATION_ARCHIVED)
        return AUTOMATION_DRAFT;
    return automation->status == 0 ? AUTOMATION_ACTIVE
                                   : (enum automation_status)automation->status;
}

uint32_t
automation_current(const struct automation_entry *automation)
{
    return automation->version > 0 ? automation->version
                                   : automation_latest(automation);
}

uint32_t
automation_latest(const struct automation_entry *automation)
{
    return automation->latest == 0 ? automation->version : automation->latest;
}

void
entry_take(struct bytes row, const struct shape *shape, void *value)
{
    struct cursor in = cursor_over(row);
    if (fields_read(&in, shape, NULL, value) != ERR_NONE)
        WRONG("a row of the registry cannot be read");
}

bool
entry_read(struct journal *journal, const struct row_key *key,
    const struct shape *shape, void *value)
{
    struct bytes row = journal_get(journal, row_key_bytes(key));
    if (row.data == NULL) {
        memset(value, 0, shape->size);
        return false;
    }
    entry_take(row, shape, value);
    return true;
}

void
entry_write(struct journal *journal, const struct row_key *key,
    const struct shape *shape, const void *value)
{
    struct buffer row = { 0 };
    fields_write(shape, value, NULL, &row);
    journal_put(journal, row_key_bytes(key), buffer_bytes(&row));
    buffer_free(&row);
}

struct version_name
version_name_read(struct bytes key)
{
    struct version_name name;
    key_name_read(key, &name.project, &name.automation);
    key.data += key.size - 4;
    key.size = 4;
    name.version = row_take_u32(&key);
    return name;
}

void
key_name_read(struct bytes key, struct id *project, struct id *id)
{
    row_take_u8(&key);
    *project = row_take_id(&key);
    *id = row_take_id(&key);
}

static bool
take_record(void *self, struct bytes key, struct bytes value)
{
    struct bytes left = bytes_of(key.data + key.size - RECORD_SIZE, RECORD_SIZE);
    (void)value;
    *(uint64_t *)self = row_take_u64(&left);
    return false;
}

/* The record in the first row of those that begin with `rows`, after that of `after`.
 */
static uint64_t
next_record(struct journal *journal, const struct row_key *rows, uint64_t after)
{
    struct row_key from = *rows, to = row_key_after(rows);
    uint64_t record = 0;
    row_key_u64(&from, after + 1);
    journal_scan(
        journal, row_key_bytes(&from), row_key_bytes(&to), false, take_record, &record);
    return record;
}

uint64_t
next_untold(struct journal *journal, uint32_t peer, uint64_t after)
{
    struct row_key rows = row_key('U');
    row_key_u32(&rows, peer);
    return next_record(journal, &rows, after);
}

uint64_t
next_made(struct journal *journal, uint64_t after)
{
    struct row_key rows = row_key('G');
    return next_record(journal, &rows, after);
}

static bool
take_key(void *self, struct bytes key, struct bytes value)
{
    struct row_key *next = self;
    (void)value;
    memcpy(next->bytes, key.data, key.size);
    next->size = key.size;
    return false;
}

bool
next_queue(struct journal *journal, const struct row_key *after, struct row_key *next)
{
    struct row_key from = *after, all = row_key('Q'), to = row_key_after(&all);
    row_key_u8(&from, 0); /* behind it */
    *next = (struct row_key){ .size = 0 };
    journal_scan(
        journal, row_key_bytes(&from), row_key_bytes(&to), false, take_key, next);
    return next->size > 0;
}

struct id
queue_name_read(const struct row_key *key, struct bytes *name)
{
    *name = row_key_bytes(key);
    row_take_u8(name);
    return row_take_id(name);
}

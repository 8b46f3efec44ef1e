#include "actors/replay/export_file.h"

#include "actors/export.h"
#include "actors/plan/plan.h"

#include <string.h>

enum part { PART_HEAD, PART_BLOB, PART_RECORD, PART_END, PART_HASH, PART_NONE };

static const struct {
    const char *word;
    size_t items;
} parts[] = {
    [PART_HEAD] = { EXPORT_HEAD, EXPORT_HEAD_ITEMS },
    [PART_BLOB] = { EXPORT_BLOB, 2 },
    [PART_RECORD] = { EXPORT_RECORD, 6 },
    [PART_END] = { EXPORT_END, 4 },
    [PART_HASH] = { EXPORT_HASH, 2 },
};

static enum part
begin_part(struct cursor *in)
{
    size_t items = cursor_array(in);
    struct bytes word = cursor_text(in);
    for (unsigned i = 0; i < COUNT(parts) && !in->bad; i++)
        if (bytes_equal(word, text(parts[i].word)))
            return items == parts[i].items ? (enum part)i : PART_NONE;
    return PART_NONE;
}

static bool
read_id(struct cursor *in, struct id *id)
{
    struct bytes bytes = cursor_blob(in);
    if (bytes.size != ID_SIZE)
        return false;
    memcpy(id->bytes, bytes.data, ID_SIZE);
    return true;
}

static bool
read_head(struct export_file *file)
{
    struct cursor *in = &file->at;
    if (begin_part(in) != PART_HEAD || cursor_u64(in) != EXPORT_FORMAT
        || !read_id(in, &file->project) || !read_id(in, &file->run)
        || !read_id(in, &file->automation))
        return false;
    file->name = cursor_text(in);
    file->version = (uint32_t)cursor_u64(in);
    file->plan = cursor_blob(in);
    return !in->bad;
}

static bool
read_record(struct cursor *in, struct export_record *record)
{
    record->number = cursor_u64(in);
    record->at_ms = cursor_u64(in);
    record->cause = cursor_u64(in);
    record->trace = cursor_blob(in);
    record->items = cursor_array(in);
    record->facts = *in;
    for (size_t i = 0; i < record->items; i++)
        cursor_skip(in);
    record->facts.end = in->at;
    return !in->bad && record->trace.size == ID_SIZE;
}

static bool
read_end(struct export_file *file)
{
    struct cursor *in = &file->at;
    file->events = cursor_u64(in);
    file->chain = cursor_blob(in);
    file->status = cursor_u64(in);
    return !in->bad && file->chain.size == HASH_SIZE;
}

/* The part at which reading stopped; PART_RECORD: `record` is there. */
static enum part
next_part(struct export_file *file, struct export_record *record)
{
    *record = (struct export_record){ .blobs = file->blobs };
    for (;;) {
        enum part part = begin_part(&file->at);
        if (part == PART_RECORD)
            return read_record(&file->at, record) ? part : PART_NONE;
        if (part != PART_BLOB)
            return part;
        if (record->blob_count == EXPORT_BLOBS_MAX)
            return PART_NONE;
        file->blobs[record->blob_count++] = cursor_blob(&file->at);
    }
}

/* Byte by byte: the same can be written in more than one way. */
static bool
whole_as_written(struct bytes whole)
{
    struct buffer tail = { 0 };
    if (whole.size < EXPORT_TAIL_SIZE)
        return false;
    size_t size = whole.size - EXPORT_TAIL_SIZE;
    struct hash hash = hash_of(bytes_of(whole.data, size));
    pack_array(&tail, parts[PART_HASH].items);
    pack_string(&tail, EXPORT_HASH);
    pack_blob(&tail, bytes_of(hash.bytes, HASH_SIZE));
    bool same =
        bytes_equal(buffer_bytes(&tail), bytes_of(whole.data + size, EXPORT_TAIL_SIZE));
    buffer_free(&tail);
    return same;
}

static enum err
malformed(const struct export_file *file, struct fault *fault, const char *expected)
{
    return fault_set(fault, ERR_MALFORMED, "byte %zu: expected %s",
        (size_t)(file->at.at - file->whole.data), expected);
}

static enum err
read_all(struct export_file *file, struct fault *fault)
{
    struct export_record record;
    uint64_t number = 0, at_ms = 0;
    enum part part;
    while ((part = next_part(file, &record)) == PART_RECORD) {
        if (record.number <= number || record.at_ms < at_ms)
            return malformed(file, fault, "a later record");
        number = record.number;
        at_ms = record.at_ms;
        file->records++;
    }
    if (part != PART_END || record.blob_count > 0 || !read_end(file))
        return malformed(file, fault, "a record or the end of them");
    if (file->records == 0)
        return malformed(file, fault, "records");
    if (file->at.at != file->whole.data + file->whole.size - EXPORT_TAIL_SIZE)
        return malformed(file, fault, "the hash of it all");
    return ERR_NONE;
}

enum err
export_open(struct bytes whole, struct export_file *file, struct fault *fault)
{
    *file = (struct export_file){ .whole = whole, .at = cursor_over(whole) };
    if (begin_part(&file->at) != PART_HEAD)
        return fault_set(fault, ERR_MALFORMED, "this is no exported run");
    if (!whole_as_written(whole))
        return fault_set(
            fault, ERR_CORRUPT, "the file is not as it was written: its hash differs");
    export_rewind(file);
    if (!read_head(file))
        return malformed(file, fault, "an exported run of format 1");
    if (plan_check(file->plan) != ERR_NONE)
        return malformed(file, fault, "a plan before it");
    enum err e = read_all(file, fault);
    export_rewind(file);
    return e;
}

void
export_rewind(struct export_file *file)
{
    file->at = cursor_over(file->whole);
    if (file->records > 0)
        (void)read_head(file);
}

bool
export_next(struct export_file *file, struct export_record *record)
{
    return next_part(file, record) == PART_RECORD;
}

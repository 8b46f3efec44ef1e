/* An exported run is refused with a sentence, or its records are all there; its hash is
 * made right first, or nothing else would ever be looked at. */
#include "actors/export.h"
#include "actors/replay/export_file.h"
#include "base/wrong.h"
#include "tests/fuzz/bounds.h"

static struct bytes
with_hash(struct bytes in, struct buffer *out)
{
    struct hash hash = hash_of(in);
    buffer_append_bytes(out, in);
    pack_array(out, 2);
    pack_string(out, EXPORT_HASH);
    pack_blob(out, bytes_of(hash.bytes, HASH_SIZE));
    return buffer_bytes(out);
}

void
fuzz_one(struct bytes in)
{
    static struct export_file file;
    struct export_record record;
    struct buffer whole = { 0 };
    struct fault fault = { 0 };
    struct bytes given = with_hash(in, &whole);
    bounds_begin();
    enum err e = export_open(given, &file, &fault);
    bounds_end();
    if (e != ERR_NONE && fault.detail[0] == '\0')
        WRONG("refused without a sentence");
    uint64_t records = planted("export") ? 1 : 0, number = 0;
    while (e == ERR_NONE && export_next(&file, &record)) {
        if (record.number <= number || record.facts.end > given.data + given.size)
            WRONG("a record out of its place");
        number = record.number;
        records++;
    }
    if (e == ERR_NONE && records != file.records)
        WRONG("other records than there are");
    buffer_free(&whole);
}

#include "actors/view/export.h"

#include "actors/export.h"
#include "actors/view/positions.h"
#include "actors/view/sheet.h"

struct exporting {
    struct run_rows *run;
    struct buffer data;
    uint32_t part; /* payloads of the record to be passed over */
    uint32_t blobs;
    bool full;
};

static void
write_head(struct exporting *x)
{
    struct run_rows *run = x->run;
    struct row_key key = row_key('P');
    row_key_id(&key, &run->project);
    row_key_id(&key, &run->row.automation);
    row_key_u32(&key, run->row.version);
    pack_array(&x->data, EXPORT_HEAD_ITEMS);
    pack_string(&x->data, EXPORT_HEAD);
    pack_u64(&x->data, EXPORT_FORMAT);
    pack_blob(&x->data, id_bytes(&run->project));
    pack_blob(&x->data, id_bytes(&run->id));
    pack_blob(&x->data, id_bytes(&run->row.automation));
    pack_text(&x->data, run->row.name);
    pack_u64(&x->data, run->row.version);
    pack_blob(&x->data, journal_get(run->journal, row_key_bytes(&key)));
}

static void
write_end(struct exporting *x)
{
    const struct run_row *row = &x->run->row;
    pack_array(&x->data, 4);
    pack_string(&x->data, EXPORT_END);
    pack_u64(&x->data, row->events);
    pack_blob(&x->data, row->chain);
    pack_u64(&x->data, row->status);
}

/* Payloads are written when the bodies that name them are read. */
static struct bytes
take_blob(void *self, const struct hash *hash)
{
    struct exporting *x = self;
    struct bytes blob;
    if (journal_get_blob(x->run->journal, hash, x->run->arena, &blob) != ERR_NONE)
        return (struct bytes){ 0 };
    if (x->blobs++ < x->part || x->full)
        return blob;
    pack_array(&x->data, 2);
    pack_string(&x->data, EXPORT_BLOB);
    pack_blob(&x->data, blob);
    x->part = x->blobs;
    x->full = x->data.size >= PAGE_BYTES_MAX;
    return blob;
}

/* The facts of this run in a record, and where others lay between them. */
struct facts {
    struct buffer packed;
    size_t count;
    bool apart, any;
};

static void
write_fact(struct facts *facts, const struct message *fact)
{
    if (facts->apart && facts->any) {
        pack_nil(&facts->packed);
        facts->count++;
    }
    facts->apart = false;
    facts->any = true;
    pack_u64(&facts->packed, fact->code);
    pack_blob(&facts->packed, fact->raw);
    facts->count += 2;
}

static bool
read_facts(struct exporting *x, struct record_reader *reader, struct facts *facts)
{
    struct field_blobs blobs = { .self = x, .get = take_blob };
    struct message fact, again;
    while (record_next(reader, &fact)) {
        if (!fact_is_about(&fact, &x->run->id)) {
            facts->apart = true;
            continue;
        }
        struct cursor in = cursor_over(fact.raw);
        again.code = fact.code;
        if (codec_read_body(&in, &blobs, &again) != ERR_NONE)
            return false;
        write_fact(facts, &fact);
    }
    return !reader->bad;
}

static bool
write_record(struct exporting *x, uint64_t number)
{
    struct record_reader reader;
    struct facts facts = { .apart = false };
    struct record record;
    if (journal_read(x->run->journal, number, &record) != ERR_NONE
        || !record_open(&reader, x->run->journal, x->run->arena, record.facts))
        return false;
    uint64_t at_ms = record.at_ms;
    x->blobs = 0;
    bool whole = read_facts(x, &reader, &facts);
    if (whole && !x->full) {
        pack_array(&x->data, 6);
        pack_string(&x->data, EXPORT_RECORD);
        pack_u64(&x->data, number);
        pack_u64(&x->data, at_ms);
        pack_u64(&x->data, reader.envelope.cause);
        pack_blob(&x->data, id_bytes(&reader.envelope.trace));
        pack_array(&x->data, facts.count);
        buffer_append_bytes(&x->data, buffer_bytes(&facts.packed));
        x->part = 0;
    }
    buffer_free(&facts.packed);
    return whole;
}

enum err
export_page(struct buffer *out, struct run_rows *run, uint64_t after, uint32_t part,
    struct page_end *end, struct fault *fault)
{
    struct exporting x = { .run = run, .part = part };
    uint64_t at = positions_to_record(run, after), all = positions_count(run);
    struct position position;
    enum err e = ERR_NONE;
    *end = (struct page_end){ .last = after };
    if (!run->planned)
        return fault_set(fault, ERR_NOT_FOUND, "the plan of the run is not there");
    if (after == 0 && part == 0)
        write_head(&x);
    for (; at < all && x.data.size < PAGE_BYTES_MAX && e == ERR_NONE; at++) {
        if (!positions_at(run, at, &position) || !write_record(&x, position.record))
            e = fault_set(fault, ERR_CORRUPT, "a record of the run cannot be read");
        else if (x.full)
            break;
        else
            end->last = position.record;
    }
    if (e == ERR_NONE && at == all)
        write_end(&x);
    struct sheet document = sheet_map(out);
    sheet_key(&document, "data");
    pack_blob(out, buffer_bytes(&x.data));
    sheet_number(&document, "after", end->last);
    sheet_number(&document, "part", x.part);
    sheet_bool(&document, "has_more", at < all);
    sheet_end(&document);
    buffer_free(&x.data);
    return e;
}

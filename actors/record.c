#include "actors/record.h"

#include "base/pack.h"
#include "base/wrong.h"

#include <assert.h>

/* An array of the format, the cause, the trace and the project, then code and body of
 * each fact.  On disk: layouts are read for ever. */
enum { RECORD_FORMAT = 1, RECORD_HEAD = 4 };

static struct hash
put_blob(void *self, struct bytes payload)
{
    return journal_put_blob(self, payload);
}

struct field_blobs
record_blobs(struct journal *journal, size_t inline_max)
{
    return (struct field_blobs){
        .self = journal,
        .inline_max = inline_max,
        .put = put_blob,
    };
}

static struct bytes
get_blob(void *self, const struct hash *hash)
{
    const struct record_reader *reader = self;
    struct bytes blob;
    if (journal_get_blob(reader->journal, hash, reader->arena, &blob) != ERR_NONE)
        return (struct bytes){ 0 };
    return blob;
}

static void
pack_id(struct buffer *out, const struct id *id)
{
    pack_blob(out, id_is_zero(id) ? (struct bytes){ 0 } : id_bytes(id));
}

static bool
is_fact(const struct message *m)
{
    return message_routes[m->code].kind == FACT && !m->again;
}

/* Bodies are written one after another; only when the record is whole does it lie where
 * it stays, so that each fact's `raw` can point into it. */
static void
write_facts(const struct field_blobs *blobs, struct message *messages, size_t count,
    struct buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        struct message *m = &messages[i];
        if (!is_fact(m))
            continue;
        pack_u64(out, m->code);
        size_t from = out->size;
        codec_write_body(m, blobs, out);
        m->raw.size = out->size - from;
    }
}

/* Bytes of a code before a body: as pack_u64 writes it. */
static size_t
code_size(enum message_code code)
{
    return code < 0x80 ? 1 : code < 0x100 ? 2 : 3;
}

static void
point_raws(struct message *messages, size_t count, struct bytes record)
{
    const uint8_t *end = record.data + record.size;
    for (size_t i = count; i-- > 0;) {
        struct message *m = &messages[i];
        if (!is_fact(m))
            continue;
        m->raw.data = end - m->raw.size;
        end = m->raw.data - code_size(m->code);
    }
}

void
record_head(const struct envelope *envelope, size_t facts, struct buffer *out)
{
    pack_array(out, RECORD_HEAD + 2 * facts);
    pack_u64(out, RECORD_FORMAT);
    pack_u64(out, envelope->cause);
    pack_id(out, &envelope->trace);
    pack_id(out, &envelope->project);
}

size_t
record_write(const struct field_blobs *blobs, struct message *messages, size_t count,
    struct buffer *out)
{
    const struct message *first = NULL;
    size_t facts = 0;

    for (size_t i = 0; i < count; i++) {
        if (!is_fact(&messages[i]))
            continue;
        first = first == NULL ? &messages[i] : first;
        assert(id_equal(&messages[i].envelope.project, &first->envelope.project));
        facts++;
    }
    if (facts == 0)
        return 0;
    record_head(&first->envelope, facts, out);
    write_facts(blobs, messages, count, out);
    point_raws(messages, count, buffer_bytes(out));
    return facts;
}

static bool
read_id(struct cursor *in, struct id *id)
{
    struct bytes b = cursor_blob(in);
    *id = (struct id){ { 0 } };
    if (b.size == ID_SIZE)
        memcpy(id->bytes, b.data, ID_SIZE);
    return b.size == 0 || b.size == ID_SIZE;
}

bool
record_open(struct record_reader *reader, struct journal *journal, struct arena *arena,
    struct bytes facts)
{
    struct cursor *in = &reader->in;
    *reader = (struct record_reader){
        .in = cursor_over(facts),
        .journal = journal,
        .arena = arena,
    };
    size_t items = cursor_array(in);
    if (items < RECORD_HEAD || (items - RECORD_HEAD) % 2 != 0
        || cursor_u64(in) != RECORD_FORMAT)
        return false;
    reader->left = (items - RECORD_HEAD) / 2;
    reader->envelope.cause = cursor_u64(in);
    return read_id(in, &reader->envelope.trace)
           && read_id(in, &reader->envelope.project) && !in->bad;
}

bool
record_next(struct record_reader *reader, struct message *fact)
{
    struct field_blobs blobs = { .self = reader, .get = get_blob };

    if (reader->left == 0 || reader->bad)
        return false;
    reader->left--;
    uint64_t code = cursor_u64(&reader->in);
    reader->bad =
        reader->in.bad || code >= MESSAGE_END || message_shapes[code].name == NULL;
    if (reader->bad)
        return false;
    fact->code = (enum message_code)code;
    fact->to = ACTOR_nobody;
    fact->to_instance = 0;
    fact->envelope = reader->envelope;
    fact->again = false;
    reader->bad = codec_read_body(&reader->in, &blobs, fact) != ERR_NONE;
    return !reader->bad;
}

bool
fact_is_about(const struct message *fact, const struct id *run)
{
    const struct shape *shape = &message_shapes[fact->code];
    const struct field *first = shape->fields;
    return message_routes[fact->code].kind == FACT && fact->code != CHILD_ENDED
           && first->type == FIELD_id && strcmp(first->name, "run") == 0
           && memcmp(fact->body + first->offset, run->bytes, ID_SIZE) == 0;
}

/* ---- taking facts out ---- */

static struct bytes
drop_blob(void *self, const struct hash *hash)
{
    journal_drop_blob(self, hash);
    return text("");
}

static struct bytes
look_at_no_blob(void *self, const struct hash *hash)
{
    (void)self;
    (void)hash;
    return text("");
}

/* Every fact about a run names it first, but for those that others hear of its end. */
static const struct id *
run_of(const struct message *fact)
{
    switch ((int)fact->code) {
    case CHILD_ENDED: return &fact->child_ended.child;
    case RUN_ENDED: return &fact->run_ended.run;
    default: return (const void *)fact->body;
    }
}

/* There is no fact that says nothing. */
static bool
is_about(enum message_code code, struct bytes body, const struct id *run)
{
    struct field_blobs none = { .get = look_at_no_blob };
    struct message fact = { .code = code };
    struct cursor in = cursor_over(body);
    const struct shape *shape = &message_shapes[code];
    return shape->fields[0].type == FIELD_id
           && (strcmp(shape->fields[0].name, "run") == 0 || code == RUN_ENDED)
           && codec_read_body(&in, &none, &fact) == ERR_NONE
           && id_equal(run_of(&fact), run);
}

/* Its payloads are given up. */
static void
read_last(struct journal *journal, enum message_code code, struct bytes body,
    struct message *fact)
{
    struct field_blobs dropping = { .self = journal, .get = drop_blob };
    struct cursor in = cursor_over(body);
    *fact = (struct message){ .code = code };
    if (codec_read_body(&in, &dropping, fact) != ERR_NONE)
        WRONG("a fact that was read cannot be read");
}

static bool
clear_payloads(struct message *fact)
{
    const struct shape *shape = &message_shapes[fact->code];
    bool had = false;
    for (size_t i = 0; i < shape->field_count; i++) {
        struct bytes *payload = (void *)(fact->body + shape->fields[i].offset);
        if (shape->fields[i].type != FIELD_payload || payload->data == NULL)
            continue;
        *payload = (struct bytes){ 0 };
        had = true;
    }
    return had;
}

struct stripped {
    struct journal *journal;
    const struct record_strip *strip; /* of a run */
    record_leave_fn *leave;           /* of single facts */
    const void *self;
    struct buffer kept;
    size_t count;
    bool changed;
};

static void
strip_fact(struct stripped *s, enum message_code code, struct bytes body)
{
    bool about = is_about(code, body, &s->strip->run);
    bool keeps = !about || (s->strip->keep != NULL && s->strip->keep(code));
    struct message fact;
    if (about)
        read_last(s->journal, code, body, &fact);
    if (!keeps) {
        s->strip->gone(s->strip->self, &fact);
        s->changed = true;
        return;
    }
    s->count++;
    pack_u64(&s->kept, code);
    if (about && clear_payloads(&fact)) {
        codec_write_body(&fact, NULL, &s->kept);
        s->changed = true;
    } else {
        buffer_append_bytes(&s->kept, body);
    }
}

/* Whoever folds what is left meets a fact without contents, and what ended it. */
static void
leave_of_fact(struct stripped *s, enum message_code code, struct bytes body)
{
    struct field_blobs none = { .get = look_at_no_blob };
    struct message fact = { .code = code }, whole;
    struct cursor in = cursor_over(body);
    s->count++;
    pack_u64(&s->kept, code);
    if (codec_read_body(&in, &none, &fact) != ERR_NONE || !s->leave(s->self, &fact)) {
        buffer_append_bytes(&s->kept, body);
        return;
    }
    read_last(s->journal, code, body, &whole);
    (void)clear_payloads(&fact);
    codec_write_body(&fact, NULL, &s->kept);
    s->changed = true;
}

typedef void strip_fn(struct stripped *s, enum message_code code, struct bytes body);

static bool
strip_record(
    struct stripped *s, struct bytes facts, strip_fn *strip, struct buffer *out)
{
    static const struct envelope nobody;
    struct record_reader reader;
    if (!record_open(&reader, s->journal, NULL, facts))
        WRONG("a record cannot be read");
    for (; reader.left > 0; reader.left--) {
        enum message_code code = (enum message_code)cursor_u64(&reader.in);
        struct bytes body = cursor_skip(&reader.in);
        if (reader.in.bad || code >= MESSAGE_END || message_shapes[code].name == NULL)
            WRONG("a fact of a record cannot be read");
        strip(s, code, body);
    }
    if (s->changed) {
        record_head(s->count > 0 ? &reader.envelope : &nobody, s->count, out);
        buffer_append_bytes(out, buffer_bytes(&s->kept));
    }
    buffer_free(&s->kept);
    return s->changed;
}

bool
record_without(struct journal *journal, struct bytes facts,
    const struct record_strip *strip, struct buffer *out)
{
    struct stripped s = { .journal = journal, .strip = strip };
    return strip_record(&s, facts, strip_fact, out);
}

bool
record_leave(struct journal *journal, struct bytes facts, record_leave_fn *leave,
    const void *self, struct buffer *out)
{
    struct stripped s = { .journal = journal, .leave = leave, .self = self };
    return strip_record(&s, facts, leave_of_fact, out);
}

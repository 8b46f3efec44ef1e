#include "gateway/worker_frame.h"

#include "base/pack.h"
#include "base/put.h"
#include "base/wrong.h"

enum {
    WORD_MAX = 200,
    SENTENCE_MAX = 4096,
    CHUNK_MAX = 65536,
    LIST_MAX = 256,
    RETRY_AFTER_MAX_MS = 86400000,
};

enum value_type { VALUE_TEXT, VALUE_BLOB, VALUE_TOKEN, VALUE_NUMBER, VALUE_ANY };
enum list_type { LIST_TEXTS = VALUE_ANY + 1, LIST_TOKENS };

struct row {
    const char *name;
    size_t name_size;
    int type; /* enum value_type or enum list_type */
    size_t offset;
    size_t max; /* bytes, items, or the greatest number; 0: from the limits */
};

#define ROW(name, type, max)                                                           \
    {                                                                                  \
        #name, sizeof #name - 1, type, offsetof(struct worker_frame, name), max        \
    }

static const struct row rows[] = {
    ROW(type, VALUE_TEXT, WORD_MAX),
    ROW(v, VALUE_NUMBER, UINT32_MAX),
    ROW(key, VALUE_TEXT, WORD_MAX),
    ROW(session, VALUE_BLOB, WORD_MAX),
    ROW(instance, VALUE_TEXT, WORD_MAX),
    ROW(name, VALUE_TEXT, WORD_MAX),
    ROW(version, VALUE_TEXT, WORD_MAX),
    ROW(environment, VALUE_TEXT, WORD_MAX),
    ROW(queues, LIST_TEXTS, LIST_MAX),
    ROW(actions, LIST_TEXTS, LIST_MAX),
    ROW(labels, LIST_TEXTS, LIST_MAX),
    ROW(concurrency, VALUE_NUMBER, 0),
    ROW(held, LIST_TOKENS, 0),
    ROW(token, VALUE_TOKEN, TOKEN_SIZE),
    { "outcome", sizeof "outcome" - 1, VALUE_TEXT,
        offsetof(struct worker_frame, outcome_name), WORD_MAX },
    ROW(output, VALUE_ANY, 0),
    ROW(error_type, VALUE_TEXT, WORD_MAX),
    ROW(error_message, VALUE_TEXT, SENTENCE_MAX),
    ROW(retry_after_ms, VALUE_NUMBER, RETRY_AFTER_MAX_MS),
    ROW(stream, VALUE_TEXT, WORD_MAX),
    ROW(chunk, VALUE_TEXT, CHUNK_MAX),
    ROW(id, VALUE_TEXT, WORD_MAX),
    ROW(event, VALUE_TEXT, WORD_MAX),
    ROW(source, VALUE_TEXT, WORD_MAX),
    ROW(data, VALUE_ANY, 0),
    ROW(meta, VALUE_ANY, 0),
};

static const struct {
    const char *type;
    enum worker_verb verb;
    const char *needs[3];
} verbs[] = {
    { "register", WORKER_SAYS_REGISTER, { "instance", "concurrency" } },
    { "ready", WORKER_SAYS_READY, { "concurrency" } },
    { "heartbeat", WORKER_SAYS_HEARTBEAT, { "held" } },
    { "report", WORKER_SAYS_REPORT, { "token", "outcome" } },
    { "log", WORKER_SAYS_LOG, { "token", "chunk" } },
    { "publish", WORKER_SAYS_PUBLISH, { "id", "event" } },
    { "drain", WORKER_SAYS_DRAIN, { NULL } },
    { "goodbye", WORKER_SAYS_GOODBYE, { NULL } },
};

static size_t
max_of(const struct row *row, const struct worker_limits *limits)
{
    if (row->max != 0)
        return row->max;
    return row->type == VALUE_ANY ? limits->payload_max : limits->jobs_max;
}

static enum err
wrong_type(const struct row *row, struct fault *fault)
{
    static const char *const expected[] = { "a text", "bytes", "a token of 60 bytes",
        "a number", "anything", "an array of texts", "an array of tokens" };
    return fault_set(
        fault, ERR_MALFORMED, "%s must be %s", row->name, expected[row->type]);
}

static enum err
too_large(const struct row *row, size_t max, struct fault *fault)
{
    return fault_set(fault, ERR_TOO_LARGE, "%s is above %zu", row->name, max);
}

static enum err
read_blob(struct cursor *in, const struct row *row, size_t max, struct bytes *value,
    struct fault *fault)
{
    *value = row->type == VALUE_TEXT ? cursor_text(in) : cursor_blob(in);
    if (in->bad || (row->type == VALUE_TOKEN && value->size != TOKEN_SIZE))
        return wrong_type(row, fault);
    return value->size > max ? too_large(row, max, fault) : ERR_NONE;
}

static enum err
read_list(struct cursor *in, const struct row *row, size_t max, struct bytes *value,
    struct fault *fault)
{
    struct cursor items = *in;
    size_t count = cursor_array(&items);
    *value = cursor_skip(in);
    if (items.bad)
        return wrong_type(row, fault);
    if (count > max)
        return too_large(row, max, fault);
    for (size_t i = 0; i < count; i++) {
        struct bytes item =
            row->type == LIST_TEXTS ? cursor_text(&items) : cursor_blob(&items);
        if (items.bad || (row->type == LIST_TOKENS && item.size != TOKEN_SIZE))
            return wrong_type(row, fault);
        if (item.size > WORD_MAX)
            return too_large(row, WORD_MAX, fault);
    }
    return ERR_NONE;
}

static enum err
read_value(struct cursor *in, const struct row *row, const struct worker_limits *limits,
    struct worker_frame *frame, struct fault *fault)
{
    void *at = (char *)frame + row->offset;
    size_t max = max_of(row, limits);
    switch (row->type) {
    case VALUE_NUMBER: {
        uint64_t value = cursor_u64(in);
        memcpy(at, &value, sizeof value);
        if (in->bad)
            return wrong_type(row, fault);
        return value > max ? too_large(row, max, fault) : ERR_NONE;
    }
    case VALUE_ANY: {
        struct bytes value = cursor_skip(in);
        memcpy(at, &value, sizeof value);
        return value.size > max ? too_large(row, max, fault) : ERR_NONE;
    }
    case LIST_TEXTS:
    case LIST_TOKENS: return read_list(in, row, max, at, fault);
    default: return read_blob(in, row, max, at, fault);
    }
}

static const struct row *
row_named(struct bytes name)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (bytes_equal(name, bytes_of(rows[i].name, rows[i].name_size)))
            return &rows[i];
    return NULL;
}

/* Read all fields, also after a mistake: an error names its token.  The first mistake
 * is kept. */
static enum err
read_fields(struct bytes in, const struct worker_limits *limits,
    struct worker_frame *frame, uint32_t *seen, struct fault *fault)
{
    struct cursor c = cursor_over(in);
    size_t count = cursor_map(&c);
    struct fault later;
    enum err first = c.bad ? fault_set(fault, ERR_MALFORMED, "not a map") : ERR_NONE;
    for (size_t i = 0; i < count; i++) {
        enum pack_type key_type = cursor_type(&c);
        struct bytes name = key_type == PACK_TEXT ? cursor_text(&c) : cursor_skip(&c);
        const struct row *row = key_type == PACK_TEXT ? row_named(name) : NULL;
        struct cursor value = cursor_over(cursor_skip(&c));
        enum err err = ERR_NONE;
        if (row == NULL || cursor_type(&value) == PACK_NIL)
            continue;
        uint32_t bit = 1u << (row - rows);
        struct fault *told = first == ERR_NONE ? fault : &later;
        if (*seen & bit)
            err = fault_set(told, ERR_MALFORMED, "%s is there twice", row->name);
        else
            err = read_value(&value, row, limits, frame, told);
        *seen |= bit;
        first = first == ERR_NONE ? err : first;
    }
    return first;
}

static enum err
check_needs(uint32_t seen, struct worker_frame *frame, struct fault *fault)
{
    struct bytes type = frame->type;
    for (size_t i = 0; i < COUNT(verbs); i++) {
        if (!bytes_equal(type, text(verbs[i].type)))
            continue;
        frame->verb = verbs[i].verb;
        for (size_t n = 0; n < COUNT(verbs[i].needs); n++) {
            const char *need = verbs[i].needs[n];
            if (need != NULL && (seen & 1u << (row_named(text(need)) - rows)) == 0)
                return fault_set(
                    fault, ERR_MALFORMED, "%s without %s", verbs[i].type, need);
        }
        return ERR_NONE;
    }
    if (type.size == 0)
        return fault_set(fault, ERR_MALFORMED, "type must be a text");
    return fault_set(fault, ERR_UNSUPPORTED, "there is no type '%.*s'",
        (int)(type.size < 40 ? type.size : 40), (const char *)type.data);
}

static enum err
read_outcome(struct worker_frame *frame, struct fault *fault)
{
    static const char *const names[] = { [OUTCOME_COMPLETED] = "completed",
        [OUTCOME_FAILED] = "failed",
        [OUTCOME_CANCELLED] = "cancelled",
        [OUTCOME_RETURNED] = "returned",
        [OUTCOME_FATAL] = "fatal" };
    if (frame->verb != WORKER_SAYS_REPORT)
        return ERR_NONE;
    for (size_t i = OUTCOME_COMPLETED; i < COUNT(names); i++)
        if (bytes_equal(frame->outcome_name, text(names[i])))
            frame->outcome = (enum outcome)i;
    if (frame->outcome == 0)
        return fault_set(fault, ERR_MALFORMED,
            "outcome must be completed, failed, cancelled, returned or fatal");
    return ERR_NONE;
}

enum err
worker_frame_read(struct bytes in, const struct worker_limits *limits,
    struct worker_frame *frame, struct fault *fault)
{
    uint32_t seen = 0;
    _Static_assert(COUNT(rows) <= 32, "a bit each");
    memset(frame, 0, sizeof *frame);
    if (pack_check(in) != ERR_NONE)
        return fault_set(fault, ERR_MALFORMED, "not one well-formed msgpack value");
    enum err err = read_fields(in, limits, frame, &seen, fault);
    if (err == ERR_NONE)
        err = check_needs(seen, frame, fault);
    if (err == ERR_NONE && frame->verb == WORKER_SAYS_REGISTER && frame->v > 1)
        err = fault_set(fault, ERR_UNSUPPORTED, "this engine speaks version 1");
    return err != ERR_NONE ? err : read_outcome(frame, fault);
}

static void
put_type(struct buffer *out, const char *type, size_t field_count)
{
    pack_map(out, field_count + 1);
    pack_string(out, "type");
    pack_string(out, type);
}

static void
put_blob(struct buffer *out, const char *name, struct bytes value)
{
    pack_string(out, name);
    pack_blob(out, value);
}

static void
put_id(struct buffer *out, const char *name, const struct id *id, const char *prefix)
{
    char shown[ID_TEXT_MAX];
    put_text(out, name, text(id_print(id, prefix, shown)));
}

static void
put_list(struct buffer *out, const char *name, struct bytes list)
{
    pack_string(out, name);
    if (list.size == 0)
        pack_array(out, 0);
    else
        pack_raw(out, list);
}

void
worker_write_registered(struct buffer *out, const struct worker_registered *m,
    uint64_t idle_ms, size_t payload_max)
{
    put_type(out, "registered", 7);
    put_blob(out, "session", m->token);
    put_id(out, "session_id", &m->session, "wsess_");
    put_number(out, "lease_ms", m->lease_ms);
    put_number(out, "heartbeat_ms", m->heartbeat_ms);
    put_number(out, "idle_ms", idle_ms);
    put_number(out, "payload_max", payload_max);
    put_list(out, "lost", m->lost);
}

void
worker_write_job(struct buffer *out, const struct job_granted *m)
{
    struct id job = id_derive(&m->run, m->step);
    put_type(out, "job", 9 + (m->deadline_ms != 0));
    put_blob(out, "token", m->token);
    put_id(out, "job", &job, "job_");
    put_id(out, "run", &m->run, "run_");
    put_text(out, "step", m->key);
    put_text(out, "automation", m->automation);
    put_text(out, "action", m->action);
    put_text(out, "queue", m->queue);
    put_number(out, "attempt", m->attempt);
    pack_string(out, "parameters");
    if (m->parameters.size == 0)
        pack_map(out, 0);
    else
        pack_raw(out, m->parameters);
    if (m->deadline_ms != 0)
        put_number(out, "deadline_ms", m->deadline_ms);
}

void
worker_write_heartbeat(struct buffer *out, struct bytes lost, struct bytes cancel)
{
    put_type(out, "heartbeat", 2);
    put_list(out, "lost", lost);
    put_list(out, "cancel", cancel);
}

void
worker_write_ack(struct buffer *out, const struct report_settled *m)
{
    put_type(out, "ack", 2);
    put_blob(out, "token", m->token);
    put_text(
        out, "verdict", text(m->verdict == VERDICT_ACCEPTED ? "accepted" : "stale"));
}

void
worker_write_cancel(struct buffer *out, const struct job_cancel *m)
{
    put_type(out, "cancel", 2);
    put_blob(out, "token", m->token);
    put_text(out, "reason", m->reason);
}

void
worker_write_published(struct buffer *out, struct bytes id, uint64_t number)
{
    put_type(out, "published", 2);
    put_text(out, "id", id);
    put_number(out, "number", number);
}

void
worker_write_unpublished(
    struct buffer *out, enum err err, struct bytes message, struct bytes id)
{
    put_type(out, "error", 4);
    put_text(out, "code", text(err_name(err)));
    put_text(out, "message", message);
    put_text(out, "about", text("publish"));
    put_text(out, "id", id);
}

void
worker_write_word(struct buffer *out, const char *type)
{
    put_type(out, type, 0);
}

void
worker_write_error(struct buffer *out, enum err err, struct bytes message,
    struct bytes about, struct bytes token)
{
    put_type(out, "error", 2u + (about.size > 0) + (token.size > 0));
    put_text(out, "code", text(err_name(err)));
    put_text(out, "message", message);
    if (about.size > 0)
        put_text(out, "about", about);
    if (token.size > 0)
        put_blob(out, "token", token);
}

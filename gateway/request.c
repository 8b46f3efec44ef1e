#include "gateway/request.h"

#include "base/counters.h"
#include "base/hash.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "gateway/dialect.h"
#include "gateway/server.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

void
request_answer(struct request *r, unsigned status, const char *type, struct bytes body)
{
    assert(!r->answer.ready);
    r->answer.status = status;
    r->answer.type = type;
    r->answer.body = body;
    r->answer.ready = true;
    server_wake(r);
}

void
request_answer_with(struct request *r, unsigned status, struct bytes headers,
    const char *type, struct bytes body)
{
    r->answer.headers = headers;
    request_answer(r, status, type, body);
}

void
request_switch(struct request *r, struct websocket *socket)
{
    r->websocket = socket;
    request_answer(r, 101, "", (struct bytes){ 0 });
}

static struct bytes
keep_scratch(struct request *r)
{
    return arena_copy(&r->arena, buffer_bytes(&r->gateway->scratch));
}

void
request_document(struct request *r, unsigned status, struct bytes msgpack)
{
    struct buffer *out = &r->gateway->scratch;
    buffer_clear(out);
    if (msgpack_to_json(msgpack, out) != ERR_NONE) {
        request_refuse(r, ERR_CORRUPT, "%s", "");
        return;
    }
    buffer_append(out, "\n", 1);
    request_answer(r, status, "application/json", keep_scratch(r));
}

static void
refuse(struct request *r, enum err err, struct bytes message, struct bytes details)
{
    struct buffer *out = &r->gateway->scratch;
    struct bytes code = text(err_name(err));
    if (message.size == 0)
        message = text(err_sentence(err));
    if (r->dialect != NULL && r->dialect->refuse != NULL) {
        r->dialect->refuse(r, err, message, details);
        return;
    }
    buffer_clear(out);
    buffer_append_bytes(out, text("{\"error\":{\"code\":"));
    json_write_text(out, code);
    buffer_append_bytes(out, text(",\"message\":"));
    json_write_text(out, message);
    if (details.size > 0) {
        size_t before = out->size;
        buffer_append_bytes(out, text(",\"details\":"));
        if (msgpack_to_json(details, out) != ERR_NONE)
            out->size = before;
    }
    buffer_append_bytes(out, text("}}\n"));
    request_answer(r, (unsigned)err_http(err), "application/json", keep_scratch(r));
}

void
request_refuse(struct request *r, enum err err, const char *format, ...)
{
    char message[400];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    /* A cut at the end, or a stranger's words, may have broken a letter. */
    refuse(r, err, utf8_beginning(text(message)), (struct bytes){ 0 });
}

void
request_refused(struct request *r, const struct refused *refused)
{
    refuse(r, refused_err(refused), refused_sentence(refused), refused->details);
}

struct id
request_project(const struct request *r)
{
    struct bytes name = r->headers[HEADER_CAPSTAN_PROJECT];
    return name.size > 0 ? id_of_name(name) : r->key->project;
}

struct message *
request_message(struct request *r, enum message_code code, enum actor_name to)
{
    struct message *m = arena_take(&r->arena, sizeof *m);
    m->code = code;
    m->to = to;
    if (r->key != NULL)
        m->envelope.project = r->key->project;
    m->envelope.trace = r->trace;
    return m;
}

static void
answered(void *self, const struct message *answer)
{
    struct request *r = self;
    r->done(r, answer);
}

uint64_t
request_ask(struct request *r, struct message *m,
    void (*done)(struct request *r, const struct message *answer))
{
    r->done = done;
    return bridge_ask(r->gateway->bridge, m, answered, r);
}

void
request_show(struct request *r, const struct message *answer)
{
    if (answer->code == DOCUMENT)
        request_document(
            r, answer->document.created ? 201 : 200, answer->document.document);
    else if (answer->code == REFUSED)
        request_refused(r, &answer->refused);
    else
        request_refuse(r, ERR_CORRUPT, "%s", "");
}

static void
refuse_json(struct request *r, const struct json_place *place, const char *why)
{
    struct buffer details = { 0 };
    pack_array(&details, 1);
    pack_map(&details, 3);
    pack_string(&details, "line");
    pack_u64(&details, place->line);
    pack_string(&details, "column");
    pack_u64(&details, place->column);
    pack_string(&details, "message");
    pack_string(&details, why);
    refuse(r, ERR_MALFORMED, text(why), buffer_bytes(&details));
    buffer_free(&details);
}

bool
request_json(struct request *r, struct bytes *document)
{
    struct buffer *out = &r->gateway->scratch;
    struct json_place place;
    struct fault fault;
    *document = pack_or_map((struct bytes){ 0 });
    if (r->body.size == 0)
        return true;
    buffer_clear(out);
    if (json_to_msgpack(buffer_bytes(&r->body), out, &place, &fault) != ERR_NONE) {
        refuse_json(r, &place, fault.detail);
        return false;
    }
    struct cursor c = cursor_over(buffer_bytes(out));
    if (cursor_type(&c) != PACK_MAP) {
        request_refuse(r, ERR_MALFORMED, "the body must be a JSON object");
        return false;
    }
    *document = keep_scratch(r);
    return true;
}

bool
request_number(struct request *r, const char *query, uint64_t min, uint64_t max,
    uint64_t otherwise, uint64_t *number)
{
    struct bytes in = target_query(&r->target, query);
    uint64_t value;
    *number = otherwise;
    if (in.data == NULL)
        return true;
    if (!target_number(in, &value) || value < min || value > max) {
        request_refuse(r, ERR_MALFORMED, "%s must be a whole number of %llu to %llu",
            query, (unsigned long long)min, (unsigned long long)max);
        return false;
    }
    *number = value;
    return true;
}

bool
request_id(struct request *r, const char *prefix, struct id *id)
{
    if (id_read(r->captures[0], prefix, id) == ERR_NONE)
        return true;
    request_refuse(r, ERR_NOT_FOUND,
        "this is no id: expected %s and 26 small letters and digits", prefix);
    return false;
}

struct bytes
request_site(const struct request *r)
{
    static const char mark[] = "://";
    enum { MARK_SIZE = sizeof mark - 1 };
    struct bytes origin = r->headers[HEADER_ORIGIN];
    const uint8_t *at =
        origin.size == 0 ? NULL : memmem(origin.data, origin.size, mark, MARK_SIZE);
    if (at == NULL)
        return (struct bytes){ 0 };
    size_t before = (size_t)(at - origin.data) + MARK_SIZE;
    return bytes_of(origin.data + before, origin.size - before);
}

void
request_stream_with(struct request *r, unsigned status, struct bytes headers,
    const char *type, struct stream *stream)
{
    r->stream = stream;
    gauge(COUNTER_streams, ++r->gateway->stream_count);
    request_answer_with(r, status, headers, type, (struct bytes){ 0 });
}

void
request_stream(struct request *r, const char *type, struct stream *stream)
{
    request_stream_with(r, 200, (struct bytes){ 0 }, type, stream);
}

void
request_push(struct request *r)
{
    assert(r->stream != NULL);
    server_wake(r);
}

bool
stream_drained(const struct stream *stream)
{
    return stream->at == stream->out.size;
}

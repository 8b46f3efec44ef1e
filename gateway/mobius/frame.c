#include "gateway/mobius/frame.h"

#include "base/base64.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/pack.h"
#include "base/stamp.h"
#include "gateway/json_head.h"

#include <inttypes.h>

enum {
    WORD_MAX = 200,
    TOKEN_TEXT_MAX = 300,
    SENTENCE_MAX = 4096,
    LIST_MAX = 256,
    SHOWN_MAX = 60
};

enum word_type { WORD_TEXT, WORD_CUT, WORD_LIST, WORD_NUMBER, WORD_MAP };

/* WORD_CUT: for people, so its end is less important than the rest. */
static const struct row {
    const char *name;
    enum word_type type;
    size_t offset, max;
} rows[] = {
#define ROW(name, type, member, max)                                                   \
    {                                                                                  \
        name, WORD_##type, offsetof(struct mobius_frame, member), max                  \
    }
    ROW("message_id", TEXT, message_id, WORD_MAX),
    ROW("job_id", TEXT, job, WORD_MAX),
    ROW("lease_token", TEXT, lease, TOKEN_TEXT_MAX),
    ROW("worker_instance_id", TEXT, instance, WORD_MAX),
    ROW("worker_session_token", TEXT, session, TOKEN_TEXT_MAX),
    ROW("name", TEXT, name, WORD_MAX),
    ROW("version", TEXT, version, WORD_MAX),
    ROW("environment_id", TEXT, environment, WORD_MAX),
    ROW("queues", LIST, queues, LIST_MAX),
    ROW("action_names", LIST, actions, LIST_MAX),
    ROW("capabilities", LIST, capabilities, LIST_MAX),
    ROW("concurrency_limit", NUMBER, concurrency, UINT32_MAX),
    ROW("available_slots", NUMBER, slots, UINT32_MAX),
    ROW("sequence", NUMBER, sequence, SIZE_MAX),
    ROW("status", TEXT, status, WORD_MAX),
    ROW("result", MAP, result, 0),
    ROW("error_type", CUT, error_type, WORD_MAX),
    ROW("error_message", CUT, error_message, SENTENCE_MAX),
};

static const struct {
    const char *type;
    enum mobius_verb verb;
    bool of_job; /* it names a job and its lease */
} verbs[] = {
    { "worker.register", MOBIUS_SAYS_REGISTER, false },
    { "jobs.claim", MOBIUS_SAYS_CLAIM, false },
    { "job.heartbeat", MOBIUS_SAYS_HEARTBEAT, true },
    { "job.report", MOBIUS_SAYS_REPORT, true },
    { "generation.delta", MOBIUS_SAYS_DELTA, true },
    { "worker.draining", MOBIUS_SAYS_DRAINING, false },
    { "keepalive", MOBIUS_SAYS_KEEPALIVE, false },
};

static enum err
wrong_type(const struct row *row, const char *expected, struct fault *fault)
{
    return fault_set(fault, ERR_MALFORMED, "%s must be %s", row->name, expected);
}

static enum err
check_list(struct bytes list, const struct row *row, struct fault *fault)
{
    struct cursor c = cursor_over(list);
    size_t count = cursor_array(&c);
    for (size_t i = 0; i < count && !c.bad; i++)
        if (cursor_text(&c).size > WORD_MAX)
            return fault_set(
                fault, ERR_TOO_LARGE, "a text of %s is too long", row->name);
    if (c.bad)
        return wrong_type(row, "a list of texts", fault);
    return count > row->max
               ? fault_set(fault, ERR_TOO_LARGE, "%s has too many items", row->name)
               : ERR_NONE;
}

/* At most `max` bytes of a text, and no part of a letter. */
static struct bytes
cut(struct bytes in, size_t max)
{
    size_t size = in.size < max ? in.size : max;
    /* A text begins with no part of a letter. */
    while (size < in.size && (in.data[size] & 0xc0) == 0x80)
        size--;
    return bytes_of(in.data, size);
}

static enum err
read_value(struct bytes value, const struct row *row, size_t payload_max,
    struct mobius_frame *frame, struct fault *fault)
{
    char *at = (char *)frame + row->offset;
    struct cursor c = cursor_over(value);
    enum pack_type type = cursor_type(&c);
    struct bytes said = value;
    if (type == PACK_NIL)
        return ERR_NONE;
    if (row->type == WORD_NUMBER) {
        uint64_t number = cursor_u64(&c);
        memcpy(at, &number, sizeof number);
        return c.bad || number > row->max ? wrong_type(row, "a whole number", fault)
                                          : ERR_NONE;
    }
    if (row->type == WORD_TEXT || row->type == WORD_CUT) {
        said = cursor_text(&c);
        if (c.bad)
            return wrong_type(row, "a text", fault);
        if (row->type == WORD_CUT)
            said = cut(said, row->max);
        if (said.size > row->max)
            return fault_set(fault, ERR_TOO_LARGE, "%s is too long", row->name);
    }
    if (row->type == WORD_MAP && type != PACK_MAP)
        return wrong_type(row, "an object", fault);
    frame->large |= row->type == WORD_MAP && value.size > payload_max;
    memcpy(at, &said, sizeof said);
    return row->type == WORD_LIST ? check_list(value, row, fault) : ERR_NONE;
}

static enum err
read_outcome(struct mobius_frame *frame, struct fault *fault)
{
    static const char *const names[] = { [OUTCOME_COMPLETED] = "completed",
        [OUTCOME_FAILED] = "failed",
        [OUTCOME_CANCELLED] = "cancelled" };
    if (frame->status.size == 0)
        frame->outcome = OUTCOME_COMPLETED;
    for (size_t i = OUTCOME_COMPLETED; i < COUNT(names); i++)
        if (bytes_equal(frame->status, text(names[i])))
            frame->outcome = (enum outcome)i;
    if (frame->outcome == 0)
        return fault_set(
            fault, ERR_MALFORMED, "status must be completed, failed or cancelled");
    /* It is over, though nobody can have what came of it: else it would be done again,
     * and again in vain. */
    if (frame->large) {
        frame->result = (struct bytes){ 0 };
        if (frame->outcome == OUTCOME_COMPLETED) {
            frame->outcome = OUTCOME_FAILED;
            frame->error_type = text("OutputTooLarge");
            frame->error_message = text("the result is larger than payload_max");
        }
    }
    /* It had more than it can do, and began nothing of this. */
    if (frame->outcome == OUTCOME_FAILED
        && bytes_equal(frame->error_type, text("WorkerOverCapacity")))
        frame->outcome = OUTCOME_RETURNED;
    return ERR_NONE;
}

static enum err
check_verb(struct mobius_frame *frame, struct fault *fault)
{
    bool of_job = false;
    for (size_t i = 0; i < COUNT(verbs); i++)
        if (bytes_equal(frame->type, text(verbs[i].type))) {
            frame->verb = verbs[i].verb;
            of_job = verbs[i].of_job;
        }
    if (of_job && frame->job.size == 0)
        return fault_set(fault, ERR_MALFORMED, "job_id must be there");
    if (of_job && frame->lease.size == 0)
        return fault_set(fault, ERR_MALFORMED, "lease_token must be there");
    if (frame->verb == MOBIUS_SAYS_REGISTER && frame->instance.size == 0)
        return fault_set(fault, ERR_MALFORMED, "worker_instance_id must be there");
    return frame->verb == MOBIUS_SAYS_REPORT ? read_outcome(frame, fault) : ERR_NONE;
}

static enum err
read_document(struct bytes document, size_t payload_max, struct mobius_frame *frame,
    struct fault *fault)
{
    enum err err = ERR_NONE;
    struct cursor type = cursor_over(pack_find(document, "type"));
    struct cursor whole = cursor_over(document);
    frame->type = cursor_text(&type);
    if (cursor_type(&whole) != PACK_MAP || type.bad || frame->type.size == 0)
        return fault_set(fault, ERR_MALFORMED, "a frame is an object with a type");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bytes value = pack_find(document, rows[i].name);
        struct fault later;
        if (value.size == 0)
            continue;
        enum err wrong = read_value(
            value, &rows[i], payload_max, frame, err == ERR_NONE ? fault : &later);
        err = err == ERR_NONE ? wrong : err;
    }
    struct bytes slots = pack_find(document, "available_slots");
    frame->slots_said = slots.size > 0 && slots.data[0] != 0xc0;
    return err == ERR_NONE ? check_verb(frame, fault) : err;
}

/* Of a frame that cannot be read for `fault`: whom it is about, and if it is a report,
 * that its job is over.  Is it one? */
static bool
read_head(struct bytes json, struct buffer *scratch, struct mobius_frame *frame,
    const struct fault *fault)
{
    static const char *const names[] = { "\"type\"", "\"message_id\"", "\"job_id\"",
        "\"lease_token\"", "\"status\"", "\"error_type\"", "\"error_message\"" };
    struct buffer head = { 0 };
    struct fault later;
    json_head(&head, json, names, COUNT(names));
    enum err err = json_to_msgpack(buffer_bytes(&head), scratch, NULL, &later);
    buffer_free(&head);
    if (err != ERR_NONE /* never: each of its members could be read */
        || read_document(buffer_bytes(scratch), 0, frame, &later) != ERR_NONE
        || frame->verb != MOBIUS_SAYS_REPORT)
        return false;
    if (frame->outcome == OUTCOME_COMPLETED) {
        frame->outcome = OUTCOME_FAILED;
        frame->error_type = text("OutputUnreadable");
        frame->error_message = text(fault->detail);
    }
    return true;
}

enum err
mobius_frame_read(struct bytes json, size_t payload_max, struct buffer *scratch,
    struct mobius_frame *frame, struct fault *fault)
{
    memset(frame, 0, sizeof *frame);
    buffer_clear(scratch);
    enum err err = json_to_msgpack(json, scratch, NULL, fault);
    if (err == ERR_NONE)
        return read_document(buffer_bytes(scratch), payload_max, frame, fault);
    return read_head(json, scratch, frame, fault) ? ERR_NONE : err;
}

bool
mobius_token_read(struct bytes said, uint8_t token[TOKEN_SIZE])
{
    struct buffer out = { 0 };
    bool right = said.size == MOBIUS_TOKEN_TEXT && base64_read(&out, said)
                 && out.size == TOKEN_SIZE;
    if (right)
        memcpy(token, out.data, TOKEN_SIZE);
    buffer_free(&out);
    return right;
}

void
mobius_job_name(const struct id *run, uint32_t step, char out[ID_TEXT_MAX])
{
    struct id id = id_derive(run, step);
    id_print(&id, "job_", out);
}

static void
put_name(struct buffer *out, const char *name)
{
    buffer_print(out, ",\"%s\":", name);
}

static void
put_text(struct buffer *out, const char *name, struct bytes value)
{
    put_name(out, name);
    json_write_text(out, value);
}

static void
put_number(struct buffer *out, const char *name, uint64_t value)
{
    buffer_print(out, ",\"%s\":%" PRIu64, name, value);
}

static void
put_id(struct buffer *out, const char *name, const struct id *id, const char *prefix)
{
    char printed[ID_TEXT_MAX];
    put_text(out, name, text(id_print(id, prefix, printed)));
}

static void
put_token(struct buffer *out, const char *name, struct bytes token)
{
    put_name(out, name);
    buffer_append(out, "\"", 1);
    base64_write(out, token);
    buffer_append(out, "\"", 1);
}

static void
begin(struct buffer *out, const char *type, struct bytes message_id)
{
    buffer_print(out, "{\"type\":\"%s\"", type);
    if (message_id.size > 0)
        put_text(out, "message_id", message_id);
}

static void
end(struct buffer *out)
{
    buffer_append(out, "}", 1);
}

/* Their leases are in whole seconds, and never 0. */
static uint64_t
seconds(uint32_t ms)
{
    return ms < 1000 ? 1 : ms / 1000;
}

static void
put_times(struct buffer *out, uint32_t lease_ms, uint32_t heartbeat_ms)
{
    put_number(out, "lease_duration_seconds", seconds(lease_ms));
    put_number(out, "heartbeat_cadence_seconds", seconds(heartbeat_ms));
}

void
mobius_write_registered(
    struct buffer *out, struct bytes message_id, const struct worker_registered *m)
{
    begin(out, "worker.registered", message_id);
    put_token(out, "worker_session_token", m->token);
    buffer_append_bytes(out, text(",\"lease\":{"));
    size_t at = out->size;
    put_times(out, m->lease_ms, m->heartbeat_ms);
    out->data[at] = ' '; /* the comma before the first */
    buffer_append_bytes(out, text("}}"));
}

void
mobius_write_claimed(struct buffer *out, struct bytes message_id,
    const struct bytes *jobs, size_t job_count)
{
    begin(out, "jobs.claimed", message_id);
    put_name(out, "jobs");
    buffer_append(out, "[", 1);
    for (size_t i = 0; i < job_count; i++) {
        if (i > 0)
            buffer_append(out, ",", 1);
        buffer_append_bytes(out, jobs[i]);
    }
    buffer_append_bytes(out, text("]}"));
}

void
mobius_write_word(struct buffer *out, const char *type, struct bytes message_id)
{
    begin(out, type, message_id);
    end(out);
}

static void
put_cancel(struct buffer *out, struct bytes job, struct bytes reason, uint64_t now_ms)
{
    char stamp[STAMP_SIZE];
    put_text(out, "job_id", job);
    if (reason.size > 0)
        put_text(out, "reason", reason);
    put_text(out, "requested_at", text(stamp_print(now_ms, stamp)));
}

void
mobius_write_heartbeat_ack(struct buffer *out, struct bytes message_id,
    struct bytes job, struct bytes cancelled, uint64_t now_ms)
{
    begin(out, "job.heartbeat.ack", message_id);
    put_text(out, "job_id", job);
    if (cancelled.data != NULL) {
        buffer_append_bytes(out, text(",\"cancel\":{"));
        size_t at = out->size;
        put_cancel(out, job, cancelled, now_ms);
        out->data[at] = ' ';
        end(out);
    }
    end(out);
}

void
mobius_write_report_ack(
    struct buffer *out, struct bytes message_id, struct bytes job, bool duplicate)
{
    begin(out, "job.report.ack", message_id);
    put_text(out, "job_id", job);
    buffer_print(out, ",\"duplicate\":%s}", duplicate ? "true" : "false");
}

void
mobius_write_delta_ack(
    struct buffer *out, struct bytes message_id, struct bytes job, uint64_t sequence)
{
    begin(out, "generation.delta.ack", message_id);
    put_text(out, "job_id", job);
    put_number(out, "received_sequence", sequence);
    end(out);
}

void
mobius_write_cancel(
    struct buffer *out, struct bytes job, struct bytes reason, uint64_t now_ms)
{
    begin(out, "job.cancel", (struct bytes){ 0 });
    put_cancel(out, job, reason, now_ms);
    end(out);
}

void
mobius_write_error(
    struct buffer *out, struct bytes message_id, const char *code, struct bytes message)
{
    begin(out, "error", message_id);
    buffer_print(out, ",\"error\":{\"code\":\"%s\",\"message\":", code);
    json_write_text(out, message);
    buffer_append_bytes(out, text("}}"));
}

void
mobius_write_job(struct buffer *out, const struct job_granted *m, uint32_t lease_ms,
    uint32_t heartbeat_ms)
{
    struct id id = id_derive(&m->run, m->step);
    buffer_append_bytes(out, text("{\"kind\":\"action_execution\","
                                  "\"origin\":\"loop_action_step\","
                                  "\"executor_kind\":\"customer_worker\""));
    put_id(out, "id", &id, "job_");
    put_id(out, "run_id", &m->run, "run_");
    put_id(out, "step_id", &id, "step_");
    put_text(out, "queue", m->queue);
    put_text(out, "action_name", m->action);
    put_token(out, "lease_token", m->token);
    put_number(out, "claim_attempt", m->attempt);
    put_times(out, lease_ms, heartbeat_ms);
    buffer_append_bytes(out, text(",\"spec\":{\"parameters\":"));
    if (m->parameters.size < 1 || m->parameters.data[0] == 0xc0
        || msgpack_to_json(m->parameters, out) != ERR_NONE)
        buffer_append_bytes(out, text("{}"));
    buffer_append_bytes(out, text("}}"));
}

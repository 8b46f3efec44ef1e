/* Starting and ending runs. */
#include "base/clock.h"
#include "base/put.h"
#include "base/stamp.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"

enum { WAIT_MAX_MS = 600000, NAME_MAX_BYTES = 200, KEY_MAX = 200, REASON_MAX = 1000 };

static void
put_stamp(struct buffer *out, const char *key, uint64_t unix_ms)
{
    char stamp[STAMP_SIZE];
    put_text(out, key, text(stamp_print(unix_ms, stamp)));
}

static void
put_outcome(struct buffer *out, const struct run_changed *outcome)
{
    put_stamp(out, "finished_at", outcome->finished_ms);
    put_text(out, "stop_reason", outcome->stop_reason);
    pack_string(out, "output");
    pack_raw(out, outcome->output);
    pack_string(out, "error");
    if (outcome->status != RUN_BROKEN) {
        pack_nil(out);
        return;
    }
    pack_map(out, 3);
    put_text(out, "type", outcome->error_type);
    put_text(out, "message", outcome->error_message);
    put_text(out, "step", outcome->failed_step);
}

void
native_run_document(struct buffer *out, const struct run_accepted *run,
    const struct run_changed *outcome)
{
    char id[ID_TEXT_MAX], automation[ID_TEXT_MAX];
    enum run_status status =
        (enum run_status)(outcome == NULL ? run->status : outcome->status);
    pack_map(out, outcome == NULL ? 6 : 10);
    put_text(out, "id", text(id_print(&run->run, "run_", id)));
    put_text(out, "automation", run->name);
    put_text(
        out, "automation_id", text(id_print(&run->automation, "aut_", automation)));
    pack_string(out, "version");
    pack_u64(out, run->version);
    put_text(out, "status", text(run_status_name(status)));
    put_stamp(out, "started_at", run->started_ms);
    if (outcome != NULL)
        put_outcome(out, outcome);
}

static void
show_summary(struct request *r, unsigned status, const struct run_accepted *run)
{
    struct buffer out = { 0 };
    native_run_document(&out, run, NULL);
    request_document(r, status, buffer_bytes(&out));
    buffer_free(&out);
}

static bool
accepted(struct request *r, const struct message *answer)
{
    const struct run_accepted *run = &answer->run_accepted;
    if (answer->code == RUN_ACCEPTED && run->status >= RUN_WAITING
        && run->status <= RUN_STOPPED)
        return true;
    request_show(r, answer);
    return false;
}

void
native_run_accepted(struct request *r, const struct message *answer)
{
    const struct run_accepted *run = &answer->run_accepted;
    if (accepted(r, answer))
        show_summary(r, run->existed ? 200 : 201, run);
}

void
native_ask_run(
    struct request *r, struct message *m, const struct id *run, native_done *done)
{
    m->to_instance = id_partition(run);
    m->envelope.partition = m->to_instance;
    if (m->to_instance >= r->gateway->child.config.schedulers)
        request_refuse(r, ERR_NOT_FOUND, "%s", "");
    else
        request_ask(r, m, done);
}

void
native_tell_run(struct request *r, struct message *m, const struct id *run)
{
    native_ask_run(r, m, run, native_run_accepted);
}

static void
started_to_wait(struct request *r, const struct message *answer)
{
    const struct run_accepted *run = &answer->run_accepted;
    uint64_t ms = 0;
    if (!accepted(r, answer))
        return;
    native_duration(target_query(&r->target, "wait"), WAIT_MAX_MS, &ms);
    native_wait(
        r, &r->key->project, run, run->existed ? 200 : 201, r->gateway->now_ms + ms);
}

static bool
read_key(struct request *r, struct bytes body, struct bytes *key)
{
    struct bytes header = r->headers[HEADER_IDEMPOTENCY_KEY];
    if (!body_text(r, body, "idempotency_key", KEY_MAX, key))
        return false;
    bool differ = key->size > 0 && header.size > 0 && !bytes_equal(*key, header);
    if (header.size > KEY_MAX || !utf8_valid(header) || differ) {
        request_refuse(r, ERR_INVALID,
            differ ? "two idempotency keys that differ"
                   : "Idempotency-Key is not a text of at "
                     "most 200 bytes");
        return false;
    }
    *key = key->size > 0 ? *key : header;
    return true;
}

static bool
read_start(struct request *r, struct run_start *start)
{
    static const char *const names[] = { "automation", "inputs", "idempotency_key",
        "version", "meta", "config", NULL };
    struct bytes body;
    if (!request_json(r, &body) || !body_only(r, body, names)
        || !body_text(r, body, "automation", NAME_MAX_BYTES, &start->automation)
        || !read_key(r, body, &start->key)
        || !body_map(r, body, "inputs", &start->inputs)
        || !body_map(r, body, "meta", &start->meta)
        || !body_map(r, body, "config", &start->config)
        || !body_number(r, body, "version", UINT32_MAX, &start->version))
        return false;
    if (start->automation.size > 0)
        return true;
    request_refuse(r, ERR_INVALID, "automation must name an automation");
    return false;
}

void
native_place(struct request *r, struct message *m)
{
    m->to_instance = gateway_partition(r->gateway, &r->key->project, m->run_start.key);
    m->envelope.partition = m->to_instance;
    m->run_start.run = id_fresh(m->to_instance);
    m->run_start.source = text("api");
}

void
native_run_start(struct request *r)
{
    struct message *m = request_message(r, RUN_START, ACTOR_scheduler);
    struct bytes wait = target_query(&r->target, "wait");
    uint64_t wait_ms;
    if (wait.data != NULL && !native_duration(wait, WAIT_MAX_MS, &wait_ms)) {
        request_refuse(
            r, ERR_MALFORMED, "wait must be a time such as 30s, at most 10m");
        return;
    }
    if (!read_start(r, &m->run_start))
        return;
    native_place(r, m);
    m->run_start.patient = wait.data != NULL;
    request_ask(r, m, wait.data != NULL ? started_to_wait : native_run_accepted);
}

void
native_run_cancel(struct request *r)
{
    static const char *const names[] = { "reason", "discard", NULL };
    struct message *m = request_message(r, RUN_CANCEL, ACTOR_scheduler);
    struct bytes body;
    bool discard;
    if (!request_id(r, "run_", &m->run_cancel.run) || !request_json(r, &body)
        || !body_only(r, body, names)
        || !body_text(r, body, "reason", REASON_MAX, &m->run_cancel.reason)
        || !body_flag(r, body, "discard", &discard))
        return;
    m->run_cancel.discard = discard;
    m->run_cancel.by = native_asker(r);
    native_tell_run(r, m, &m->run_cancel.run);
}

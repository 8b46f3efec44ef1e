#include "base/clock.h"
#include "base/json_write.h"
#include "base/pack.h"
#include "base/put.h"
#include "gateway/workflow_graph/names.h"
#include "gateway/workflow_graph/state.h"

/* As a text: texts as they are, all else as JSON. */
static void
put_words(struct buffer *out, struct bytes value)
{
    struct cursor c = cursor_over(value);
    struct buffer json = { 0 };
    if (cursor_type(&c) == PACK_TEXT)
        pack_text(out, cursor_text(&c));
    else if (msgpack_to_json(value, &json) == ERR_NONE)
        pack_text(out, buffer_bytes(&json));
    else
        pack_string(out, "");
    buffer_free(&json);
}

/* Outputs of other workers may be anything: what is no map is shown as `output`. */
static void
put_outputs(struct buffer *out, struct bytes outputs)
{
    struct cursor c = cursor_over(outputs);
    enum pack_type type = cursor_type(&c);
    if (type == PACK_NIL || type == PACK_NOTHING) {
        pack_map(out, 0);
        return;
    }
    if (type != PACK_MAP) {
        pack_map(out, 1);
        pack_string(out, "output");
        put_words(out, outputs);
        return;
    }
    size_t count = cursor_map(&c);
    pack_map(out, count);
    for (size_t i = 0; i < count; i++) {
        put_words(out, cursor_skip(&c));
        put_words(out, cursor_skip(&c));
    }
}

static void
put_upstream(struct buffer *out, struct bytes parameters)
{
    struct cursor c = cursor_over(pack_find(parameters, "upstream_outputs"));
    size_t count = cursor_type(&c) == PACK_MAP ? cursor_map(&c) : 0;
    struct buffer id = { 0 };
    pack_string(out, "upstream_outputs");
    pack_map(out, count);
    for (size_t i = 0; i < count; i++) {
        buffer_clear(&id);
        id_from_key(&id, cursor_text(&c));
        pack_text(out, buffer_bytes(&id));
        put_outputs(out, cursor_skip(&c));
    }
    buffer_free(&id);
}

void
grant_write(struct buffer *out, const struct job_granted *m, struct bytes workflow,
    struct bytes job)
{
    char run[ID_TEXT_MAX];
    struct cursor command = cursor_over(pack_find(m->parameters, "command"));
    pack_map(out, 10);
    put_text(out, "job_id", job);
    put_text(out, "workflow_id", workflow);
    put_text(out, "command", cursor_text(&command));
    put_raw(out, "required_labels", pack_or_list(m->labels));
    pack_string(out, "retry_policy");
    pack_map(out, 2);
    /* The engine retries, and knows how often: so many have been. */
    put_number(out, "max_retries", m->attempt - 1);
    put_text(out, "backoff", text("None"));
    put_number(out, "attempt", m->attempt - 1);
    put_upstream(out, m->parameters);
    put_number(out, "enqueued_at_ms", clock_unix_ms());
    put_number(out, "delayed_until_ms", 0);
    put_text(out, "run_id", text(id_print(&m->run, "run_", run)));
}

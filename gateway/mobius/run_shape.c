#include "base/stamp.h"
#include "gateway/mobius/loops.h"
#include "gateway/mobius/runs.h"

/* Why a run ended, where it is not their word for it. */
static struct bytes
stop_reason_of(struct bytes document)
{
    struct bytes reason = said_text(document, "stop_reason");
    return bytes_equal(reason, text("output_failed")) ? text("step_failed") : reason;
}

static void
write_source(struct form *run, struct bytes source)
{
    static const char *const theirs[] = { "api", "trigger", "manual", "signal" };
    const char *type = "api";
    for (size_t i = 0; i < COUNT(theirs); i++)
        if (bytes_equal(source, text(theirs[i])))
            type = theirs[i];
    struct form inside = form_inside(run, "source");
    form_string(&inside, "type", type);
    form_close(&inside);
}

static void
write_version(struct form *run, const struct id *automation, uint64_t version)
{
    struct id id = id_derive(automation, version);
    form_id(run, "loop_version_id", "lver_", &id);
    form_number(run, "loop_version", version);
}

static void
write_map(struct form *run, const char *name, struct bytes value)
{
    struct cursor c = cursor_over(value);
    if (cursor_type(&c) == PACK_MAP)
        form_value(run, name, value);
}

/* What the loop says that it returns; if it does not, the outputs of the steps. */
static void
write_result(struct form *run, struct bytes document, struct bytes returned)
{
    if (bytes_equal(said_text(document, "status"), text("completed")))
        form_object(run, "result",
            returned.size > 0 ? returned : pack_find(document, "outputs"));
}

bool
run_write(struct request *r, struct buffer *out, struct bytes document)
{
    run_write_returned(r, out, document, (struct bytes){ 0 });
    return true;
}

void
run_write_returned(
    struct request *r, struct buffer *out, struct bytes document, struct bytes returned)
{
    struct form run = form_open(out);
    struct id automation = said_id(document, "automation_id", "aut_");
    struct bytes error = pack_find(document, "error");
    (void)r;
    form_copy(&run, "id", document, "id");
    form_id(&run, "loop_id", "loop_", &automation);
    form_copy(&run, "name", document, "name");
    form_copy(&run, "loop_name", document, "automation");
    write_version(&run, &automation, said_number(document, "version"));
    form_copy(&run, "status", document, "status");
    form_copy(&run, "attempt", document, "attempt");
    form_text(&run, "stop_reason", stop_reason_of(document));
    write_map(&run, "event", pack_find(document, "inputs"));
    write_result(&run, document, returned);
    write_source(&run, said_text(document, "source"));
    form_copy(&run, "parent_run_id", document, "parent_run_id");
    if (error.size > 0) {
        form_copy(&run, "error_message", error, "message");
        form_copy(&run, "error_type", error, "type");
    }
    form_copy(&run, "started_at", document, "started_at");
    form_copy(&run, "completed_at", document, "finished_at");
    form_copy(&run, "created_at", document, "created_at");
    form_copy(&run, "updated_at", document, "updated_at");
    form_close(&run);
}

static void
write_stamps(struct form *run, const struct run_accepted *accepted)
{
    char stamp[STAMP_SIZE];
    stamp_print(accepted->started_ms, stamp);
    form_string(run, "created_at", stamp);
    form_string(run, "updated_at", stamp);
}

void
run_write_accepted(struct buffer *out, const struct run_accepted *accepted,
    const struct run_words *said)
{
    struct form run = form_open(out);
    form_id(&run, "id", "run_", &accepted->run);
    form_id(&run, "loop_id", "loop_", &accepted->automation);
    form_text(&run, "loop_name", accepted->name);
    write_version(&run, &accepted->automation, accepted->version);
    form_string(&run, "status", run_status_name((enum run_status)accepted->status));
    form_value(&run, "event", said->event);
    form_value(&run, "config", said->config);
    form_value(&run, "meta", said->meta);
    write_source(&run, text("api"));
    write_stamps(&run, accepted);
    form_close(&run);
}

void
run_write_accepted_before(const struct request *r, struct buffer *out,
    const struct run_accepted *accepted, const struct run_words *said)
{
    struct form run = form_open(out);
    struct id version = id_derive(&accepted->automation, accepted->version);
    char project[ID_TEXT_MAX];
    project_id(r, project);
    form_id(&run, "id", "run_", &accepted->run);
    form_string(&run, "org_id", "org_local");
    form_string(&run, "project_id", project);
    form_id(&run, "automation_id", "aut_", &accepted->automation);
    form_text(&run, "automation_name", accepted->name);
    form_id(&run, "automation_version_id", "aver_", &version);
    form_number(&run, "automation_version", accepted->version);
    form_string(&run, "status", run_status_name((enum run_status)accepted->status));
    form_value(&run, "inputs", said->event);
    write_source(&run, text("api"));
    write_stamps(&run, accepted);
    form_close(&run);
}

/* Kinds that only we have are shown as the nearest of theirs. */
static struct bytes
kind_of(struct bytes step)
{
    static const char *const theirs[] = { "agent", "action", "sleep", "wait_for_event",
        "interaction", "loop", "check" };
    struct bytes kind = said_text(step, "kind");
    for (size_t i = 0; i < COUNT(theirs); i++)
        if (bytes_equal(kind, text(theirs[i])))
            return kind;
    return text(bytes_equal(kind, text("automation")) ? "loop" : "action");
}

static void
write_step(struct form *list, struct bytes document, struct bytes said)
{
    struct id run = said_id(document, "id", "run_");
    uint64_t index = said_number(said, "index");
    struct id id = id_derive(&run, index);
    struct bytes error = pack_find(said, "error"), kind = kind_of(said);
    struct bytes begun = pack_find(said, "started_at");
    struct bytes over = pack_find(said, "finished_at");
    form_item(list);
    struct form step = form_open(list->out);
    form_id(&step, "id", "step_", &id);
    form_copy(&step, "run_id", document, "id");
    form_copy(&step, "step_key", said, "key");
    form_copy(&step, "step_name", said, "name");
    form_text(&step, "kind", kind);
    form_copy(&step, "status", said, "status");
    form_number(&step, "seq", index);
    form_number(&step, "attempt", said_number(said, "attempt"));
    form_copy(&step, "result", said, "output");
    if (bytes_equal(kind, text("action")))
        form_id(&step, "job_id", "job_", &id);
    if (error.size > 0) {
        form_copy(&step, "error_type", error, "type");
        form_copy(&step, "error_message", error, "message");
    }
    form_value(&step, "started_at", begun);
    form_value(&step, "completed_at", over);
    struct bytes created = pack_find(document, "created_at");
    form_value(&step, "created_at", begun.size > 1 ? begun : created);
    form_value(&step, "updated_at",
        over.size > 1    ? over
        : begun.size > 1 ? begun
                         : created);
    form_close(&step);
}

void
run_write_steps(struct buffer *out, struct bytes document)
{
    size_t count;
    struct cursor items = said_items(document, "steps", &count);
    struct form whole = form_open(out);
    struct form list = form_list(&whole, "items");
    for (size_t i = 0; i < count; i++)
        write_step(&list, document, cursor_skip(&items));
    form_close_list(&list);
    form_close(&whole);
}

bool
run_write_event(struct request *r, struct buffer *out, struct bytes event)
{
    struct form form = form_open(out);
    struct bytes run = r->captures[1];
    uint64_t sequence = said_number(event, "sequence");
    struct id id;
    if (id_read(run, "run_", &id) != ERR_NONE)
        id = (struct id){ { 0 } };
    id = id_derive(&id, sequence);
    form_id(&form, "id", "ev_", &id);
    form_text(&form, "run_id", run);
    form_number(&form, "sequence", sequence);
    form_copy(&form, "event_type", event, "event_type");
    form_copy(&form, "step_key", event, "step");
    form_copy(&form, "payload", event, "payload");
    form_copy(&form, "created_at", event, "at");
    form_close(&form);
    return true;
}

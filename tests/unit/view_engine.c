#include "tests/unit/view_engine.h"

#include "actors/plan/compile.h"
#include "actors/scheduler/scheduler.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BEGIN_S = 1767225600 };
static const uint64_t begin_ms = (uint64_t)BEGIN_S * 1000;

static struct journal *
journal_of(void *self, uint32_t partition)
{
    struct engine *e = self;
    return e->away[partition] ? NULL : e->traces[partition].journal;
}

void
engine_open(struct engine *e, uint32_t partitions)
{
    *e = (struct engine){ 0 };
    e->view = (struct view){
        .partitions = partitions,
        .journal = journal_of,
        .self = e,
        .bytes_max = DOCUMENT_BYTES_MAX,
    };
    for (uint32_t i = 0; i < partitions; i++) {
        struct trace *t = &e->traces[i];
        trace_make(t, &scheduler_actor);
        t->config.schedulers = partitions;
        t->instance = i;
        t->now_ms = begin_ms;
        trace_open(t);
    }
}

void
engine_close(struct engine *e)
{
    for (uint32_t i = 0; i < e->view.partitions; i++)
        trace_close(&e->traces[i]);
    view_free(&e->view);
    buffer_free(&e->shown);
}

void
engine_wait(struct engine *e, uint64_t ms)
{
    for (uint32_t i = 0; i < e->view.partitions; i++)
        trace_wait(&e->traces[i], ms);
}

struct id
engine_automation(const char *name)
{
    return id_of_name(text(name));
}

struct id
engine_run(const struct engine *e, unsigned number)
{
    const uint8_t chance[10] = { (uint8_t)(number >> 8), (uint8_t)number };
    return id_make(begin_ms + number, chance, number % e->view.partitions);
}

struct trace *
engine_trace_of(struct engine *e, unsigned run)
{
    return &e->traces[run % e->view.partitions];
}

void
engine_learn(struct engine *e, const char *name, const char *steps)
{
    const struct compile_limits limits = {
        .text_max = 1 << 20, .steps_max = 5000, .payload_max = 1 << 20
    };
    struct arena arena = { 0 };
    struct mistakes mistakes = { 0 };
    struct buffer yaml = { 0 }, plan = { 0 };
    buffer_print(&yaml, "schema_version: \"1\"\nname: %s\nsteps:\n%s", name, steps);
    enum err err = compile(buffer_bytes(&yaml), &limits, &arena, &plan, &mistakes);
    ck_assert_msg(err == ERR_NONE, "%s",
        mistakes.count > 0 ? mistakes.list[0].message : "not compiled");
    struct plan_offered offered = {
        .automation = engine_automation(name),
        .name = text(name),
        .version = 1,
        .plan = buffer_bytes(&plan),
    };
    for (uint32_t i = 0; i < e->view.partitions; i++)
        trace_give(&e->traces[i], ACTOR_registry, 0,
            (struct message){ .code = PLAN_OFFERED, .plan_offered = offered });
    arena_free(&arena);
    buffer_free(&yaml);
    buffer_free(&plan);
}

void
engine_start_with(
    struct engine *e, unsigned run, const char *name, const char *key, struct bytes in)
{
    struct run_start start = { .request = 1,
        .run = engine_run(e, run),
        .automation = text(name),
        .key = text(key),
        .inputs = in,
        .source = text("api") };
    trace_give(engine_trace_of(e, run), ACTOR_gateway, 0,
        (struct message){ .code = RUN_START, .run_start = start });
}

void
engine_start(struct engine *e, unsigned run, const char *name)
{
    engine_start_with(e, run, name, "", (struct bytes){ 0 });
}

void
engine_cancel(struct engine *e, unsigned run)
{
    struct run_cancel cancel = { 1, engine_run(e, run), text("enough"), 0,
        text("ada") };
    trace_give(engine_trace_of(e, run), ACTOR_gateway, 0,
        (struct message){ .code = RUN_CANCEL, .run_cancel = cancel });
}

static struct id
session(void)
{
    return id_of_name(text("session"));
}

static void
from_lease(struct engine *e, struct job job, struct message m)
{
    trace_give(engine_trace_of(e, job.run), ACTOR_lease, 0, m);
}

void
engine_leased(struct engine *e, struct job job)
{
    struct job_leased leased = { engine_run(e, job.run), job.step, job.attempt,
        job.offer, session(), text("host-1"), 0 };
    from_lease(e, job, (struct message){ .code = JOB_LEASED, .job_leased = leased });
}

void
engine_returned(struct engine *e, struct job job)
{
    struct job_returned back = { engine_run(e, job.run), job.step, job.attempt,
        job.offer, session() };
    from_lease(e, job, (struct message){ .code = JOB_RETURNED, .job_returned = back });
}

void
engine_lost(struct engine *e, struct job job)
{
    struct job_lost lost = { engine_run(e, job.run), job.step, job.attempt, job.offer,
        session() };
    from_lease(e, job, (struct message){ .code = JOB_LOST, .job_lost = lost });
}

void
engine_printed(struct engine *e, struct job job, const char *chunk)
{
    struct job_printed printed = { engine_run(e, job.run), job.step, job.attempt,
        text("stdout"), text(chunk) };
    from_lease(e, job, (struct message){ .code = JOB_PRINTED, .job_printed = printed });
}

static void
report(struct engine *e, struct job job, enum outcome outcome, struct bytes output)
{
    bool failed = outcome != OUTCOME_COMPLETED;
    struct job_reported reported = { .run = engine_run(e, job.run),
        .step = job.step,
        .attempt = job.attempt,
        .offer = job.offer,
        .session = session(),
        .outcome = outcome,
        .output = output,
        .error_type = text(failed ? "ActionError" : ""),
        .error_message = text(failed ? "no paper" : "") };
    from_lease(
        e, job, (struct message){ .code = JOB_REPORTED, .job_reported = reported });
}

void
engine_completed(struct engine *e, struct job job, struct bytes output)
{
    report(e, job, OUTCOME_COMPLETED, output);
}

void
engine_failed(struct engine *e, struct job job)
{
    report(e, job, OUTCOME_FAILED, (struct bytes){ 0 });
}

/* ---- what is shown ---- */

static void show(struct cursor *in, struct buffer *out);

static void
show_items(struct cursor *in, bool map, struct buffer *out)
{
    size_t count = map ? cursor_map(in) : cursor_array(in);
    buffer_print(out, "%s", map ? "{" : "[");
    for (size_t i = 0; i < count; i++) {
        buffer_print(out, "%s", i > 0 ? "," : "");
        if (map) {
            show(in, out);
            buffer_print(out, ":");
        }
        show(in, out);
    }
    buffer_print(out, "%s", map ? "}" : "]");
}

static void
show(struct cursor *in, struct buffer *out)
{
    struct bytes bytes;
    switch (cursor_type(in)) {
    case PACK_NIL:
        cursor_nil(in);
        buffer_print(out, "null");
        return;
    case PACK_BOOL: buffer_print(out, cursor_bool(in) ? "true" : "false"); return;
    case PACK_UNSIGNED: buffer_print(out, "%" PRIu64, cursor_u64(in)); return;
    case PACK_TEXT:
        bytes = cursor_text(in);
        buffer_print(out, "\"%.*s\"", (int)bytes.size, (const char *)bytes.data);
        return;
    case PACK_ARRAY: show_items(in, false, out); return;
    case PACK_MAP: show_items(in, true, out); return;
    default: ck_abort_msg("nothing of that type is in the documents");
    }
}

const char *
engine_ask(struct engine *e, struct message question)
{
    struct message *said = &e->answer;
    question.envelope.from = ACTOR_gateway;
    question.envelope.id = 99;
    if (id_is_zero(&question.envelope.project))
        question.envelope.project = e->traces[0].project;
    struct outbox out = { .in = &question,
        .project = question.envelope.project,
        .arena = &e->view.arena,
        .messages = said };
    view_answer(&e->view, &question, &out);
    ck_assert_uint_eq(out.count, 1);
    ck_assert_uint_eq(said->to, ACTOR_gateway);
    ck_assert_uint_eq(said->envelope.cause, 99);
    buffer_clear(&e->shown);
    if (said->code == DOCUMENT) {
        ck_assert_int_eq(pack_check(said->document.document), ERR_NONE);
        struct cursor in = cursor_over(said->document.document);
        show(&in, &e->shown);
    } else {
        ck_assert_uint_eq(said->code, REFUSED);
        buffer_print(&e->shown, "%s", err_name((enum err)said->refused.err));
    }
    buffer_append(&e->shown, "", 1);
    return (const char *)e->shown.data;
}

const char *
engine_run_get(struct engine *e, unsigned run)
{
    struct run_get get = { .request = 7, .run = engine_run(e, run) };
    return engine_ask(e, (struct message){ .code = RUN_GET, .run_get = get });
}

const char *
engine_events(struct engine *e, unsigned run, uint64_t after, uint32_t limit)
{
    struct event_list list = { 7, engine_run(e, run), after, limit };
    return engine_ask(e, (struct message){ .code = EVENT_LIST, .event_list = list });
}

const char *
engine_logs(struct engine *e, unsigned run, uint64_t after, uint32_t limit)
{
    struct log_list list = { 7, engine_run(e, run), after, limit };
    return engine_ask(e, (struct message){ .code = LOG_LIST, .log_list = list });
}

const char *
engine_field(const struct engine *e, const char *name, char *out, size_t size)
{
    char label[64];
    snprintf(label, sizeof label, "\"%s\":", name);
    const char *at = strstr((const char *)e->shown.data, label);
    out[0] = '\0';
    if (at == NULL)
        return out;
    at += strlen(label);
    at += *at == '"';
    snprintf(out, size, "%.*s", (int)strcspn(at, "\",}]"), at);
    return out;
}

/* Starting, ending and following runs. */
#include "gateway/mobius/runs.h"

#include "base/clock.h"
#include "gateway/mobius/loops.h"
#include "gateway/mobius/mobius.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"

enum {
    KEY_MAX = 200,
    REASON_MAX = 1000,
    STEP_MAX = 128,
    EVENTS_DEFAULT = 100,
    EVENTS_MAX = 1000
};

/* ---- starts ---- */

struct start {
    struct message *start;
    struct run_words said;
    bool as_loop;
};

/* One that is there: how it is, as far as its scheduler said. */
struct known {
    struct run_accepted run;
    unsigned answer; /* status of the answer */
    bool as_loop;
};

/* The view may be a moment behind its scheduler, or ahead. */
static bool
agrees(struct bytes run, const struct run_accepted *accepted)
{
    return run.size > 0
           && run_status_final(run_status_read(said_text(run, "status")))
                  == run_status_final((enum run_status)accepted->status);
}

static void
show_known(struct request *r, const struct message *answer)
{
    const struct known *known = r->own;
    struct buffer out = { 0 };
    struct bytes run =
        answer->code == DOCUMENT ? answer->document.document : (struct bytes){ 0 };
    struct run_words said = { .event = pack_find(run, "inputs") };
    if (!known->as_loop)
        run_write_accepted_before(r, &out, &known->run, &said);
    else if (agrees(run, &known->run))
        run_write(r, &out, run);
    else
        run_write_accepted(&out, &known->run, &said);
    form_answer(r, known->answer, &out);
}

/* What else there is to say of it, the view knows. */
static void
ask_known(
    struct request *r, const struct run_accepted *run, unsigned answer, bool as_loop)
{
    struct message *m = request_message(r, RUN_GET, ACTOR_view);
    struct known *known = arena_take(&r->arena, sizeof *known);
    known->run = *run;
    known->run.name = arena_copy(&r->arena, run->name);
    known->answer = answer;
    known->as_loop = as_loop;
    m->run_get.run = run->run;
    r->own = known;
    request_ask(r, m, show_known);
}

static void
show_conflict(struct request *r, const struct run_accepted *run, bool as_loop,
    const char *message)
{
    struct buffer out = { 0 };
    struct form whole = form_open(&out);
    struct form error = form_inside(&whole, "error");
    form_string(
        &error, "code", as_loop ? "idempotency_key_conflict" : "external_id_conflict");
    form_string(&error, "message", message);
    struct form details = form_inside(&error, "details");
    form_id(&details, "existing_run_id", "run_", &run->run);
    form_string(&details, "status", run_status_name((enum run_status)run->status));
    form_close(&details);
    form_close(&error);
    form_close(&whole);
    form_answer(r, 409, &out);
}

static bool
is_of(const struct run_accepted *run, struct bytes automation)
{
    struct id id;
    return id_read(automation, "aut_", &id) == ERR_NONE
               ? id_equal(&id, &run->automation)
               : bytes_equal(automation, run->name);
}

static void
started(struct request *r, const struct message *answer)
{
    const struct start *start = r->own;
    const struct run_accepted *run = &answer->run_accepted;
    struct buffer out = { 0 };
    if (answer->code != RUN_ACCEPTED) {
        request_show(r, answer);
        return;
    }
    if (run->existed && !is_of(run, start->start->run_start.automation)) {
        show_conflict(r, run, start->as_loop, "the run of this key is of another one");
        return;
    }
    if (run->existed && run_status_final((enum run_status)run->status)) {
        show_conflict(r, run, start->as_loop, "the run of this key has ended");
        return;
    }
    if (run->existed) {
        ask_known(r, run, 202, start->as_loop);
        return;
    }
    if (start->as_loop)
        run_write_accepted(&out, run, &start->said);
    else
        run_write_accepted_before(r, &out, run, &start->said);
    form_answer(r, 202, &out);
}

/* Their loops take no runs while they are paused; ours do, but for triggers. */
static void
got_loop(struct request *r, const struct message *answer)
{
    const struct start *start = r->own;
    if (answer->code != DOCUMENT)
        request_show(r, answer);
    else if (bytes_equal(
                 said_text(answer->document.document, "status"), text("paused")))
        request_refuse(r, ERR_NOT_RUNNABLE, "the loop is paused");
    else
        request_ask(r, start->start, started);
}

static bool
read_start(struct request *r, struct start *start)
{
    struct run_start *said = &start->start->run_start;
    struct bytes body;
    const char *event = start->as_loop ? "event" : "inputs";
    const char *key = start->as_loop ? "idempotency_key" : "external_id";
    if (!request_json(r, &body) || !body_map(r, body, event, &start->said.event)
        || !body_map(r, body, "config", &start->said.config)
        || !body_map(r, body, "meta", &start->said.meta)
        || !body_text(r, body, key, KEY_MAX, &said->key))
        return false;
    if (said->key.size == 0)
        said->key = r->headers[HEADER_IDEMPOTENCY_KEY];
    if (said->key.size > KEY_MAX || !utf8_valid(said->key)) {
        request_refuse(
            r, ERR_INVALID, "%s is a text of at most %d bytes", key, KEY_MAX);
        return false;
    }
    said->inputs = start->said.event;
    said->config = start->said.config;
    said->meta = start->said.meta;
    return true;
}

static struct start *
start_new(struct request *r, bool as_loop)
{
    struct start *start = arena_take(&r->arena, sizeof *start);
    start->as_loop = as_loop;
    start->start = request_message(r, RUN_START, ACTOR_scheduler);
    start->start->run_start.automation = loop_name(r);
    r->own = start;
    if (!read_start(r, start))
        return NULL;
    native_place(r, start->start);
    return start;
}

void
mobius_loop_start(struct request *r)
{
    const struct start *start = start_new(r, true);
    if (start == NULL)
        return;
    struct message *m = request_message(r, AUTOMATION_GET, ACTOR_registry);
    m->automation_get.name = start->start->run_start.automation;
    request_ask(r, m, got_loop);
}

void
mobius_automation_start(struct request *r)
{
    const struct start *start = start_new(r, false);
    if (start != NULL)
        request_ask(r, start->start, started);
}

/* ---- one run ---- */

static bool
run_of(struct request *r, struct id *id)
{
    if (id_read(r->captures[1], "run_", id) == ERR_NONE
        && id_partition(id) < r->gateway->child.config.schedulers)
        return true;
    request_refuse(r, ERR_NOT_FOUND, "there is no such run");
    return false;
}

static void
got_last_event(struct request *r, const struct message *answer)
{
    const struct bytes *run = r->own;
    struct buffer out = { 0 };
    size_t count;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct cursor items = said_items(answer->document.document, "items", &count);
    struct bytes last = count > 0 ? cursor_skip(&items) : (struct bytes){ 0 };
    run_write_returned(r, &out, *run, pack_find(pack_find(last, "payload"), "output"));
    form_answer(r, 200, &out);
}

/* Whether its loop says what it returns, or that is the output of the last step, only
 * its end tells. */
static void
got_run(struct request *r, const struct message *answer)
{
    struct message *m = request_message(r, EVENT_LIST, ACTOR_view);
    struct buffer out = { 0 };
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct bytes run = answer->document.document;
    uint64_t events = said_number(run, "last_sequence");
    if (!bytes_equal(said_text(run, "status"), text("completed")) || events == 0) {
        run_write(r, &out, run);
        form_answer(r, 200, &out);
        return;
    }
    struct bytes *kept = arena_take(&r->arena, sizeof *kept);
    *kept = arena_copy(&r->arena, run);
    r->own = kept;
    m->event_list.run = said_id(run, "id", "run_");
    m->event_list.after = events - 1;
    m->event_list.limit = 1;
    request_ask(r, m, got_last_event);
}

static void
got_steps(struct request *r, const struct message *answer)
{
    struct buffer out = { 0 };
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    run_write_steps(&out, answer->document.document);
    form_answer(r, 200, &out);
}

static void
ask_run(
    struct request *r, void (*done)(struct request *r, const struct message *answer))
{
    struct message *m = request_message(r, RUN_GET, ACTOR_view);
    if (run_of(r, &m->run_get.run))
        request_ask(r, m, done);
}

void
mobius_run_get(struct request *r)
{
    ask_run(r, got_run);
}

void
mobius_step_list(struct request *r)
{
    ask_run(r, got_steps);
}

/* ---- pages of runs ---- */

static void
got_runs(struct request *r, const struct message *answer)
{
    if (answer->code == DOCUMENT)
        form_answer_page(r, answer->document.document, run_write);
    else
        request_show(r, answer);
}

/* An event of a hook has one run, and is named by it. */
static void
got_run_of_event(struct request *r, const struct message *answer)
{
    struct buffer page = { 0 };
    bool there = answer->code == DOCUMENT;
    if (!there && answer->code == REFUSED && answer->refused.err != ERR_NOT_FOUND) {
        request_show(r, answer);
        return;
    }
    pack_map(&page, 1);
    pack_string(&page, "items");
    pack_array(&page, there);
    if (there)
        buffer_append_bytes(&page, answer->document.document);
    form_answer_page(r, buffer_bytes(&page), run_write);
    buffer_free(&page);
}

void
mobius_run_list(struct request *r)
{
    struct message *m = request_message(r, RUN_LIST, ACTOR_view);
    struct run_list *list = &m->run_list;
    struct bytes event = target_query(&r->target, "source_event_id");
    struct id id;
    char name[ID_TEXT_MAX];
    if (event.size > 0) {
        m = request_message(r, RUN_GET, ACTOR_view);
        if (id_read(event, "sevt_", &m->run_get.run) != ERR_NONE)
            request_refuse(r, ERR_MALFORMED, "source_event_id is none of ours");
        else
            request_ask(r, m, got_run_of_event);
        return;
    }
    list->automation = target_query(&r->target, "loop_id");
    if (id_read(list->automation, "loop_", &id) == ERR_NONE)
        list->automation = arena_copy(&r->arena, text(id_print(&id, "aut_", name)));
    if (list->automation.size == 0)
        list->automation = target_query(&r->target, "automation_id");
    list->status = target_query(&r->target, "status");
    if (mobius_page(r, &list->limit, &list->cursor))
        request_ask(r, m, got_runs);
}

/* ---- what is said to a run ---- */

static void
told(struct request *r, const struct message *answer)
{
    const unsigned *status = r->own;
    if (answer->code == RUN_ACCEPTED)
        ask_known(r, &answer->run_accepted, *status, true);
    else
        request_show(r, answer);
}

static void
tell(struct request *r, struct message *m, const struct id *run, unsigned answer)
{
    unsigned *status = arena_take(&r->arena, sizeof *status);
    *status = answer;
    r->own = status;
    native_ask_run(r, m, run, told);
}

void
mobius_run_cancel(struct request *r)
{
    struct message *m = request_message(r, RUN_CANCEL, ACTOR_scheduler);
    struct bytes body;
    m->run_cancel.by = text("api");
    if (run_of(r, &m->run_cancel.run) && request_json(r, &body)
        && body_text(r, body, "reason", REASON_MAX, &m->run_cancel.reason))
        tell(r, m, &m->run_cancel.run, 200);
}

void
mobius_run_retry(struct request *r)
{
    struct message *m = request_message(r, RUN_RETRY, ACTOR_scheduler);
    struct bytes body;
    m->run_retry.by = text("api");
    if (run_of(r, &m->run_retry.run) && request_json(r, &body)
        && body_text(r, body, "reason", REASON_MAX, &m->run_retry.reason))
        tell(r, m, &m->run_retry.run, 202);
}

void
mobius_run_signal(struct request *r)
{
    struct message *m = request_message(r, RUN_SIGNAL, ACTOR_scheduler);
    struct run_signal *signal = &m->run_signal;
    struct bytes body;
    signal->by = text("api");
    if (!run_of(r, &signal->run) || !request_json(r, &body)
        || !body_text(r, body, "step_key", STEP_MAX, &signal->step)
        || !body_map(r, body, "result", &signal->result))
        return;
    if (signal->step.size == 0)
        request_refuse(r, ERR_INVALID, "step_key must name the step that waits");
    else
        tell(r, m, &signal->run, 200);
}

/* ---- events ---- */

static void
got_events(struct request *r, const struct message *answer)
{
    struct buffer out = { 0 };
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct bytes page = answer->document.document;
    struct form whole = form_open(&out);
    struct form list = form_list(&whole, "items");
    size_t count;
    struct cursor items = said_items(page, "items", &count);
    for (size_t i = 0; i < count; i++) {
        form_item(&list);
        run_write_event(r, &out, cursor_skip(&items));
    }
    form_close_list(&list);
    form_copy(&whole, "next_sequence", page, "last_sequence");
    form_copy(&whole, "has_more", page, "has_more");
    form_close(&whole);
    form_answer(r, 200, &out);
}

/* The larger of what the query and Last-Event-ID say. */
static bool
read_after(struct request *r, uint64_t *after)
{
    uint64_t before, last = 0;
    if (!request_number(r, "after_sequence", 0, INT64_MAX, 0, after)
        || !request_number(r, "since_sequence", 0, INT64_MAX, 0, &before))
        return false;
    (void)target_number(r->headers[HEADER_LAST_EVENT_ID], &last);
    *after = before > *after ? before : *after;
    *after = last > *after ? last : *after;
    return true;
}

static void
events(struct request *r, bool stream)
{
    struct message *m = request_message(r, EVENT_LIST, ACTOR_view);
    struct event_list *list = &m->event_list;
    uint64_t limit;
    if (!run_of(r, &list->run) || !read_after(r, &list->after)
        || !request_number(r, "limit", 1, EVENTS_MAX, EVENTS_DEFAULT, &limit))
        return;
    list->limit = (uint32_t)limit;
    struct follow_subject subject = { list->run, m, &list->after, "sequence",
        "event_type", run_write_event };
    if (stream)
        native_follow(r, &subject);
    else
        request_ask(r, m, got_events);
}

void
mobius_event_list(struct request *r)
{
    events(r, native_wants_stream(r));
}

void
mobius_event_stream(struct request *r)
{
    events(r, true);
}

/* Goal: a run leaves as one file of which every byte counts, and comes back from its
 * facts alone as it was; today's code decides as was decided, and what it does not is
 * named.
 * Method: real schedulers write runs of every kind of step; the view gives their parts.
 */
#include "actors/export.h"
#include "actors/plan/plan.h"
#include "actors/replay/retold.h"
#include "tests/unit/view_engine.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the file of a run ---- */

static void
take_part(struct engine *e, struct id run, uint64_t *after, uint32_t *part,
    struct buffer *file, bool *more)
{
    struct run_export asked = { 7, run, *after, *part };
    struct message *said = &e->answer;
    struct message question = { .code = RUN_EXPORT,
        .envelope = { .from = ACTOR_gateway, .project = e->traces[0].project },
        .run_export = asked };
    struct outbox out = { .in = &question,
        .project = question.envelope.project,
        .arena = &e->view.arena,
        .messages = said };
    view_answer(&e->view, &question, &out);
    ck_assert_uint_eq(said->code, DOCUMENT);
    struct bytes document = said->document.document;
    struct cursor data = cursor_over(pack_find(document, "data"));
    struct cursor next = cursor_over(pack_find(document, "after"));
    struct cursor parts = cursor_over(pack_find(document, "part"));
    struct cursor has_more = cursor_over(pack_find(document, "has_more"));
    buffer_append_bytes(file, cursor_blob(&data));
    *after = cursor_u64(&next);
    *part = (uint32_t)cursor_u64(&parts);
    *more = cursor_bool(&has_more);
}

static unsigned
export_id(struct engine *e, struct id run, struct buffer *file)
{
    uint64_t after = 0;
    uint32_t part = 0;
    unsigned pages = 0;
    bool more = true;
    while (more) {
        take_part(e, run, &after, &part, file, &more);
        pages++;
    }
    struct hash hash = hash_of(buffer_bytes(file));
    pack_array(file, 2);
    pack_string(file, EXPORT_HASH);
    pack_blob(file, bytes_of(hash.bytes, HASH_SIZE));
    return pages;
}

static unsigned
export_run(struct engine *e, unsigned run, struct buffer *file)
{
    return export_id(e, engine_run(e, run), file);
}

static enum err
read_back(const struct buffer *file, struct fault *fault)
{
    static struct export_file x;
    struct retelling how = { 0 };
    struct retold retold;
    struct buffer out = { 0 };
    enum err e = export_open(buffer_bytes(file), &x, fault);
    if (e == ERR_NONE)
        e = retell(&x, &how, &out, &retold, fault);
    buffer_free(&out);
    return e;
}

/* Every record decided as it would be now; the document is kept in `out`. */
static struct retold
verify(struct engine *e, struct id run, uint64_t at, struct buffer *out)
{
    static struct export_file x;
    struct retelling how = { .at = at, .verify = true, .whole = true };
    struct retold retold;
    struct buffer file = { 0 };
    struct fault fault = { 0 };
    export_id(e, run, &file);
    ck_assert_msg(
        export_open(buffer_bytes(&file), &x, &fault) == ERR_NONE, "%s", fault.detail);
    ck_assert_msg(
        retell(&x, &how, out, &retold, &fault) == ERR_NONE, "%s", fault.detail);
    buffer_free(&file);
    return retold;
}

static void
expect_same(struct engine *e, struct id run)
{
    struct buffer out = { 0 };
    struct retold retold = verify(e, run, 0, &out);
    ck_assert_uint_eq(retold.different, 0);
    ck_assert_uint_eq(retold.unknown, 0);
    ck_assert_uint_gt(retold.same, 1);
    struct bytes state = pack_find(buffer_bytes(&out), "state");
    struct run_get get = { .request = 7, .run = run };
    engine_ask(e, (struct message){ .code = RUN_GET, .run_get = get });
    ck_assert_msg(bytes_equal(state, e->answer.document.document), "it is another one");
    buffer_free(&out);
}

static void
expect_all_same(struct engine *e, unsigned run)
{
    expect_same(e, engine_run(e, run));
}

/* ---- runs of many kinds ---- */

static void
open_with(struct engine *e, const char *steps)
{
    engine_open(e, 1);
    engine_learn(e, "flow", steps);
    engine_start(e, 1, "flow");
}

static const char graph[] = STEP("a", ", timeout: 5s") STEP("b", ", needs: [a]")
    STEP("c", ", needs: [], retry: { max_attempts: 3, delay: 1s, jitter: 50% }");

START_TEST(jobs_that_fail_are_lost_and_come_back_are_decided_again)
{
    struct engine e;
    open_with(&e, graph);
    engine_leased(&e, (struct job){ 1, 0, 1, 1 });
    engine_printed(&e, (struct job){ 1, 0, 1, 1 }, "hello\n");
    engine_returned(&e, (struct job){ 1, 0, 1, 1 });
    engine_failed(&e, (struct job){ 1, 2, 1, 1 });
    engine_wait(&e, 1200);
    engine_leased(&e, (struct job){ 1, 2, 2, 1 });
    engine_lost(&e, (struct job){ 1, 2, 2, 1 });
    engine_completed(&e, (struct job){ 1, 2, 3, 1 }, text("\x07"));
    expect_all_same(&e, 1);
    engine_completed(&e, (struct job){ 1, 0, 1, 2 }, text("\x07"));
    engine_completed(&e, (struct job){ 1, 1, 1, 1 }, text("\x81\xa1n\x2a"));
    expect_all_same(&e, 1);
    engine_start(&e, 2, "flow");
    engine_wait(&e, 5000);
    expect_all_same(&e, 2);
    engine_start(&e, 3, "flow");
    engine_leased(&e, (struct job){ 3, 0, 1, 1 });
    engine_cancel(&e, 3);
    expect_all_same(&e, 3);
    engine_close(&e);
}
END_TEST

static const char kinds[] =
    "  - { key: s, kind: set, values: { n: '${{ 1 + 2 }}' } }\n"
    "  - { key: z, kind: sleep, duration: 10s }\n"
    "  - { key: c, kind: check, checks: [ { name: three, expr: steps.s.output.n == 3 } "
    "] }\n"
    "  - key: all\n"
    "    kind: each\n"
    "    items: [1, 2, 3]\n"
    "    concurrency: 2\n"
    "    steps:\n"
    "      - { key: f, kind: action, action: x, parameters: { n: '${{ item }}' } }\n"
    "  - { key: ask, kind: interaction, protocol: request_approval, prompt: Go?,\n"
    "      timeout: 1m }\n"
    "  - { key: w, kind: wait_for_event, event_type: paid, timeout: 1m }\n"
    "cleanup:\n" STEP("tidy", "");

static void
answer(struct engine *e)
{
    char id[64];
    struct interaction_list asked = { .request = 7, .limit = 1 };
    engine_ask(
        e, (struct message){ .code = INTERACTION_LIST, .interaction_list = asked });
    engine_field(e, "id", id, sizeof id);
    struct interaction_respond said = {
        .request = 1, .value = text("\xc3"), .principal = text("ada")
    };
    ck_assert_int_eq(id_read(text(id), "iact_", &said.interaction), ERR_NONE);
    trace_give(&e->traces[0], ACTOR_gateway, 0,
        (struct message){ .code = INTERACTION_RESPOND, .interaction_respond = said });
}

static void
match(struct engine *e, uint32_t step)
{
    struct wait_matched matched = { .run = engine_run(e, 1),
        .step = step,
        .attempt = 1,
        .number = 41,
        .type = text("paid"),
        .data = text("\x81\xa1n\x2a") };
    trace_give(&e->traces[0], ACTOR_trigger, 0,
        (struct message){ .code = WAIT_MATCHED, .wait_matched = matched });
}

static void
go_through_all_kinds(struct engine *e)
{
    open_with(e, kinds);
    uint32_t first = 7; /* behind what every run has: six steps and a cleanup */
    engine_wait(e, 10000);
    for (uint32_t i = 0; i < 3; i++)
        engine_completed(e, (struct job){ 1, first + i, 1, 1 }, text("\x07"));
    answer(e);
    match(e, 5);
    engine_completed(e, (struct job){ 1, 6, 1, 1 }, text("\x07"));
}

START_TEST(every_kind_of_step_is_decided_again)
{
    struct engine e;
    go_through_all_kinds(&e);
    engine_run_get(&e, 1);
    ck_assert_ptr_nonnull(strstr((char *)e.shown.data, "\"status\":\"completed\""));
    expect_all_same(&e, 1);
    engine_close(&e);
}
END_TEST

START_TEST(what_times_out_is_decided_again)
{
    struct engine e;
    open_with(&e, "  - { key: w, kind: wait_for_event, event_type: paid,\n"
                  "      timeout: { duration: 5s, on_timeout: continue } }\n"
                  "  - { key: ask, kind: interaction, protocol: request_approval,\n"
                  "      prompt: Go?, timeout: { duration: 5s, on_timeout: skip } }\n");
    engine_wait(&e, 10000);
    expect_all_same(&e, 1);
    engine_close(&e);
}
END_TEST

START_TEST(runs_of_runs_are_decided_again)
{
    struct engine e;
    struct id child;
    char id[64];
    engine_open(&e, 1);
    engine_learn(
        &e, "kid", "  - { key: z, kind: sleep, duration: 1s }\n" STEP("a", ""));
    engine_learn(&e, "flow",
        "  - { key: c, kind: automation, automation: kid, wait: true,\n"
        "      inputs: { n: 1 } }\n");
    engine_start(&e, 1, "flow");
    engine_wait(&e, 1000);
    engine_run_get(&e, 1);
    engine_field(&e, "child_run_id", id, sizeof id);
    ck_assert_int_eq(id_read(text(id), "run_", &child), ERR_NONE);
    struct run_cancel cancel = { 1, child, text("enough"), 0, text("ada") };
    trace_give(&e.traces[0], ACTOR_gateway, 0,
        (struct message){ .code = RUN_CANCEL, .run_cancel = cancel });
    expect_same(&e, child);
    engine_run_get(&e, 1);
    ck_assert_ptr_nonnull(strstr((char *)e.shown.data, "ChildCancelled"));
    struct buffer out = { 0 };
    struct retold retold = verify(&e, engine_run(&e, 1), 0, &out);
    ck_assert_uint_eq(retold.different + retold.unknown, 0);
    buffer_free(&out);
    engine_close(&e);
}
END_TEST

/* The last run waits for the others, which hold all slots. */
static void
expect_queued_same(const char *policy, unsigned last)
{
    struct engine e;
    char steps[300];
    engine_open(&e, 1);
    snprintf(steps, sizeof steps,
        STEP("a", "") "cleanup:\n" STEP("z", "") "concurrency: %s\n", policy);
    engine_learn(&e, "flow", steps);
    for (unsigned run = 1; run <= last; run++)
        engine_start(&e, run, "flow");
    engine_run_get(&e, last);
    ck_assert_ptr_nonnull(strstr((char *)e.shown.data, "\"status\":\"queued\""));
    for (uint32_t step = 0; step < 2; step++)
        engine_completed(&e, (struct job){ 1, step, 1, 1 }, text("\x07"));
    engine_run_get(&e, last);
    ck_assert_ptr_nonnull(strstr((char *)e.shown.data, "\"status\":\"suspended\""));
    expect_all_same(&e, last);
    engine_close(&e);
}

START_TEST(a_run_that_had_to_wait_for_others_is_decided_again)
{
    expect_queued_same("{ policy: queue, max: 2 }", 3);
    expect_queued_same("replace", 2);
}
END_TEST

START_TEST(what_people_do_to_a_run_is_decided_again)
{
    struct engine e;
    open_with(&e, "  - { key: w, kind: wait_for_event, event_type: paid }\n" STEP(
                      "a", "") STEP("b", "") STEP("c", ""));
    struct id run = engine_run(&e, 1);
    trace_give(&e.traces[0], ACTOR_gateway, 0,
        (struct message){ .code = RUN_SIGNAL,
            .run_signal = { 1, run, text("w"), text("\x07"), text("ada") } });
    trace_give(&e.traces[0], ACTOR_gateway, 0,
        (struct message){ .code = STEP_SKIP,
            .step_skip = { 1, run, text("a"), text("ada"), text("not needed") } });
    trace_give(&e.traces[0], ACTOR_gateway, 0,
        (struct message){ .code = STEP_OVERRIDE,
            .step_override = {
                1, run, text("b"), text("\x08"), text("ada"), text("known") } });
    engine_failed(&e, (struct job){ 1, 3, 1, 1 });
    trace_give(&e.traces[0], ACTOR_gateway, 0,
        (struct message){ .code = RUN_RETRY,
            .run_retry = { 1, run, text(""), text("ada"), text("mended") } });
    engine_completed(&e, (struct job){ 1, 3, 2, 1 }, text("\x07"));
    engine_run_get(&e, 1);
    ck_assert_ptr_nonnull(strstr((char *)e.shown.data, "\"status\":\"completed\""));
    expect_all_same(&e, 1);
    engine_close(&e);
}
END_TEST

/* What lies in the step is cancelled first. */
START_TEST(what_people_do_to_a_step_that_others_lie_in_is_decided_again)
{
#define ITEMS(key, body)                                                               \
    "  - key: " key "\n    kind: each\n    items: '${{ 1..200 }}'\n"                   \
    "    concurrency: 200\n    steps:\n      - { key: " body                           \
    ", kind: action, action: x }\n"
    struct engine e;
    open_with(&e, ITEMS("a", "x") ITEMS("b", "y"));
    struct id run = engine_run(&e, 1);
    trace_give(&e.traces[0], ACTOR_gateway, 0,
        (struct message){ .code = STEP_SKIP,
            .step_skip = { 1, run, text("a"), text("ada"), text("not needed") } });
    trace_give(&e.traces[0], ACTOR_gateway, 0,
        (struct message){ .code = STEP_OVERRIDE,
            .step_override = {
                1, run, text("b"), text("\x08"), text("ada"), text("known") } });
    engine_run_get(&e, 1);
    ck_assert_ptr_nonnull(strstr((char *)e.shown.data, "\"status\":\"completed\""));
    expect_all_same(&e, 1);
    engine_close(&e);
}
END_TEST

START_TEST(a_question_that_was_deleted_is_decided_the_same)
{
    struct engine e;
    open_with(
        &e, "  - { key: q, kind: interaction, protocol: approval, title: 'Go?' }\n");
    struct id run = engine_run(&e, 1), asked = interaction_id(&run, 0, 1, false);
    trace_give(&e.traces[0], ACTOR_gateway, 0,
        (struct message){ .code = INTERACTION_RESPOND,
            .interaction_respond = { .request = 1,
                .interaction = asked,
                .value = text("\xc3"),
                .principal = text("ada") } });
    trace_give(&e.traces[0], ACTOR_gateway, 0,
        (struct message){ .code = INTERACTION_DELETE,
            .interaction_delete = { 1, asked, text("ada") } });
    expect_all_same(&e, 1);
    engine_close(&e);
}
END_TEST

static void
report(struct engine *e, uint32_t step, uint32_t attempt, enum outcome outcome,
    const char *worker)
{
    struct job_reported said = { .run = engine_run(e, 1),
        .step = step,
        .attempt = attempt,
        .offer = 1,
        .session = id_of_name(text("session")),
        .outcome = outcome,
        .error_type = text("ActionError"),
        .error_message = text("no paper"),
        .worker = text(worker) };
    trace_give(&e->traces[0], ACTOR_lease, 0,
        (struct message){ .code = JOB_REPORTED, .job_reported = said });
}

static void
expect_status(struct engine *e, const char *status)
{
    char found[32];
    engine_run_get(e, 1);
    ck_assert_str_eq(engine_field(e, "status", found, sizeof found), status);
}

START_TEST(however_a_job_ends_it_is_decided_again)
{
    enum { SILENCES = 10 }; /* so many attempts may be lost */
    static const char retried[] = STEP("a", ", retry: { max_attempts: 2, delay: 1s }");
    static const enum outcome outcomes[] = { OUTCOME_FATAL, OUTCOME_CANCELLED };
    struct engine e;
    for (size_t i = 0; i < 2 * COUNT(outcomes); i++) {
        open_with(&e, retried);
        report(&e, 0, 1, outcomes[i / 2], i % 2 == 0 ? "" : "host-1");
        expect_status(&e, "failed");
        expect_all_same(&e, 1);
        engine_close(&e);
    }
    open_with(&e, retried);
    report(&e, 0, 1, OUTCOME_FAILED, "host-1");
    engine_wait(&e, 2000);
    report(&e, 0, 2, OUTCOME_COMPLETED, "host-1");
    expect_status(&e, "completed");
    expect_all_same(&e, 1);
    engine_close(&e);
    open_with(&e, retried);
    for (uint32_t attempt = 1; attempt <= SILENCES; attempt++) {
        engine_leased(&e, (struct job){ 1, 0, attempt, 1 });
        engine_lost(&e, (struct job){ 1, 0, attempt, 1 });
        engine_wait(&e, 60000);
    }
    expect_status(&e, "failed");
    expect_all_same(&e, 1);
    engine_close(&e);
}
END_TEST

START_TEST(a_failed_run_that_is_given_up_is_decided_again)
{
    static const struct {
        const char *steps;
        uint32_t fails, cleans; /* steps */
    } rows[] = { { STEP("a", ""), 0, 0 },
        { STEP("a", "") "cleanup:\n" STEP("z", ""), 0, 1 },
        { "  - { key: p, kind: parallel, steps: [\n"
          "      { key: a, kind: action, action: x } ] }\n",
            1, 0 } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct engine e;
        open_with(&e, rows[i].steps);
        engine_failed(&e, (struct job){ 1, rows[i].fails, 1, 1 });
        if (rows[i].cleans > 0)
            engine_completed(&e, (struct job){ 1, rows[i].cleans, 1, 1 }, text("\x07"));
        struct run_cancel cancel = { 1, engine_run(&e, 1), text("enough"), 1,
            text("ada") };
        trace_give(&e.traces[0], ACTOR_gateway, 0,
            (struct message){ .code = RUN_CANCEL, .run_cancel = cancel });
        expect_status(&e, "cancelled");
        expect_all_same(&e, 1);
        engine_close(&e);
    }
}
END_TEST

START_TEST(a_run_that_a_trigger_started_is_decided_again)
{
    for (uint32_t i = 0; i < 3; i++) {
        struct engine e;
        engine_open(&e, 1);
        engine_learn(&e, "flow", STEP("a", ""));
        struct trigger_fired fired = { .run = engine_run(&e, 1),
            .automation = engine_automation("flow"),
            .trigger = text("t"),
            .slot_ms = 7,
            .inputs = text("\x81\xa1n\x01"),
            .data = text("\x81\xa1n\x02"),
            .source = text("event"),
            .concurrency = i == 1 ? PLAN_REPLACE : 0,
            .runs_max = i };
        trace_give(&e.traces[0], ACTOR_trigger, 0,
            (struct message){ .code = TRIGGER_FIRED, .trigger_fired = fired });
        engine_completed(&e, (struct job){ 1, 0, 1, 1 }, text("\x07"));
        expect_status(&e, "completed");
        expect_all_same(&e, 1);
        engine_close(&e);
    }
}
END_TEST

/* The run of runs waits for its child, or does not, or there is none. */
START_TEST(whatever_became_of_a_child_its_parent_is_decided_again)
{
    static const struct {
        const char *step, *status, *led_by;
    } rows[] = {
        { "automation: kid, wait: true", "completed", "child_ended" },
        { "automation: kid, wait: false", "completed", "child_taken" },
        { "automation: nobody, wait: true", "failed", "tick" },
        { "automation: busy, wait: true", "failed", "child_taken" },
        { "automation: busy, wait: true, on_error: a", "completed", "child_taken" },
        { "automation: broken, wait: true, retry: { max_attempts: 2, delay: 1h }",
            "suspended", "child_ended" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct engine e;
        struct buffer out = { 0 };
        char steps[300];
        engine_open(&e, 1);
        engine_learn(&e, "kid", "  - { key: s, kind: set, values: { n: 1 } }\n");
        engine_learn(&e, "broken",
            "  - { key: s, kind: check, checks: [ { name: x, expr: 1 == 2 } ] }\n");
        snprintf(steps, sizeof steps,
            "  - { key: z, kind: sleep, duration: 1s }\n"
            "  - { key: c, kind: automation, %s }\n"
            "  - { key: a, kind: set, values: { n: 1 } }\n",
            rows[i].step);
        engine_learn(&e, "busy", STEP("a", "") "concurrency: forbid\n");
        engine_learn(&e, "flow", steps);
        engine_start(&e, 2, "busy");
        engine_start(&e, 1, "flow");
        engine_wait(&e, 1000);
        expect_status(&e, rows[i].status);
        expect_all_same(&e, 1);
        verify(&e, engine_run(&e, 1), 0, &out);
        ck_assert_msg(
            memmem(out.data, out.size, rows[i].led_by, strlen(rows[i].led_by)) != NULL,
            "%s", rows[i].step);
        buffer_free(&out);
        engine_close(&e);
    }
}
END_TEST

/* The event is gone: nobody can say what it was. */
START_TEST(what_an_event_was_that_a_step_could_not_use_is_unknown)
{
    struct engine e;
    struct buffer out = { 0 };
    open_with(&e, "  - { key: w, kind: wait_for_event, event_type: paid, timeout: 1m,\n"
                  "      mapping: { x: event.nothing } }\n");
    match(&e, 0);
    expect_status(&e, "failed");
    struct retold retold = verify(&e, engine_run(&e, 1), 0, &out);
    ck_assert_uint_eq(retold.unknown, 1);
    ck_assert_uint_eq(retold.different, 0);
    buffer_clear(&out);
    engine_close(&e);
    /* Of two steps that complete, it is the one that waited. */
    open_with(&e, "  - { key: w, kind: wait_for_event, event_type: paid }\n"
                  "  - { key: s, kind: set, values: { n: 1 } }\n");
    match(&e, 0);
    expect_status(&e, "completed");
    expect_all_same(&e, 1);
    buffer_free(&out);
    engine_close(&e);
}
END_TEST

START_TEST(how_a_fork_began_is_unknown)
{
    struct engine e;
    struct buffer out = { 0 };
    open_with(&e, STEP("a", "") STEP("b", ""));
    engine_completed(&e, (struct job){ 1, 0, 1, 1 }, text("\x07"));
    struct run_fork fork = {
        .request = 1, .run = engine_run(&e, 2), .origin = engine_run(&e, 1), .event = 5
    };
    trace_give(&e.traces[0], ACTOR_gateway, 0,
        (struct message){ .code = RUN_FORK, .run_fork = fork });
    struct retold retold = verify(&e, engine_run(&e, 2), 0, &out);
    ck_assert_uint_ge(retold.unknown, 1);
    ck_assert_uint_eq(retold.different, 0);
    buffer_free(&out);
    engine_close(&e);
}
END_TEST

START_TEST(the_state_at_an_event_is_what_it_was_then)
{
    struct engine e;
    struct buffer out = { 0 };
    go_through_all_kinds(&e);
    struct retold all = verify(&e, engine_run(&e, 1), 0, &out);
    buffer_clear(&out);
    struct retold part = verify(&e, engine_run(&e, 1), 4, &out);
    ck_assert_uint_lt(part.records, all.records);
    struct bytes state = pack_find(buffer_bytes(&out), "state");
    struct cursor status = cursor_over(pack_find(state, "status"));
    ck_assert(bytes_equal(cursor_text(&status), text("suspended")));
    struct cursor last = cursor_over(pack_find(state, "last_sequence"));
    ck_assert_uint_le(4, cursor_u64(&last));
    buffer_free(&out);
    engine_close(&e);
}
END_TEST

/* ---- every byte ---- */

enum { CHANGES = 10000 };

START_TEST(ten_thousand_changed_bytes_are_all_found)
{
    struct engine e;
    struct buffer file = { 0 };
    struct fault fault;
    go_through_all_kinds(&e);
    export_run(&e, 1, &file);
    ck_assert_int_eq(read_back(&file, &fault), ERR_NONE);
    for (int i = 0; i < CHANGES; i++) {
        uint64_t chance = hash_table(bytes_of(&i, sizeof i));
        size_t at = (size_t)(chance >> 8) % file.size;
        uint8_t was = file.data[at];
        file.data[at] ^= (uint8_t)(1 + chance % 255);
        ck_assert_msg(
            read_back(&file, &fault) != ERR_NONE, "byte %zu may be changed", at);
        file.data[at] = was;
    }
    ck_assert_int_eq(read_back(&file, &fault), ERR_NONE);
    buffer_free(&file);
    engine_close(&e);
}
END_TEST

START_TEST(a_file_that_is_cut_or_longer_is_refused)
{
    struct engine e;
    struct buffer file = { 0 };
    struct fault fault;
    go_through_all_kinds(&e);
    export_run(&e, 1, &file);
    size_t whole = file.size;
    for (file.size = 0; file.size < whole; file.size++)
        ck_assert_int_ne(read_back(&file, &fault), ERR_NONE);
    buffer_append(&file, "", 1);
    ck_assert_int_ne(read_back(&file, &fault), ERR_NONE);
    buffer_free(&file);
    engine_close(&e);
}
END_TEST

/* The file with record `which` left out and a fresh hash: only the chain tells. */
static void
leave_out(const struct buffer *file, unsigned which, struct buffer *out)
{
    struct cursor in = cursor_over(bytes_of(file->data, file->size - EXPORT_TAIL_SIZE));
    unsigned record = 0;
    buffer_clear(out);
    while (!cursor_done(&in)) {
        struct bytes part = cursor_skip(&in);
        struct cursor head = cursor_over(part);
        cursor_array(&head);
        if (!bytes_equal(cursor_text(&head), text(EXPORT_RECORD)) || record++ != which)
            buffer_append_bytes(out, part);
    }
    struct hash hash = hash_of(buffer_bytes(out));
    pack_array(out, 2);
    pack_string(out, EXPORT_HASH);
    pack_blob(out, bytes_of(hash.bytes, HASH_SIZE));
}

START_TEST(a_record_that_is_left_out_breaks_the_chain)
{
    struct engine e;
    struct buffer file = { 0 }, shorter = { 0 };
    struct fault fault;
    open_with(&e, STEP("a", ""));
    engine_leased(&e, (struct job){ 1, 0, 1, 1 });
    engine_printed(&e, (struct job){ 1, 0, 1, 1 }, "hello\n");
    engine_completed(&e, (struct job){ 1, 0, 1, 1 }, text("\x07"));
    export_run(&e, 1, &file);
    leave_out(&file, 2, &shorter);
    ck_assert_int_eq(read_back(&shorter, &fault), ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(fault.detail, "chain"));
    buffer_free(&file);
    buffer_free(&shorter);
    engine_close(&e);
}
END_TEST

/* The plan of an exported run, and the file with another one. */
static struct bytes
plan_of(const struct buffer *file)
{
    struct cursor in = cursor_over(buffer_bytes(file));
    size_t items = cursor_array(&in);
    for (size_t i = 1; i < items; i++)
        cursor_skip(&in);
    return cursor_blob(&in);
}

static void
change_plan(const struct buffer *file, struct bytes plan, struct buffer *out)
{
    struct bytes was = plan_of(file);
    size_t head = (size_t)(was.data + was.size - file->data);
    struct cursor in = cursor_over(buffer_bytes(file));
    size_t items = cursor_array(&in);
    for (size_t i = 1; i < items; i++)
        cursor_skip(&in);
    buffer_append(out, file->data, (size_t)(in.at - file->data));
    pack_blob(out, plan);
    buffer_append(out, file->data + head, file->size - EXPORT_TAIL_SIZE - head);
    struct hash hash = hash_of(buffer_bytes(out));
    pack_array(out, 2);
    pack_string(out, EXPORT_HASH);
    pack_blob(out, bytes_of(hash.bytes, HASH_SIZE));
}

START_TEST(what_would_be_decided_otherwise_is_named)
{
    static struct export_file x;
    struct engine e;
    struct buffer file = { 0 }, other = { 0 }, changed = { 0 }, out = { 0 };
    struct retelling how = { .verify = true, .whole = true };
    struct retold retold;
    struct fault fault;
    open_with(&e, STEP("a", ", retry: { max_attempts: 2, delay: 1s }"));
    engine_failed(&e, (struct job){ 1, 0, 1, 1 });
    engine_learn(&e, "other", STEP("a", ", retry: { max_attempts: 2, delay: 2s }"));
    engine_start(&e, 2, "other");
    export_run(&e, 1, &file);
    export_run(&e, 2, &other);
    change_plan(&file, plan_of(&other), &changed);
    ck_assert_int_eq(export_open(buffer_bytes(&changed), &x, &fault), ERR_NONE);
    ck_assert_int_eq(retell(&x, &how, &out, &retold, &fault), ERR_NONE);
    ck_assert_uint_eq(retold.same, 1);
    ck_assert_uint_eq(retold.different, 1);
    ck_assert_ptr_nonnull(memmem(out.data, out.size, "it was: step_retried", 20));
    ck_assert_ptr_nonnull(memmem(out.data, out.size, "it would be: step_retried", 25));
    buffer_free(&file);
    buffer_free(&other);
    buffer_free(&changed);
    buffer_free(&out);
    engine_close(&e);
}
END_TEST

/* Runs of such an automation begin in one partition: here not in the first, to which
 * all would belong if there were no other.  Returns the run. */
static unsigned
start_where_it_belongs(struct engine *e, char *name, const char *timeout)
{
    char steps[128];
    uint32_t home;
    do {
        name[0]++;
        struct id automation = engine_automation(name);
        home = hash_of(id_bytes(&automation)).bytes[0] % ENGINE_PARTITIONS_MAX;
    } while (home == 0);
    unsigned run = (unsigned)name[0] * ENGINE_PARTITIONS_MAX + home;
    snprintf(steps, sizeof steps, STEP("a", "") "concurrency: forbid\ntimeout: %s\n",
        timeout);
    engine_learn(e, name, steps);
    engine_start(e, run, name);
    return run;
}

START_TEST(a_start_is_decided_again_where_it_was_decided)
{
    static struct export_file x;
    struct engine e;
    char name[2] = "a";
    struct buffer file = { 0 }, other = { 0 }, changed = { 0 }, out = { 0 };
    struct retelling how = { .verify = true, .whole = true };
    struct retold retold;
    struct fault fault;
    engine_open(&e, ENGINE_PARTITIONS_MAX);
    unsigned run = start_where_it_belongs(&e, name, "10s");
    engine_failed(&e, (struct job){ run, 0, 1, 1 });
    expect_all_same(&e, run);
    export_run(&e, run, &file);
    export_run(&e, start_where_it_belongs(&e, name, "20s"), &other);
    change_plan(&file, plan_of(&other), &changed);
    ck_assert_int_eq(export_open(buffer_bytes(&changed), &x, &fault), ERR_NONE);
    ck_assert_int_eq(retell(&x, &how, &out, &retold, &fault), ERR_NONE);
    ck_assert_uint_eq(retold.different, 1);
    ck_assert_ptr_nonnull(memmem(out.data, out.size, "it would be: run_started", 24));
    buffer_free(&file);
    buffer_free(&other);
    buffer_free(&changed);
    buffer_free(&out);
    engine_close(&e);
}
END_TEST

/* ---- large payloads, many records ---- */

static struct bytes
large(struct arena *arena, size_t size)
{
    uint8_t *bytes = arena_take(arena, size + 5);
    bytes[0] = 0xdb;
    for (int i = 0; i < 4; i++)
        bytes[1 + i] = (uint8_t)(size >> (24 - 8 * i));
    memset(bytes + 5, 'x', size);
    return bytes_of(bytes, size + 5);
}

START_TEST(payloads_beside_the_log_are_in_the_file)
{
    struct engine e;
    struct buffer file = { 0 };
    struct arena arena = { 0 };
    struct fault fault;
    open_with(&e, STEP("a", "") STEP("b", "") STEP("c", ""));
    for (uint32_t step = 0; step < 3; step++)
        engine_completed(
            &e, (struct job){ 1, step, 1, 1 }, large(&arena, 900000 + step));
    ck_assert_uint_ge(export_run(&e, 1, &file), 2);
    ck_assert_uint_gt(file.size, 2700000);
    ck_assert_int_eq(read_back(&file, &fault), ERR_NONE);
    expect_all_same(&e, 1);
    buffer_free(&file);
    arena_free(&arena);
    engine_close(&e);
}
END_TEST

START_TEST(a_run_of_a_thousand_records_comes_in_pages)
{
    struct engine e;
    struct buffer file = { 0 };
    struct fault fault;
    open_with(&e, STEP("a", ""));
    engine_leased(&e, (struct job){ 1, 0, 1, 1 });
    char line[4000];
    memset(line, 'y', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    for (int i = 0; i < 200; i++)
        engine_printed(&e, (struct job){ 1, 0, 1, 1 }, line);
    for (int i = 0; i < 800; i++)
        engine_printed(&e, (struct job){ 1, 0, 1, 1 }, "y");
    engine_completed(&e, (struct job){ 1, 0, 1, 1 }, text("\x07"));
    export_run(&e, 1, &file);
    ck_assert_int_eq(read_back(&file, &fault), ERR_NONE);
    expect_all_same(&e, 1);
    buffer_free(&file);
    engine_close(&e);
}
END_TEST

static Suite *
replay_suite(void)
{
    Suite *suite = suite_create("replay");
    TCase *all = tcase_create("replay");
    tcase_set_timeout(all, 120);
    tcase_add_test(all, jobs_that_fail_are_lost_and_come_back_are_decided_again);
    tcase_add_test(all, every_kind_of_step_is_decided_again);
    tcase_add_test(all, what_times_out_is_decided_again);
    tcase_add_test(all, runs_of_runs_are_decided_again);
    tcase_add_test(all, what_people_do_to_a_run_is_decided_again);
    tcase_add_test(all, what_people_do_to_a_step_that_others_lie_in_is_decided_again);
    tcase_add_test(all, a_run_that_had_to_wait_for_others_is_decided_again);
    tcase_add_test(all, a_question_that_was_deleted_is_decided_the_same);
    tcase_add_test(all, however_a_job_ends_it_is_decided_again);
    tcase_add_test(all, a_failed_run_that_is_given_up_is_decided_again);
    tcase_add_test(all, a_run_that_a_trigger_started_is_decided_again);
    tcase_add_test(all, whatever_became_of_a_child_its_parent_is_decided_again);
    tcase_add_test(all, what_an_event_was_that_a_step_could_not_use_is_unknown);
    tcase_add_test(all, how_a_fork_began_is_unknown);
    tcase_add_test(all, the_state_at_an_event_is_what_it_was_then);
    tcase_add_test(all, ten_thousand_changed_bytes_are_all_found);
    tcase_add_test(all, a_file_that_is_cut_or_longer_is_refused);
    tcase_add_test(all, a_record_that_is_left_out_breaks_the_chain);
    tcase_add_test(all, what_would_be_decided_otherwise_is_named);
    tcase_add_test(all, a_start_is_decided_again_where_it_was_decided);
    tcase_add_test(all, payloads_beside_the_log_are_in_the_file);
    tcase_add_test(all, a_run_of_a_thousand_records_comes_in_pages);
    suite_add_tcase(suite, all);
    return suite;
}

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    SRunner *runner = srunner_create(replay_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

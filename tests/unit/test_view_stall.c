/* Goal: each reason for which a run stands still is said in a whole sentence, whatever
 * is known of it; what the log no longer has is left out, and nothing is made up.
 * Method: reasons are said of stalls as they are given; rows are those of schedulers,
 * with the states and records that only an older or damaged journal has. */
#include "actors/view/explain.h"
#include "actors/view/explain_step.h"
#include "actors/view/run_sheet.h"
#include "tests/unit/view_engine.h"

#include <sodium.h>
#include <stdlib.h>

#define DEFERRED "there is more to say about it than one turn may: it goes on by itself"

static const uint64_t at_ms = 1767225600000; /* 2026-01-01T00:00:00Z */

static void
expect_said(struct stall stall, const char *reason)
{
    struct arena arena = { 0 };
    struct run_rows run = { .arena = &arena };
    struct bytes said = stall_reason(&run, &stall);
    ck_assert_msg(bytes_equal(said, text(reason)), "%.*s\nand not\n%s", (int)said.size,
        (const char *)said.data, reason);
    arena_free(&arena);
}

START_TEST(what_is_not_known_is_left_out)
{
    static const char *const reasons[STALL_COUNT] = {
        [STALL_finished] = "the run has ended: ",
        [STALL_queued] = "the run waits for its turn",
        [STALL_deferred] = DEFERRED,
        [STALL_job_open] = "",
        [STALL_interaction] = "an answer is pending",
        [STALL_event] = "",
        [STALL_child] = "it waits for the end of run_00000000000000000000000000",
        [STALL_retry] = "attempt 0 failed; the next one has its moment",
        [STALL_sleep] = "it sleeps",
        [STALL_leased] = " holds its job",
        [STALL_moving] = "nothing holds it: it is moving",
    };
    for (enum stall_code code = 0; code < STALL_COUNT; code++)
        expect_said((struct stall){ .code = code }, reasons[code]);
}
END_TEST

START_TEST(a_question_is_said_by_its_title)
{
    struct stall stall = { .code = STALL_interaction,
        .key = text("ask"),
        .protocol = text("request_information"),
        .prompt = text("Which one?") };
    expect_said(stall, "step ask: an answer is pending: Which one?");
    stall.title = text("Colour");
    expect_said(stall, "step ask: an answer is pending: Colour");
}
END_TEST

START_TEST(a_queue_that_was_not_read_to_its_end_is_at_least_so_long)
{
    struct stall stall = { .code = STALL_queued,
        .ahead = 1000,
        .since_ms = at_ms,
        .queue_reason = text("concurrency") };
    expect_said(stall, "the run waits for its turn, with at least 1000 more in the "
                       "queue before it: concurrency since 2026-01-01T00:00:00.000Z");
    stall.ahead_known = true;
    stall.ahead = 2;
    expect_said(stall, "the run waits for its turn, with 2 more in the queue before "
                       "it: concurrency since 2026-01-01T00:00:00.000Z");
}
END_TEST

START_TEST(a_key_is_said_of_steps_alone)
{
    expect_said((struct stall){ .code = STALL_deferred, .key = text("a") }, DEFERRED);
    expect_said(
        (struct stall){ .code = STALL_sleep, .key = text("a"), .due_ms = at_ms },
        "step a: it sleeps, due at 2026-01-01T00:00:00.000Z");
}
END_TEST

/* ---- rows ---- */

/* A run as the view reads it, whose rows may be changed before it is looked at. */
struct looked {
    struct arena arena;
    struct run_rows run;
    struct buffer out;
};

static void
look(struct looked *l, struct engine *e, unsigned run)
{
    struct trace *t = engine_trace_of(e, run);
    struct id id = engine_run(e, run);
    *l = (struct looked){ .arena = { 0 } };
    ck_assert_int_eq(
        run_rows_read(&l->run, t->journal, &l->arena, &t->project, &id), ERR_NONE);
    (void)run_rows_step(&l->run, 0);
}

static void
look_away(struct looked *l)
{
    buffer_free(&l->out);
    arena_free(&l->arena);
}

static struct stall
stall_as(struct looked *l, uint32_t step, struct step_row row)
{
    struct stall stall;
    l->run.page[step] = row;
    ck_assert(stall_of_step(&l->run, step, &stall));
    return stall;
}

enum { GONE = 1 << 20 }; /* the number of a record that is not there */

static const char *const kinds =
    "  - { key: a, kind: action, action: x }\n"
    "  - { key: b, kind: wait_for_event, event_type: x }\n"
    "  - { key: c, kind: interaction, protocol: request_approval, prompt: ok? }\n"
    "  - { key: d, kind: automation, automation: other }\n"
    "  - { key: e, kind: check, checks: [{ expr: \"1 == 2\" }] }\n"
    "  - { key: f, kind: sleep, duration: 1h }\n"
    "  - { key: g, kind: set, values: { n: 1 } }\n"
    "  - { key: h, kind: agent, agent_id: ada, instructions: do }\n"
    "  - { key: i, kind: each, items: [1], steps: [{ kind: set, values: { n: 1 } }] }\n"
    "  - { key: j, kind: parallel, branches: { k: [{ kind: set, values: { n: 1 } }] } "
    "}\n";

START_TEST(what_the_log_has_lost_is_not_said)
{
    static const enum stall_code codes[] = { STALL_moving, STALL_event,
        STALL_interaction, STALL_child, STALL_interaction, STALL_sleep, STALL_moving,
        STALL_moving, STALL_moving, STALL_moving };
    struct engine e;
    struct looked l;
    engine_open(&e, 1);
    engine_learn(&e, "flow", kinds);
    engine_start(&e, 1, "flow");
    look(&l, &e, 1);
    for (uint32_t step = 0; step < COUNT(codes); step++) {
        struct step_row row = { .status = STEP_WAITING, .called = GONE };
        struct stall stall = stall_as(&l, step, row);
        ck_assert_msg(stall.code == codes[step], "%s of step %u",
            stall_name(stall.code), (unsigned)step);
        ck_assert_uint_eq(stall.since_ms, 0);
        ck_assert_uint_eq(stall.event_type.size, 0);
        ck_assert_uint_eq(stall.prompt.size, 0);
        ck_assert_uint_eq(stall.automation.size, 0);
        row.called = 0;
        ck_assert_uint_eq(stall_as(&l, step, row).since_ms, 0);
    }
    struct step_row open = { .status = STEP_OPEN, .called = GONE, .offered = GONE };
    ck_assert_uint_eq(stall_as(&l, 0, open).code, STALL_job_open);
    ck_assert_uint_eq(stall_as(&l, 0, open).action.size, 0);
    look_away(&l);
    engine_close(&e);
}
END_TEST

START_TEST(an_event_without_a_match_shows_none)
{
    struct buffer out = { 0 };
    struct stall stall = { .code = STALL_event, .match = text("\xc0") };
    struct sheet detail = sheet_map(&out);
    stall_detail(&detail, &stall);
    sheet_end(&detail);
    ck_assert_ptr_null(memmem(out.data, out.size, "match", 5));
    buffer_clear(&out);
    stall.match = text("\x80");
    detail = sheet_map(&out);
    stall_detail(&detail, &stall);
    sheet_end(&detail);
    ck_assert_ptr_nonnull(memmem(out.data, out.size, "match", 5));
    buffer_free(&out);
}
END_TEST

START_TEST(a_step_that_is_not_under_way_waits_for_nothing)
{
    static const enum step_status over[] = { STEP_PENDING, STEP_DONE, STEP_BROKEN,
        STEP_SKIPPED_OVER, STEP_STOPPED, STEP_INSIDE };
    struct engine e;
    struct looked l;
    struct stall stall;
    engine_open(&e, 1);
    engine_learn(&e, "flow", kinds);
    engine_start(&e, 1, "flow");
    look(&l, &e, 1);
    for (size_t i = 0; i < COUNT(over); i++) {
        l.run.page[0] = (struct step_row){ .status = over[i], .called = 1 };
        ck_assert(!stall_of_step(&l.run, 0, &stall));
    }
    l.run.page[0] = (struct step_row){ .status = STEP_OPEN }; /* not offered yet */
    ck_assert(!stall_of_step(&l.run, 0, &stall));
    look_away(&l);
    engine_close(&e);
}
END_TEST

static const char *
explained(struct looked *l)
{
    buffer_clear(&l->out);
    explain(&l->out, &l->run);
    buffer_append(&l->out, "", 1);
    return (const char *)l->out.data;
}

/* Texts of the document stand in it as they are. */
static bool
says(struct looked *l, const char *part)
{
    (void)explained(l);
    return memmem(l->out.data, l->out.size, part, strlen(part)) != NULL;
}

START_TEST(a_run_that_is_about_to_move_is_moving)
{
    struct engine e;
    struct looked l;
    engine_open(&e, 1);
    engine_learn(&e, "flow", STEP("a", ""));
    engine_start(&e, 1, "flow");
    look(&l, &e, 1);
    ck_assert(says(&l, "step a: its job waits for a worker"));
    l.run.page[0] = (struct step_row){ .status = STEP_DONE };
    ck_assert(says(&l, "nothing holds it: it is moving since 2026-"));
    l.run.page[0] = (struct step_row){ .status = STEP_OPEN };
    ck_assert(says(&l, "nothing holds it: it is moving since 2026-"));
    l.run.planned = false;
    ck_assert(says(&l, "nothing holds it: it is moving since 2026-"));
    look_away(&l);
    engine_close(&e);
}
END_TEST

START_TEST(what_is_left_for_the_next_turn_goes_first)
{
    struct engine e;
    struct looked l;
    engine_open(&e, 1);
    engine_learn(&e, "flow", STEP("a", ""));
    engine_start(&e, 1, "flow");
    look(&l, &e, 1);
    ck_assert(!says(&l, DEFERRED));
    l.run.row.left = 1;
    ck_assert(says(&l, DEFERRED));
    ck_assert(says(&l, "step a: its job waits for a worker")); /* beside it */
    l.run.row.left = 0;
    l.run.row.ending = RUN_STOPPED;
    ck_assert(says(&l, DEFERRED));
    l.run.row.cleaning = 1;
    ck_assert(!says(&l, DEFERRED));
    look_away(&l);
    engine_close(&e);
}
END_TEST

static bool
shows(struct looked *l, const char *part)
{
    buffer_clear(&l->out);
    run_sheet_whole(&l->out, &l->run, DOCUMENT_BYTES_MAX);
    return memmem(l->out.data, l->out.size, part, strlen(part)) != NULL;
}

START_TEST(a_step_that_waits_shows_the_type_of_its_event)
{
    struct engine e;
    struct looked l;
    engine_open(&e, 1);
    engine_learn(
        &e, "flow", "  - { key: a, kind: wait_for_event, event_type: order.paid }\n");
    engine_start(&e, 1, "flow");
    look(&l, &e, 1);
    ck_assert(shows(&l, "\xaa"
                        "event_type\xaa"
                        "order.paid"));
    l.run.page[0].called = GONE;
    ck_assert(!shows(&l, "event_type"));
    look_away(&l);
    engine_close(&e);
}
END_TEST

START_TEST(a_run_whose_start_or_plan_is_gone_is_shown_without)
{
    struct engine e;
    struct looked l;
    engine_open(&e, 1);
    engine_learn(&e, "flow", STEP("a", ""));
    engine_start(&e, 1, "flow");
    engine_completed(&e, (struct job){ 1, 0, 1, 1 }, text("\x07"));
    look(&l, &e, 1);
    ck_assert(shows(&l, "\xa6"
                        "inputs\x80"));
    ck_assert(shows(&l, "\xa7"
                        "outputs"));
    l.run.planned = false;
    ck_assert(!shows(&l, "\xa7"
                         "outputs"));
    l.run.row.record = GONE;
    ck_assert(shows(&l, "\xa6"
                        "inputs\xc0"));
    look_away(&l);
    engine_close(&e);
}
END_TEST

START_TEST(more_steps_than_a_document_holds_are_cut)
{
    struct engine e;
    struct looked l;
    engine_open(&e, 1);
    engine_learn(&e, "flow",
        "  - key: pages\n"
        "    kind: each\n"
        "    items: \"{{ seq 9000 }}\"\n"
        "    concurrency: 9000\n"
        "    steps:\n"
        "      - { key: fetch, kind: sleep, duration: 1h }\n");
    engine_start(&e, 1, "flow");
    look(&l, &e, 1);
    ck_assert_uint_eq(l.run.row.step_count, 9001);
    ck_assert(shows(&l, "\xa9"
                        "truncated\xc3"));
    ck_assert_uint_lt(l.out.size, (size_t)1024 * 1024);
    ck_assert(shows(&l, "pages[0].fetch") && !shows(&l, "pages[8999].fetch"));
    look_away(&l);
    engine_close(&e);
}
END_TEST

/* ---- the queue ---- */

static const char *
ask(struct engine *e, unsigned run)
{
    struct run_explain asked = { 7, engine_run(e, run) };
    return engine_ask(e, (struct message){ .code = RUN_EXPLAIN, .run_explain = asked });
}

static void
expect_part(const char *shown, const char *part)
{
    ck_assert_msg(strstr(shown, part) != NULL, "%s is not in %s", part, shown);
}

static void
expect_behind(struct engine *e, unsigned run, unsigned first, unsigned ahead)
{
    char wanted[256], id[ID_TEXT_MAX], more[64] = "";
    struct id holder = engine_run(e, first);
    if (ahead > 0)
        snprintf(more, sizeof more, ", with %u more in the queue before it", ahead);
    snprintf(wanted, sizeof wanted, "the run waits for its turn behind %s%s",
        id_print(&holder, "run_", id), more);
    expect_part(ask(e, run), wanted);
    snprintf(wanted, sizeof wanted, "\"ahead\":%u", ahead);
    expect_part((const char *)e->shown.data, wanted);
}

START_TEST(a_queued_run_names_what_goes_before_it)
{
    struct engine e;
    engine_open(&e, 1);
    engine_learn(&e, "flow", STEP("a", "") "concurrency: { policy: queue }\n");
    for (unsigned run = 1; run <= 4; run++)
        engine_start(&e, run, "flow");
    expect_behind(&e, 2, 1, 0);
    expect_behind(&e, 4, 1, 2);
    engine_completed(&e, (struct job){ 1, 0, 1, 1 }, text("\x07"));
    expect_behind(&e, 4, 2, 1);
    engine_completed(&e, (struct job){ 2, 0, 1, 1 }, text("\x07"));
    expect_behind(&e, 4, 3, 0);
    engine_close(&e);
}
END_TEST

/* The row of the group is a hint where the queue begins. */
START_TEST(without_the_row_of_the_group_the_queue_is_read_from_its_beginning)
{
    struct engine e;
    struct looked l;
    engine_open(&e, 1);
    engine_learn(&e, "flow", STEP("a", "") "concurrency: { policy: queue }\n");
    for (unsigned run = 1; run <= 3; run++)
        engine_start(&e, run, "flow");
    look(&l, &e, 3);
    struct row_key key = row_key('C');
    row_key_id(&key, &l.run.project);
    row_key_id(&key, &l.run.row.automation);
    row_key_id(&key, &l.run.row.group);
    struct bytes kept =
        arena_copy(&l.arena, journal_get(l.run.journal, row_key_bytes(&key)));
    ck_assert_uint_gt(kept.size, 0);
    journal_delete(l.run.journal, row_key_bytes(&key));
    expect_behind(&e, 3, 1, 1);
    journal_put(l.run.journal, row_key_bytes(&key), text("\x01"));
    expect_behind(&e, 3, 1, 1);
    journal_put(l.run.journal, row_key_bytes(&key), kept);
    expect_behind(&e, 3, 1, 1);
    look_away(&l);
    engine_close(&e);
}
END_TEST

START_TEST(of_many_that_go_before_it_some_are_named)
{
    enum { SLOTS = 7, LAST = 1010 };
    struct engine e;
    size_t named = 0;
    engine_open(&e, 1);
    engine_learn(&e, "flow",
        STEP("a", "") "concurrency: { policy: queue, max: 7, queue_max: 2000 }\n");
    for (unsigned run = 1; run <= LAST; run++)
        engine_start(&e, run, "flow");
    const char *shown = ask(&e, LAST);
    expect_part(shown, ", with at least 1000 more in the queue before it");
    expect_part(ask(&e, LAST - 5), ", with 997 more in the queue before it");
    shown = strstr((const char *)e.shown.data, "\"behind\":[");
    ck_assert_ptr_nonnull(shown);
    for (const char *end = strchr(shown, ']'); shown < end; shown++)
        named += strncmp(shown, "\"run_", 5) == 0;
    ck_assert_uint_eq(named, 5); /* of SLOTS */
    engine_close(&e);
}
END_TEST

static Suite *
stall_suite(void)
{
    Suite *suite = suite_create("stall");
    TCase *all = tcase_create("stall");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, what_is_not_known_is_left_out);
    tcase_add_test(all, a_question_is_said_by_its_title);
    tcase_add_test(all, a_queue_that_was_not_read_to_its_end_is_at_least_so_long);
    tcase_add_test(all, a_key_is_said_of_steps_alone);
    tcase_add_test(all, what_the_log_has_lost_is_not_said);
    tcase_add_test(all, an_event_without_a_match_shows_none);
    tcase_add_test(all, a_step_that_is_not_under_way_waits_for_nothing);
    tcase_add_test(all, a_run_that_is_about_to_move_is_moving);
    tcase_add_test(all, what_is_left_for_the_next_turn_goes_first);
    tcase_add_test(all, a_step_that_waits_shows_the_type_of_its_event);
    tcase_add_test(all, a_run_whose_start_or_plan_is_gone_is_shown_without);
    tcase_add_test(all, more_steps_than_a_document_holds_are_cut);
    tcase_add_test(all, a_queued_run_names_what_goes_before_it);
    tcase_add_test(
        all, without_the_row_of_the_group_the_queue_is_read_from_its_beginning);
    tcase_add_test(all, of_many_that_go_before_it_some_are_named);
    suite_add_tcase(suite, all);
    return suite;
}

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    SRunner *runner = srunner_create(stall_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

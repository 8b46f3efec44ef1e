/* Goal: for each way in which a run can stand still, the one reason is named, and of
 * several the most blocking; people find what they are asked.
 * Method: real schedulers write the rows; documents are compared as text. */
#include "base/clock.h"
#include "tests/unit/view_engine.h"

#include <sodium.h>
#include <stdlib.h>

static void
open_with(struct engine *e, const char *steps)
{
    engine_open(e, 1);
    engine_learn(e, "flow", steps);
    engine_start(e, 1, "flow");
}

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

/* The reason begins behind the key `code`. */
static void
expect_reason(struct engine *e, const char *code, const char *reason)
{
    char wanted[512];
    snprintf(wanted, sizeof wanted, "\"code\":\"%s\",\"reason\":\"%s", code, reason);
    expect_part(ask(e, 1), wanted);
}

START_TEST(an_open_job_says_what_a_worker_must_be)
{
    struct engine e;
    open_with(&e, "  - { key: a, kind: action, action: render, queue: media,\n"
                  "      labels: [gpu, big] }\n");
    expect_reason(&e, "job_open",
        "step a: its job waits for a worker with action render in queue media with the "
        "labels big, gpu since 2026-01-01T00:00:00.000Z\",\"step\":\"a\","
        "\"since\":\"2026-01-01T00:00:00.000Z\",\"hint\":\"capstan workers list\","
        "\"detail\":{\"attempt\":1,\"action\":\"render\",\"queue\":\"media\","
        "\"labels\":[\"big\",\"gpu\"]},\"also\":[]}");
    engine_close(&e);
}
END_TEST

START_TEST(a_leased_job_names_its_holder)
{
    struct engine e;
    open_with(&e, STEP("a", ", timeout: 10s"));
    engine_leased(&e, (struct job){ 1, 0, 1, 1 });
    expect_reason(&e, "leased",
        "step a: worker host-1 holds its job since 2026-01-01T00:00:00.000Z, at most "
        "until 2026-01-01T00:00:10.000Z");
    engine_close(&e);
}
END_TEST

START_TEST(a_retry_says_when_and_what_failed)
{
    struct engine e;
    open_with(&e, STEP("a", ", retry: { max_attempts: 2, delay: 60s }"));
    engine_failed(&e, (struct job){ 1, 0, 1, 1 });
    expect_reason(&e, "retry",
        "step a: attempt 1 failed with ActionError: no paper; the next one has its "
        "moment since 2026-01-01T00:00:00.000Z, due at 2026-01-01T00:01:00.000Z");
    engine_close(&e);
}
END_TEST

START_TEST(a_retry_of_any_step_says_which_attempt_failed)
{
    struct engine e;
    open_with(&e, "  - { key: a, kind: check, checks: [{ name: no, expr: 1 > 2 }],\n"
                  "      retry: { max_attempts: 3, delay: 60s } }\n");
    expect_reason(&e, "retry", "step a: attempt 1 failed; the next one has its moment");
    expect_part(ask(&e, 1), "\"detail\":{\"attempt\":1}");
    engine_wait(&e, 60000);
    expect_reason(&e, "retry", "step a: attempt 2 failed; the next one has its moment");
    engine_close(&e);
}
END_TEST

START_TEST(a_sleep_says_when_it_is_over)
{
    struct engine e;
    open_with(&e, "  - { key: a, kind: sleep, duration: 1h }\n");
    expect_reason(&e, "sleep",
        "step a: it sleeps since 2026-01-01T00:00:00.000Z, due at "
        "2026-01-01T01:00:00.000Z");
    engine_close(&e);
}
END_TEST

START_TEST(a_wait_names_the_event)
{
    struct engine e;
    open_with(&e,
        "  - { key: a, kind: wait_for_event, event_type: order.paid, source: shop,\n"
        "      match: { id: 7 }, condition: event.total > 9, timeout: 1h }\n");
    expect_reason(&e, "event",
        "step a: it waits for an event of type order.paid from shop since "
        "2026-01-01T00:00:00.000Z, at most until 2026-01-01T01:00:00.000Z");
    expect_part(ask(&e, 1), "\"match\":{\"id\":7}");
    expect_part(ask(&e, 1), "\"condition\":\"event.total > 9\"");
    expect_part(ask(&e, 1), "\"hint\":\"capstan events list 'order.paid'\"");
    engine_close(&e);
}
END_TEST

START_TEST(no_command_is_named_that_the_shell_would_take_otherwise)
{
    struct engine e;
    open_with(&e, "  - { key: a, kind: wait_for_event, event_type: \"a';b\" }\n");
    expect_reason(&e, "event",
        "step a: it waits for an event of type a';b since 2026-01-01T00:00:00.000Z");
    ck_assert_ptr_null(strstr(ask(&e, 1), "\"hint\":\""));
    engine_close(&e);
}
END_TEST

static const char question[] =
    "  - { key: a, kind: interaction, protocol: request_approval, prompt: Ship it?,\n"
    "      targets: [ada, bob] }\n";

START_TEST(a_question_names_whom_it_asks)
{
    struct engine e;
    open_with(&e, question);
    expect_reason(
        &e, "interaction", "step a: an approval by ada, bob is pending: Ship it?");
    expect_part(ask(&e, 1), "\"hint\":\"capstan interactions get iact_");
    engine_close(&e);
}
END_TEST

START_TEST(the_most_blocking_of_several_is_named_first)
{
    struct engine e;
    open_with(&e, "  - { key: a, kind: sleep, duration: 1h, needs: [] }\n" STEP(
                      "b", ", needs: []")
                      STEP("c", ", needs: []") "  - { key: d, kind: wait_for_event, "
                                               "event_type: x, needs: [] }\n");
    engine_leased(&e, (struct job){ 1, 1, 1, 1 });
    const char *shown = ask(&e, 1);
    expect_part(shown, "\"code\":\"job_open\",\"reason\":\"step c:");
    const char *also = strstr(shown, "\"also\":[");
    const char *event = strstr(also, "\"code\":\"event\"");
    const char *sleep = strstr(also, "\"code\":\"sleep\"");
    const char *leased = strstr(also, "\"code\":\"leased\"");
    ck_assert(event != NULL && event < sleep && sleep < leased);
    engine_close(&e);
}
END_TEST

START_TEST(what_lies_inside_is_named_by_its_key)
{
    struct engine e;
    open_with(&e, "  - key: pages\n"
                  "    kind: each\n"
                  "    items: [1, 2, 3]\n"
                  "    concurrency: 2\n"
                  "    steps:\n"
                  "      - { key: fetch, kind: action, action: x }\n");
    engine_completed(&e, (struct job){ 1, 1, 1, 1 }, text("\x07"));
    const char *shown = ask(&e, 1);
    expect_part(shown, "\"step\":\"pages[1].fetch\"");
    expect_part(
        shown, "\"also\":[{\"code\":\"job_open\",\"reason\":\"step pages[2].fetch:");
    shown = engine_run_get(&e, 1);
    expect_part(shown, "\"key\":\"pages\",\"index\":0,\"kind\":\"each\"");
    expect_part(shown, "\"items\":{\"count\":3,\"begun\":3,\"over\":1}");
    expect_part(shown, "\"key\":\"pages[0].fetch\",\"index\":1,\"kind\":\"action\"");
    engine_close(&e);
}
END_TEST

START_TEST(so_many_steps_that_not_all_are_listed_are_counted)
{
    struct engine e;
    open_with(&e, "  - key: pages\n"
                  "    kind: each\n"
                  "    items: \"{{ seq 50 }}\"\n"
                  "    concurrency: 50\n"
                  "    steps:\n"
                  "      - { key: fetch, kind: sleep, duration: 1h }\n");
    expect_part(ask(&e, 1), "\"code\":\"sleep\",\"reason\":\"step pages[0].fetch:");
    expect_part((const char *)e.shown.data, "\"more\":29}");
    engine_close(&e);
}
END_TEST

START_TEST(so_many_items_that_not_all_are_looked_at_cost_no_more)
{
    struct engine e;
    open_with(&e, "  - key: pages\n"
                  "    kind: each\n"
                  "    items: \"{{ seq 5000 }}\"\n"
                  "    concurrency: 5000\n"
                  "    steps:\n"
                  "      - { key: fetch, kind: sleep, duration: 1h }\n");
    /* 4096 of its items, of which 21 are told. */
    expect_part(ask(&e, 1), "\"more\":4075}");
    expect_part(engine_run_get(&e, 1), "\"count\":5000,\"begun\":5000,\"over\":0}");
    engine_close(&e);
}
END_TEST

START_TEST(the_last_of_very_many_steps_is_told)
{
    enum { BEFORE = 4200 };
    struct engine e;
    struct buffer steps = { 0 };
    for (unsigned i = 0; i < BEFORE; i++)
        buffer_print(
            &steps, "  - { key: s%u, kind: sleep, duration: 1h, needs: last }\n", i);
    buffer_print(&steps, STEP("last", ", needs: []"));
    buffer_append(&steps, "", 1);
    open_with(&e, (const char *)steps.data);
    expect_reason(&e, "job_open", "step last: its job waits");
    buffer_free(&steps);
    engine_close(&e);
}
END_TEST

START_TEST(a_more_blocking_step_is_told_although_the_list_is_full)
{
    struct engine e;
    struct buffer steps = { 0 };
    for (unsigned i = 0; i < 30; i++)
        buffer_print(
            &steps, "  - { key: s%u, kind: sleep, duration: 1h, needs: [] }\n", i);
    buffer_print(&steps, STEP("last", ", needs: []"));
    buffer_append(&steps, "", 1);
    open_with(&e, (const char *)steps.data);
    expect_reason(&e, "job_open", "step last: its job waits");
    expect_part((const char *)e.shown.data, "\"reason\":\"step s19:");
    ck_assert_ptr_null(strstr((const char *)e.shown.data, "\"reason\":\"step s20:"));
    expect_part((const char *)e.shown.data, "\"more\":10}");
    buffer_free(&steps);
    engine_close(&e);
}
END_TEST

START_TEST(what_lies_in_a_parallel_is_told_once)
{
    struct engine e;
    open_with(&e, "  - key: ways\n"
                  "    kind: parallel\n"
                  "    branches:\n"
                  "      a: [{ key: one, kind: action, action: x }]\n"
                  "      b: [{ key: two, kind: sleep, duration: 1h },\n"
                  "          { key: then, kind: action, action: x }]\n");
    const char *shown = ask(&e, 1);
    expect_part(shown, "\"code\":\"job_open\",\"reason\":\"step one:");
    expect_part(shown, "\"also\":[{\"code\":\"sleep\",\"reason\":\"step two:");
    ck_assert_ptr_null(strstr(shown, "\"more\""));
    ck_assert_ptr_null(strstr(shown, "then"));
    const char *one = strstr(shown, "\"step\":\"one\"");
    ck_assert_ptr_null(strstr(one + 1, "\"step\":\"one\""));
    engine_close(&e);
}
END_TEST

START_TEST(a_child_names_its_automation)
{
    struct engine e;
    engine_open(&e, 1);
    engine_learn(&e, "billing", STEP("a", ""));
    engine_learn(&e, "flow",
        "  - { key: a, kind: automation, automation: billing, wait: true }\n");
    engine_start(&e, 1, "flow");
    expect_reason(&e, "child", "step a: it waits for the end of run_");
    expect_part((const char *)e.shown.data, " of billing since 2026-");
    expect_part((const char *)e.shown.data, "\"hint\":\"capstan runs explain run_");
    engine_close(&e);
}
END_TEST

START_TEST(a_failed_run_says_why_and_what_can_be_done)
{
    struct engine e;
    char hint[128], id[ID_TEXT_MAX];
    open_with(&e, STEP("a", ""));
    engine_failed(&e, (struct job){ 1, 0, 1, 1 });
    struct id run = engine_run(&e, 1);
    snprintf(hint, sizeof hint, "\"hint\":\"capstan runs retry %s\"",
        id_print(&run, "run_", id));
    expect_reason(&e, "finished",
        "the run has ended: failed, step_failed; step a: ActionError: no paper");
    expect_part(ask(&e, 1), hint);
    engine_close(&e);
}
END_TEST

/* A run keeps its version: tried again, the template fails again. */
START_TEST(a_run_whose_template_failed_is_mended_by_another_version)
{
    struct engine e;
    char hint[128], id[ID_TEXT_MAX];
    open_with(&e, "  - { key: a, kind: set, values: { b: \"${{ inputs.no }}\" } }\n");
    struct id run = engine_run(&e, 1);
    snprintf(hint, sizeof hint,
        "\"hint\":\"capstan runs fork %s --at 4 --version VERSION\"",
        id_print(&run, "run_", id));
    expect_reason(&e, "finished",
        "the run has ended: failed, step_failed; step a: TemplateError: ");
    expect_part((const char *)e.shown.data, hint);
    engine_close(&e);
}
END_TEST

START_TEST(a_cancelled_and_a_completed_run_are_over)
{
    struct engine e;
    open_with(&e, STEP("a", ""));
    engine_cancel(&e, 1);
    expect_reason(
        &e, "finished", "the run has ended: cancelled by ada: enough since 2026-");
    expect_part((const char *)e.shown.data,
        "\"cancelled_by\":\"ada\",\"cancel_reason\":\"enough\"");
    engine_start(&e, 2, "flow");
    engine_completed(&e, (struct job){ 2, 0, 1, 1 }, text("\x07"));
    expect_part(ask(&e, 2), "\"reason\":\"the run has ended: completed since 2026-");
    ck_assert_ptr_null(strstr((const char *)e.shown.data, "\"hint\""));
    engine_close(&e);
}
END_TEST

START_TEST(cleanup_is_said)
{
    struct engine e;
    open_with(&e, STEP("a", "") "cleanup:\n" STEP("b", ""));
    engine_failed(&e, (struct job){ 1, 0, 1, 1 });
    expect_part(
        ask(&e, 1), "\"cleanup\":true,\"code\":\"job_open\",\"reason\":\"step b:");
    engine_close(&e);
}
END_TEST

START_TEST(what_is_not_there_is_refused)
{
    struct engine e;
    open_with(&e, STEP("a", ""));
    ck_assert_str_eq(ask(&e, 9), "not_found");
    engine_close(&e);
}
END_TEST

enum { MANY = 20000, ASKED = 200, MS_MAX = 10 };

START_TEST(it_costs_the_same_among_many_open_runs)
{
    struct engine e;
    engine_open(&e, 1);
    engine_learn(&e, "flow",
        "  - { key: a, kind: sleep, duration: 1h, needs: [] }\n" STEP(
            "b", ", needs: []"));
    for (unsigned run = 1; run <= MANY; run++) {
        engine_start(&e, run, "flow");
        trace_skip(&e.traces[0]);
    }
    uint64_t begin_ms = clock_monotonic_ms();
    for (unsigned i = 0; i < ASKED; i++)
        expect_part(ask(&e, 1 + i * (MANY / ASKED)), "\"code\":\"job_open\"");
    ck_assert_uint_le(clock_monotonic_ms() - begin_ms, ASKED * MS_MAX);
    engine_close(&e);
}
END_TEST

/* ---- what people are asked ---- */

static const char *
inbox(struct engine *e, const char *target, const char *cursor, uint32_t limit)
{
    struct interaction_list asked = { .request = 7,
        .status = text("pending"),
        .target = text(target),
        .limit = limit,
        .cursor = text(cursor) };
    return engine_ask(
        e, (struct message){ .code = INTERACTION_LIST, .interaction_list = asked });
}

static size_t
count_of(const char *shown, const char *part)
{
    size_t count = 0;
    for (; (shown = strstr(shown, part)) != NULL; shown += strlen(part))
        count++;
    return count;
}

static void
answer(struct engine *e, unsigned run, const char *id, const char *by)
{
    struct interaction_respond said = { .request = 1,
        .value = text("\xc3"),
        .comment = text("fine"),
        .principal = text(by) };
    ck_assert_int_eq(id_read(text(id), "iact_", &said.interaction), ERR_NONE);
    trace_give(engine_trace_of(e, run), ACTOR_gateway, 0,
        (struct message){ .code = INTERACTION_RESPOND, .interaction_respond = said });
}

START_TEST(what_is_asked_is_listed_and_an_answer_takes_it_away)
{
    struct engine e;
    char id[64];
    open_with(&e, question);
    inbox(&e, "", "", 10);
    const char *shown = (const char *)e.shown.data;
    expect_part(shown, "\"status\":\"pending\",\"run_id\":\"run_");
    expect_part(shown, "\"automation\":\"flow\",\"step\":\"a\",\"protocol\":"
                       "\"request_approval\",\"prompt\":\"Ship it?\",\"targets\":["
                       "\"ada\",\"bob\"],\"all_of\":false");
    expect_part(shown, "\"responses\":[]}],\"next_cursor\":null}");
    engine_field(&e, "id", id, sizeof id);
    ck_assert_uint_eq(count_of(inbox(&e, "bob", "", 10), "\"iact_"), 1);
    ck_assert_uint_eq(count_of(inbox(&e, "eve", "", 10), "\"iact_"), 0);
    answer(&e, 1, id, "ada");
    ck_assert_str_eq(inbox(&e, "", "", 10), "{\"items\":[],\"next_cursor\":null}");
    struct interaction_list one = { .request = 7 };
    ck_assert_int_eq(id_read(text(id), "iact_", &one.interaction), ERR_NONE);
    shown = engine_ask(
        &e, (struct message){ .code = INTERACTION_LIST, .interaction_list = one });
    expect_part(shown, "\"status\":\"completed\"");
    expect_part(shown, "\"responses\":[{\"by\":\"ada\",\"value\":true,\"comment\":"
                       "\"fine\",\"at\":\"2026-01-01T00:00:00.000Z\"}]}");
    engine_close(&e);
}
END_TEST

START_TEST(who_has_answered_is_asked_no_more)
{
    struct engine e;
    char id[64];
    open_with(&e,
        "  - { key: a, kind: interaction, protocol: request_approval, prompt: "
        "Ship it?,\n      resolution_policy: all_of, targets: [ada, bob, eve] "
        "}\n");
    inbox(&e, "", "", 10);
    engine_field(&e, "id", id, sizeof id);
    answer(&e, 1, id, "bob");
    ck_assert_uint_eq(count_of(inbox(&e, "ada", "", 10), "\"iact_"), 1);
    ck_assert_uint_eq(count_of(inbox(&e, "bob", "", 10), "\"iact_"), 0);
    ck_assert_uint_eq(count_of(inbox(&e, "", "", 10), "\"iact_"), 1);
    expect_reason(
        &e, "interaction", "step a: an approval by ada, eve is pending: Ship it?");
    expect_part(ask(&e, 1), "\"targets\":[\"ada\",\"eve\"]");
    engine_close(&e);
}
END_TEST

START_TEST(every_page_of_the_inbox_is_a_part_of_one_list)
{
    struct engine e;
    char cursor[128] = "";
    size_t pages = 0, seen = 0;
    engine_open(&e, 3);
    engine_learn(&e, "flow", question);
    for (unsigned i = 1; i <= 25; i++) {
        engine_start(&e, i, "flow");
        engine_wait(&e, i % 3);
    }
    do {
        const char *shown = inbox(&e, "ada", cursor, 4);
        ck_assert_uint_le(count_of(shown, "\"status\":"), 4);
        seen += count_of(shown, "\"status\":");
        engine_field(&e, "next_cursor", cursor, sizeof cursor);
        pages++;
    } while (strcmp(cursor, "null") != 0);
    ck_assert_uint_eq(seen, 25);
    ck_assert_uint_eq(pages, 7);
    ck_assert_str_eq(inbox(&e, "", "nonsense", 4), "malformed");
    e.away[1] = true;
    ck_assert_str_eq(inbox(&e, "", "", 4), "unavailable");
    engine_close(&e);
}
END_TEST

static Suite *
explain_suite(void)
{
    Suite *suite = suite_create("explain");
    TCase *all = tcase_create("explain");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, an_open_job_says_what_a_worker_must_be);
    tcase_add_test(all, a_leased_job_names_its_holder);
    tcase_add_test(all, a_retry_says_when_and_what_failed);
    tcase_add_test(all, a_retry_of_any_step_says_which_attempt_failed);
    tcase_add_test(all, a_sleep_says_when_it_is_over);
    tcase_add_test(all, a_wait_names_the_event);
    tcase_add_test(all, no_command_is_named_that_the_shell_would_take_otherwise);
    tcase_add_test(all, a_question_names_whom_it_asks);
    tcase_add_test(all, the_most_blocking_of_several_is_named_first);
    tcase_add_test(all, what_lies_inside_is_named_by_its_key);
    tcase_add_test(all, so_many_steps_that_not_all_are_listed_are_counted);
    tcase_add_test(all, so_many_items_that_not_all_are_looked_at_cost_no_more);
    tcase_add_test(all, the_last_of_very_many_steps_is_told);
    tcase_add_test(all, a_more_blocking_step_is_told_although_the_list_is_full);
    tcase_add_test(all, what_lies_in_a_parallel_is_told_once);
    tcase_add_test(all, a_child_names_its_automation);
    tcase_add_test(all, a_failed_run_says_why_and_what_can_be_done);
    tcase_add_test(all, a_run_whose_template_failed_is_mended_by_another_version);
    tcase_add_test(all, a_cancelled_and_a_completed_run_are_over);
    tcase_add_test(all, cleanup_is_said);
    tcase_add_test(all, what_is_not_there_is_refused);
    tcase_add_test(all, it_costs_the_same_among_many_open_runs);
    tcase_add_test(all, what_is_asked_is_listed_and_an_answer_takes_it_away);
    tcase_add_test(all, who_has_answered_is_asked_no_more);
    tcase_add_test(all, every_page_of_the_inbox_is_a_part_of_one_list);
    suite_add_tcase(suite, all);
    return suite;
}

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    SRunner *runner = srunner_create(explain_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

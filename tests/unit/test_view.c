/* Goal: documents say what the log says, pages are pages of one list, and no question
 * costs more when there is more.
 * Method: real schedulers write the rows; documents are compared as text. */
#include "actors/history.h"
#include "actors/scheduler/kinds.h"
#include "store/rows.h"
#include "tests/unit/view_engine.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static const char one_step[] = STEP("print", "");
static const char graph[] = STEP("a", "") STEP("b", ", needs: [a]")
    STEP("c", ", retry: { max_attempts: 2, delay: 1s }");

static void
open_with(struct engine *e, uint32_t partitions, const char *steps)
{
    engine_open(e, partitions);
    engine_learn(e, "flow", steps);
}

/* The events of `shown`, one word each, and what else is asked of each. */
static void
expect_events(const struct engine *e, const char *expected)
{
    struct buffer found = { 0 };
    const char *at = (const char *)e->shown.data, *label = "\"event_type\":\"";
    while ((at = strstr(at, label)) != NULL) {
        at += strlen(label);
        buffer_print(&found, "%.*s\n", (int)strcspn(at, "\""), at);
    }
    buffer_append(&found, "", 1);
    ck_assert_str_eq((const char *)found.data, expected);
    buffer_free(&found);
}

static void
expect_shown(const struct engine *e, const char *part)
{
    ck_assert_msg(strstr((const char *)e->shown.data, part) != NULL,
        "%s is not in %.1000s", part, (const char *)e->shown.data);
}

START_TEST(a_running_run_is_shown_word_by_word)
{
    struct engine e;
    open_with(&e, 1,
        "  - { key: print, name: Print it, kind: action, config: { "
        "action_name: x } }\n");
    engine_start_with(&e, 1, "flow", "once", text("\x81\xa1k\x01"));
    engine_leased(&e, (struct job){ 1, 0, 1, 1 });
    ck_assert_str_eq(engine_run_get(&e, 1),
        "{\"id\":\"run_01kdvdna01e00r000000000000\",\"automation\":\"flow\","
        "\"automation_id\":\"aut_78y07w6cr62562kraqqnjhe9k4\",\"version\":1,"
        "\"status\":\"running\",\"source\":\"api\",\"idempotency_key\":\"once\","
        "\"created_at\":\"2026-01-01T00:00:00.000Z\","
        "\"updated_at\":\"2026-01-01T00:00:00.000Z\","
        "\"started_at\":\"2026-01-01T00:00:00.000Z\","
        "\"progress\":{\"steps\":1,\"completed\":0,\"failed\":0,\"open\":1},"
        "\"last_sequence\":3,\"inputs\":{\"k\":1},"
        "\"steps\":[{\"key\":\"print\",\"name\":\"Print it\",\"index\":0,"
        "\"kind\":\"action\",\"status\":\"running\",\"attempt\":1,"
        "\"worker\":\"host-1\","
        "\"session_id\":\"wsess_5224bfrddxrs9sbks3hwr7t8yg\","
        "\"leased_at\":\"2026-01-01T00:00:00.000Z\","
        "\"started_at\":\"2026-01-01T00:00:00.000Z\"}]}");
    ck_assert_uint_eq(e.answer.document.request, 7);
    ck_assert_uint_eq(e.answer.document.position, 3);
    ck_assert_uint_eq(e.answer.document.finished, 0);
    engine_close(&e);
}
END_TEST

START_TEST(a_completed_run_shows_what_its_steps_have_made)
{
    struct engine e;
    open_with(&e, 1, graph);
    engine_start(&e, 1, "flow");
    engine_completed(&e, (struct job){ 1, 0, 1, 1 },
        text("\xa1"
             "A"));
    engine_wait(&e, 250);
    engine_completed(&e, (struct job){ 1, 1, 1, 1 }, (struct bytes){ 0 });
    engine_completed(&e, (struct job){ 1, 2, 1, 1 }, text("\x81\xa1n\x2a"));
    engine_run_get(&e, 1);
    expect_shown(&e, "\"status\":\"completed\"");
    expect_shown(&e, "\"finished_at\":\"2026-01-01T00:00:00.250Z\"");
    expect_shown(&e, "\"stop_reason\":\"completed\"");
    expect_shown(
        &e, "\"progress\":{\"steps\":3,\"completed\":3,\"failed\":0,\"open\":0}");
    expect_shown(&e, "\"inputs\":{},\"output\":{\"n\":42},\"steps\":[");
    expect_shown(&e, "\"outputs\":{\"a\":\"A\",\"b\":null,\"c\":{\"n\":42}}}");
    ck_assert_ptr_null(strstr((char *)e.shown.data, "truncated"));
    ck_assert_ptr_null(strstr((char *)e.shown.data, "error"));
    ck_assert_uint_eq(e.answer.document.finished, 1);
    engine_close(&e);
}
END_TEST

START_TEST(the_items_of_an_each_are_steps_with_keys_of_their_own)
{
    struct engine e;
    open_with(&e, 1,
        "  - key: all\n"
        "    kind: each\n"
        "    items: [p, q]\n"
        "    steps: [{ key: a, kind: action, action: x, with: { i: '${{ item }}' } "
        "}]\n");
    engine_start(&e, 1, "flow");
    engine_completed(&e, (struct job){ 1, 1, 1, 1 }, text("\x07"));
    engine_run_get(&e, 1);
    expect_shown(&e, "{\"key\":\"all\",\"index\":0,\"kind\":\"each\","
                     "\"status\":\"suspended\"");
    expect_shown(&e, "{\"key\":\"all[0].a\",\"index\":1,\"kind\":\"action\","
                     "\"status\":\"completed\"");
    expect_shown(&e, "{\"key\":\"all[1].a\",\"index\":2,\"kind\":\"action\","
                     "\"status\":\"suspended\"");
    engine_completed(&e, (struct job){ 1, 2, 1, 1 }, text("\x08"));
    engine_run_get(&e, 1);
    expect_shown(&e, "\"output\":[7,8],");
    engine_events(&e, 1, 0, 100);
    expect_events(&e, "run.started\nstep.started\nstep.expanded\nstep.started\n"
                      "action.called\naction.completed\nstep.completed\n"
                      "step.started\naction.called\naction.completed\n"
                      "step.completed\nstep.completed\nrun.completed\n");
    expect_shown(&e, "\"step\":\"all[1].a\"");
    engine_close(&e);
}
END_TEST

START_TEST(what_a_run_asks_and_is_answered_is_in_its_log)
{
    struct engine e;
    open_with(&e, 1,
        "  - { key: ask, kind: interaction, protocol: approval, title: 'Ship?',\n"
        "      targets: [ann] }\n");
    engine_start(&e, 1, "flow");
    struct id run = engine_run(&e, 1);
    trace_give(engine_trace_of(&e, 1), ACTOR_gateway, 0,
        (struct message){ .code = INTERACTION_RESPOND,
            .interaction_respond = { .request = 9,
                .interaction = interaction_id(&run, 0, 1, false),
                .value = text("\xc3"),
                .principal = text("ann") } });
    engine_events(&e, 1, 0, 100);
    expect_shown(&e, "\"protocol\":\"request_approval\",\"title\":\"Ship?\","
                     "\"targets\":[\"ann\"],\"all_of\":0,\"escalated\":0}");
    expect_shown(&e, "\"value\":true,\"by\":\"ann\",\"resolved\":1}");
    expect_shown(&e, "\"output\":{\"value\":true,\"approved\":true,");
    engine_close(&e);
}
END_TEST

START_TEST(a_failed_run_says_which_step_and_why)
{
    struct engine e;
    open_with(&e, 1, STEP("a", "") STEP("b", ", needs: [a]"));
    engine_start(&e, 1, "flow");
    engine_failed(&e, (struct job){ 1, 0, 1, 1 });
    engine_run_get(&e, 1);
    expect_shown(&e, "\"status\":\"failed\"");
    expect_shown(&e, "\"stop_reason\":\"step_failed\",\"error\":{\"type\":"
                     "\"ActionError\",\"message\":\"no paper\",\"step\":\"a\"}");
    expect_shown(&e, "\"error\":{\"type\":\"ActionError\",\"message\":\"no paper\"}}");
    expect_shown(&e, "\"status\":\"skipped\"");
    ck_assert_ptr_null(strstr((char *)e.shown.data, "\"outputs\""));
    engine_close(&e);
}
END_TEST

START_TEST(the_log_of_one_step_is_the_one_that_was_promised)
{
    struct engine e;
    open_with(&e, 1, one_step);
    engine_start(&e, 1, "flow");
    engine_leased(&e, (struct job){ 1, 0, 1, 1 });
    engine_events(&e, 1, 0, 100);
    expect_events(&e, "run.started\nstep.started\naction.called\n");
    expect_shown(&e, "],\"last_sequence\":3,\"finished\":false,\"has_more\":false}");
    engine_wait(&e, 1500);
    engine_completed(&e, (struct job){ 1, 0, 1, 1 }, text("\x07"));
    engine_events(&e, 1, 0, 100);
    expect_events(&e, "run.started\nstep.started\naction.called\naction.completed\n"
                      "step.completed\nrun.completed\n");
    expect_shown(&e,
        "{\"items\":[{\"sequence\":1,\"event_type\":\"run.started\","
        "\"at\":\"2026-01-01T00:00:00.000Z\",\"payload\":{\"automation\":\"flow\","
        "\"automation_id\":\"aut_78y07w6cr62562kraqqnjhe9k4\",\"version\":1,"
        "\"source\":\"api\"}},{\"sequence\":2,\"event_type\":\"step.started\","
        "\"at\":\"2026-01-01T00:00:00.000Z\",\"step\":\"print\","
        "\"payload\":{\"step\":\"print\",\"kind\":\"action\"}},"
        "{\"sequence\":3,\"event_type\":\"action.called\","
        "\"at\":\"2026-01-01T00:00:00.000Z\",\"step\":\"print\","
        "\"payload\":{\"step\":\"print\",\"action\":\"x\",\"action_name\":\"x\","
        "\"attempt\":1,\"queue\":\"default\",\"parameters\":{}}},"
        "{\"sequence\":4,\"event_type\":\"action.completed\","
        "\"at\":\"2026-01-01T00:00:01.500Z\",\"step\":\"print\","
        "\"payload\":{\"step\":\"print\",\"action\":\"x\",\"action_name\":\"x\","
        "\"attempt\":1,\"output\":7,"
        "\"session_id\":\"wsess_5224bfrddxrs9sbks3hwr7t8yg\"}},"
        "{\"sequence\":5,\"event_type\":\"step.completed\","
        "\"at\":\"2026-01-01T00:00:01.500Z\",\"step\":\"print\","
        "\"payload\":{\"step\":\"print\"}},"
        "{\"sequence\":6,\"event_type\":\"run.completed\","
        "\"at\":\"2026-01-01T00:00:01.500Z\",\"payload\":{\"status\":\"completed\"}}],"
        "\"last_sequence\":6,\"finished\":true,\"has_more\":false}");
    ck_assert_uint_eq(e.answer.document.position, 6);
    ck_assert_uint_eq(e.answer.document.finished, 1);
    engine_close(&e);
}
END_TEST

START_TEST(retries_skips_and_failures_are_in_the_log_with_their_reasons)
{
    struct engine e;
    open_with(&e, 1, graph);
    engine_start(&e, 1, "flow");
    engine_failed(&e, (struct job){ 1, 2, 1, 1 });
    engine_wait(&e, 1000);
    engine_leased(&e, (struct job){ 1, 2, 2, 1 });
    engine_failed(&e, (struct job){ 1, 2, 2, 1 });
    engine_failed(&e, (struct job){ 1, 0, 1, 1 });
    engine_events(&e, 1, 0, 100);
    expect_events(&e,
        "run.started\nstep.started\naction.called\nstep.started\naction.called\n"
        "action.failed\nstep.retried\naction.called\naction.failed\nstep.failed\n"
        "action.failed\nstep.failed\nstep.skipped\nrun.failed\n");
    expect_shown(&e, "\"payload\":{\"step\":\"c\",\"attempt\":2,\"max_attempts\":2,"
                     "\"delay_ms\":1000,\"due_at\":\"2026-01-01T00:00:01.000Z\"}");
    expect_shown(&e, "\"attempt\":2,\"error\":\"no paper\",\"error_type\":"
                     "\"ActionError\",\"session_id\":\"wsess_");
    expect_shown(&e, "\"payload\":{\"step\":\"b\",\"reason\":\"a step that it needs "
                     "did not complete\"}");
    expect_shown(&e,
        "\"payload\":{\"step\":\"c\",\"error\":\"no paper\",\"error_type\":"
        "\"ActionError\",\"stop_reason\":\"step_failed\","
        "\"status\":\"failed\"}");
    engine_close(&e);
}
END_TEST

START_TEST(a_cancelled_run_says_so_and_who_fell_silent_is_named)
{
    struct engine e;
    open_with(&e, 1, one_step);
    engine_start(&e, 1, "flow");
    engine_leased(&e, (struct job){ 1, 0, 1, 1 });
    engine_lost(&e, (struct job){ 1, 0, 1, 1 });
    engine_cancel(&e, 1);
    engine_events(&e, 1, 3, 100);
    expect_events(&e, "action.failed\nstep.retried\naction.called\nstep.cancelled\n"
                      "run.cancelled\n");
    expect_shown(&e, "\"error_type\":\"LeaseLost\",\"session_id\":\"wsess_");
    expect_shown(&e, "\"delay_ms\":0");
    expect_shown(&e, "{\"reason\":\"enough\",\"by\":\"ada\",\"status\":\"cancelled\"}");
    engine_run_get(&e, 1);
    expect_shown(&e, "\"cancelled_by\":\"ada\",\"cancel_reason\":\"enough\"");
    engine_close(&e);
}
END_TEST

/* A log whose facts lie in many records, most of which it does not show. */
static void
make_long_log(struct engine *e)
{
    struct buffer steps = { 0 };
    for (int i = 0; i < 90; i++)
        buffer_print(
            &steps, "  - { key: s%d, kind: action, config: { action_name: x } }\n", i);
    buffer_append(&steps, "", 1);
    open_with(e, 1, (const char *)steps.data);
    buffer_free(&steps);
    engine_start(e, 1, "flow");
    for (uint32_t i = 0; i < 90; i++) {
        for (uint32_t offer = 1; offer < 4; offer++) {
            engine_leased(e, (struct job){ 1, i, 1, offer });
            engine_returned(e, (struct job){ 1, i, 1, offer });
        }
        engine_printed(e, (struct job){ 1, i, 1, 4 }, "one\n");
        engine_printed(e, (struct job){ 1, i, 1, 4 }, "two\n");
        engine_completed(e, (struct job){ 1, i, 1, 4 }, (struct bytes){ 0 });
    }
}

/* Check that the document begins after `after` and has no gap; returns its length. */
static uint64_t
check_sequences(const struct engine *e, uint64_t after)
{
    const char *at = (const char *)e->shown.data, *label = "{\"sequence\":";
    uint64_t next = after + 1;
    while ((at = strstr(at, label)) != NULL) {
        at += strlen(label);
        ck_assert_uint_eq(strtoull(at, NULL, 10), next);
        next++;
    }
    return next - after - 1;
}

START_TEST(every_page_of_a_long_log_is_a_part_of_the_same_log)
{
    enum { EVENTS = 1 + 2 * 90 + 2 * 90 + 1 };
    struct engine e;
    make_long_log(&e);
    for (uint64_t after = 0; after <= EVENTS + 2; after++) {
        for (uint32_t limit = 1; limit <= 200; limit = limit * 3 + 1) {
            uint64_t left = after < EVENTS ? EVENTS - after : 0;
            uint64_t wanted = left < limit ? left : limit;
            engine_events(&e, 1, after, limit);
            ck_assert_uint_eq(check_sequences(&e, after), wanted);
            uint64_t last = left > 0 ? after + wanted : EVENTS;
            ck_assert_uint_eq(e.answer.document.position, last);
            ck_assert_uint_eq(e.answer.document.finished, last == EVENTS);
        }
    }
    engine_events(&e, 1, EVENTS - 1, 10);
    expect_events(&e, "run.completed\n");
    engine_close(&e);
}
END_TEST

START_TEST(what_jobs_printed_comes_in_pages_in_order)
{
    struct engine e;
    uint64_t after = 0, chunks = 0;
    char more[8] = "true";
    make_long_log(&e);
    while (strcmp(more, "true") == 0) {
        char step[16], expected[64];
        engine_logs(&e, 1, after, 1);
        ck_assert_uint_ge(e.answer.document.position, after);
        after = e.answer.document.position;
        engine_field(&e, "has_more", more, sizeof more);
        ck_assert_uint_eq(e.answer.document.finished, strcmp(more, "false") == 0);
        if (engine_field(&e, "step", step, sizeof step)[0] == '\0')
            continue;
        snprintf(expected, sizeof expected, "s%" PRIu64, chunks / 2);
        ck_assert_str_eq(step, expected);
        expect_shown(&e, chunks++ % 2 == 0 ? "\"attempt\":1,\"stream\":\"stdout\","
                                             "\"text\":\"one\n\"}]"
                                           : "\"text\":\"two\n\"}]");
    }
    ck_assert_uint_eq(chunks, 180);
    engine_logs(&e, 1, after, 1);
    expect_shown(&e, "{\"items\":[],");
    engine_close(&e);
}
END_TEST

/* ---- lists ---- */

enum { RUNS = 90 };

/* Run n: every third belongs to "other"; of each ten two fail, one is cancelled, three
 * complete, and four stay open. */
static void
make_runs(struct engine *e, uint32_t partitions)
{
    open_with(e, partitions, one_step);
    engine_learn(e, "other", one_step);
    for (unsigned n = 1; n <= RUNS; n++) {
        struct job job = { n, 0, 1, 1 };
        engine_start(e, n, n % 3 == 0 ? "other" : "flow");
        switch (n % 10) {
        case 0:
        case 1: engine_failed(e, job); break;
        case 2: engine_cancel(e, n); break;
        case 3:
        case 4:
        case 5: engine_completed(e, job, (struct bytes){ 0 }); break;
        default: break;
        }
    }
}

static bool
is_listed(unsigned n, const char *automation, const char *status)
{
    static const char *const all[] = { "failed", "failed", "cancelled", "completed",
        "completed", "completed", "suspended", "suspended", "suspended", "suspended" };
    const char *is = all[n % 10];
    if (automation[0] != '\0' && (strcmp(automation, "other") == 0) != (n % 3 == 0))
        return false;
    return status[0] == '\0' || strcmp(status, is) == 0
           || (strcmp(status, "open") == 0 && strcmp(is, "suspended") == 0);
}

static const char *
list(struct engine *e, const char *automation, const char *status, uint32_t limit,
    const char *cursor)
{
    struct run_list asked = { 7, text(automation), text(status), limit, text(cursor) };
    return engine_ask(e, (struct message){ .code = RUN_LIST, .run_list = asked });
}

/* The ids of `shown`, a line each. */
static void
add_ids(const struct engine *e, struct buffer *ids)
{
    const char *at = (const char *)e->shown.data, *label = "{\"id\":\"";
    while ((at = strstr(at, label)) != NULL) {
        at += strlen(label);
        buffer_print(ids, "%.*s\n", (int)strcspn(at, "\""), at);
    }
}

/* All pages; returns how many there were. */
static unsigned
list_all(struct engine *e, const char *automation, const char *status, uint32_t limit,
    struct buffer *ids)
{
    char cursor[64] = "";
    unsigned pages = 0;
    do {
        list(e, automation, status, limit, cursor);
        ck_assert_uint_eq(e->answer.code, DOCUMENT);
        add_ids(e, ids);
        engine_field(e, "next_cursor", cursor, sizeof cursor);
        ck_assert_uint_lt(++pages, 1000);
    } while (strcmp(cursor, "null") != 0);
    buffer_append(ids, "", 1);
    return pages;
}

static void
check_list(struct engine *e, const char *automation, const char *status, uint32_t limit)
{
    struct buffer found = { 0 }, expected = { 0 };
    unsigned count = 0;
    for (unsigned n = RUNS; n > 0; n--) {
        char printed[ID_TEXT_MAX];
        struct id id = engine_run(e, n);
        if (!is_listed(n, automation, status))
            continue;
        count++;
        buffer_print(&expected, "%s\n", id_print(&id, "run_", printed));
    }
    buffer_append(&expected, "", 1);
    unsigned pages = list_all(e, automation, status, limit, &found);
    ck_assert_str_eq((char *)found.data, (char *)expected.data);
    ck_assert_uint_eq(pages, count == 0 ? 1 : (count + limit - 1) / limit);
    buffer_free(&found);
    buffer_free(&expected);
}

static void
check_lists(uint32_t partitions)
{
    static const char *const automations[] = { "", "flow", "other" };
    static const char *const statuses[] = { "", "open", "queued", "running",
        "suspended", "completed", "failed", "cancelled" };
    struct engine e;
    make_runs(&e, partitions);
    for (size_t a = 0; a < COUNT(automations); a++)
        for (size_t s = 0; s < COUNT(statuses); s++)
            for (uint32_t limit = 1; limit <= 200; limit = limit * 3 + 2)
                check_list(&e, automations[a], statuses[s], limit);
    engine_close(&e);
}

START_TEST(every_page_of_every_list_is_a_part_of_the_same_list)
{
    check_lists(1);
}
END_TEST

START_TEST(the_lists_of_three_partitions_are_one_list)
{
    check_lists(3);
}
END_TEST

START_TEST(a_page_stays_where_it_is_while_runs_are_started)
{
    struct engine e;
    char cursor[64];
    struct buffer before = { 0 }, after = { 0 };
    make_runs(&e, 2);
    list(&e, "", "", 10, "");
    engine_field(&e, "next_cursor", cursor, sizeof cursor);
    list(&e, "", "", 10, cursor);
    add_ids(&e, &before);
    for (unsigned n = RUNS + 1; n < RUNS + 10; n++)
        engine_start(&e, n, "flow");
    list(&e, "", "", 10, cursor);
    add_ids(&e, &after);
    ck_assert_uint_gt(before.size, 0);
    ck_assert(bytes_equal(buffer_bytes(&before), buffer_bytes(&after)));
    buffer_free(&before);
    buffer_free(&after);
    engine_close(&e);
}
END_TEST

START_TEST(a_line_of_a_list_is_a_run_without_its_insides)
{
    struct engine e;
    char id[64];
    open_with(&e, 1, one_step);
    struct id automation = engine_automation("flow");
    id_print(&automation, "aut_", id);
    engine_start(&e, 1, "flow");
    ck_assert_str_eq(list(&e, id, "open", 5, ""),
        "{\"items\":[{\"id\":\"run_01kdvdna01e00r000000000000\","
        "\"automation\":\"flow\","
        "\"automation_id\":\"aut_78y07w6cr62562kraqqnjhe9k4\",\"version\":1,"
        "\"status\":\"suspended\",\"source\":\"api\","
        "\"created_at\":\"2026-01-01T00:00:00.000Z\","
        "\"updated_at\":\"2026-01-01T00:00:00.000Z\","
        "\"started_at\":\"2026-01-01T00:00:00.000Z\","
        "\"progress\":{\"steps\":1,\"completed\":0,\"failed\":0,\"open\":1},"
        "\"last_sequence\":3}],\"next_cursor\":null}");
    engine_close(&e);
}
END_TEST

/* Rows of runs that never were: far more than one page may look at. */
static void
put_runs(struct engine *e, uint32_t partition, unsigned count)
{
    struct journal *journal = e->traces[partition].journal;
    struct buffer value = { 0 };
    for (unsigned n = 1; n <= count; n++) {
        const uint8_t chance[10] = { 0 };
        struct id id = id_make(1000 + n, chance, partition);
        struct run_row row = { .name = text("flow"),
            .status = n % 5000 == 1 ? RUN_DONE : RUN_SUSPENDED };
        struct row_key key = row_key_run('R', &e->traces[0].project, &id);
        buffer_clear(&value);
        fields_write(&run_row_shape, &row, NULL, &value);
        journal_put(journal, row_key_bytes(&key), buffer_bytes(&value));
    }
    buffer_free(&value);
}

/* The engine's own journals are put aside meanwhile. */
static void
list_of_many(
    struct engine *e, uint32_t partitions, const unsigned *counts, struct buffer *ids)
{
    struct journal_options options = { .epoch = 1, .state_cache_bytes = 1 << 20 };
    struct journal *own[ENGINE_PARTITIONS_MAX];
    struct fault fault;
    char cursor[64];
    open_with(e, partitions, one_step);
    for (uint32_t i = 0; i < partitions; i++) {
        struct journal **journal = &e->traces[i].journal;
        own[i] = *journal;
        ck_assert_int_eq(journal_open("memory:", &options, journal, &fault), ERR_NONE);
        put_runs(e, i, counts[i]);
    }
    list(e, "", "completed", 100, "");
    ck_assert_str_ne(engine_field(e, "next_cursor", cursor, sizeof cursor), "null");
    list_all(e, "", "completed", 100, ids);
    for (uint32_t i = 0; i < partitions; i++) {
        journal_close(&e->traces[i].journal);
        e->traces[i].journal = own[i];
    }
    engine_close(e);
}

/* So many lines, each less than the one before. */
static void
expect_falling(const struct buffer *ids, size_t count)
{
    const size_t size = strlen("run_") + 26 + 1;
    ck_assert_uint_eq(ids->size - 1, count * size);
    for (size_t i = 1; i < count; i++)
        ck_assert_int_gt(
            memcmp(ids->data + (i - 1) * size, ids->data + i * size, size), 0);
}

START_TEST(a_filter_that_few_runs_pass_gives_short_pages_and_misses_none)
{
    static const unsigned one[] = { 25001 }, three[] = { 1, 20002, 9000 };
    struct engine e;
    struct buffer ids = { 0 };
    list_of_many(&e, 1, one, &ids);
    expect_falling(&ids, 6); /* 1, 5001, …, 25001 */
    buffer_clear(&ids);
    list_of_many(&e, 3, three, &ids);
    expect_falling(&ids, 1 + 5 + 2);
    buffer_free(&ids);
}
END_TEST

/* ---- what is not there ---- */

START_TEST(what_is_not_there_is_refused_by_its_name)
{
    struct engine e;
    make_runs(&e, 2);
    ck_assert_str_eq(engine_run_get(&e, RUNS + 1), "not_found");
    ck_assert_str_eq(engine_events(&e, RUNS + 1, 0, 1), "not_found");
    ck_assert_uint_eq(e.answer.refused.request, 7);
    struct run_get get = { .request = 7, .run = engine_run(&e, 1) };
    struct message other = { .code = RUN_GET, .run_get = get };
    other.envelope.project = id_of_name(text("another project"));
    ck_assert_str_eq(engine_ask(&e, other), "not_found");
    other.run_get.run.bytes[8] = 0xbf; /* a partition that there is not */
    ck_assert_str_eq(engine_ask(&e, other), "not_found");
    ck_assert_str_eq(list(&e, "nobody", "", 1, ""), "not_found");
    ck_assert_str_eq(list(&e, "", "asleep", 1, ""), "malformed");
    ck_assert_str_eq(list(&e, "", "", 1, "page 2"), "malformed");
    e.away[1] = true;
    ck_assert_str_eq(list(&e, "", "", 1, ""), "unavailable");
    ck_assert_str_eq(engine_run_get(&e, 1), "unavailable");
    engine_run_get(&e, 2);
    ck_assert_uint_eq(e.answer.code, DOCUMENT);
    engine_close(&e);
}
END_TEST

START_TEST(a_run_whose_plan_is_not_there_is_shown_as_far_as_it_is_known)
{
    struct engine e;
    open_with(&e, 1, one_step);
    engine_start(&e, 1, "flow");
    struct journal *journal = e.traces[0].journal;
    struct id automation = engine_automation("flow");
    struct row_key key = row_key('P');
    row_key_id(&key, &e.traces[0].project);
    row_key_id(&key, &automation);
    row_key_u32(&key, 1);
    struct bytes plan = journal_get(journal, row_key_bytes(&key));
    struct buffer kept = { 0 };
    buffer_append_bytes(&kept, plan);
    journal_delete(journal, row_key_bytes(&key));
    engine_run_get(&e, 1);
    expect_shown(&e, "\"steps\":[{\"index\":0,\"kind\":\"unknown\",");
    engine_events(&e, 1, 0, 10);
    expect_events(&e, "run.started\nstep.started\naction.called\n");
    journal_put(journal, row_key_bytes(&key), buffer_bytes(&kept));
    engine_completed(&e, (struct job){ 1, 0, 1, 1 }, text("\x07"));
    journal_delete(journal, row_key_bytes(&key));
    engine_run_get(&e, 1);
    expect_shown(&e, "\"output\":null");
    ck_assert_ptr_null(strstr((char *)e.shown.data, "truncated"));
    journal_put(journal, row_key_bytes(&key), buffer_bytes(&kept));
    buffer_free(&kept);
    engine_close(&e);
}
END_TEST

START_TEST(an_output_that_is_no_msgpack_is_shown_as_nothing)
{
    struct engine e;
    open_with(&e, 1, one_step);
    engine_start(&e, 1, "flow");
    engine_completed(&e, (struct job){ 1, 0, 1, 1 }, text("\x92\x01"));
    engine_run_get(&e, 1);
    expect_shown(&e, "\"output\":null,\"steps\"");
    engine_events(&e, 1, 0, 10);
    expect_shown(&e, "\"attempt\":1,\"output\":null");
    engine_close(&e);
}
END_TEST

START_TEST(an_error_that_another_attempt_has_mended_is_no_error_of_the_step)
{
    struct engine e;
    open_with(&e, 1, STEP("c", ", retry: { max_attempts: 2, delay: 1s }"));
    engine_start(&e, 1, "flow");
    engine_failed(&e, (struct job){ 1, 0, 1, 1 });
    engine_run_get(&e, 1);
    expect_shown(&e, "\"error\":{\"type\":\"ActionError\"");
    engine_wait(&e, 1000);
    engine_completed(&e, (struct job){ 1, 0, 2, 1 }, (struct bytes){ 0 });
    engine_run_get(&e, 1);
    expect_shown(&e, "\"attempt\":2");
    ck_assert_ptr_null(strstr((char *)e.shown.data, "error"));
    engine_close(&e);
}
END_TEST

/* ---- size ---- */

/* A msgpack text of this many bytes. */
static struct bytes
big(struct buffer *out, size_t size)
{
    buffer_clear(out);
    uint8_t *letters = calloc(1, size);
    ck_assert_ptr_nonnull(letters);
    memset(letters, 'x', size);
    pack_text(out, bytes_of(letters, size));
    free(letters);
    return buffer_bytes(out);
}

START_TEST(large_outputs_are_left_out_of_a_run_but_never_the_last)
{
    enum { SIZE = 100000 };
    struct engine e;
    struct buffer output = { 0 };
    open_with(&e, 1, graph);
    e.view.bytes_max = 250000;
    engine_start(&e, 1, "flow");
    for (uint32_t step = 0; step < 3; step++)
        engine_completed(&e, (struct job){ 1, step, 1, 1 }, big(&output, SIZE));
    engine_run_get(&e, 1);
    expect_shown(&e, "\"output\":\"xxxx");
    expect_shown(&e, "\"truncated\":true}");
    ck_assert_uint_gt(e.shown.size, 2 * SIZE);
    ck_assert_uint_lt(e.shown.size, 250000);
    e.view.bytes_max = 1000;
    engine_run_get(&e, 1);
    expect_shown(&e, "\"output\":\"xxxx");
    ck_assert_uint_lt(e.shown.size, SIZE + 10000);
    engine_events(&e, 1, 0, 100);
    ck_assert_uint_gt(e.shown.size, 3 * SIZE);
    buffer_free(&output);
    engine_close(&e);
}
END_TEST

/* Of what was skipped a list has nothing, but that takes room. */
START_TEST(a_run_whose_output_is_left_out_says_so_though_no_step_has_any)
{
    struct engine e;
    open_with(&e, 1,
        "  - { key: all, kind: each, items: [p, q],\n"
        "      steps: [{ key: a, kind: action, action: x, if: 'false' }] }\n");
    engine_start(&e, 1, "flow");
    engine_run_get(&e, 1);
    expect_shown(&e, "\"output\":[null,null]");
    ck_assert_ptr_null(strstr((char *)e.shown.data, "truncated"));
    e.view.bytes_max = 1;
    engine_run_get(&e, 1);
    expect_shown(&e, "\"output\":null");
    expect_shown(&e, "\"truncated\":true}");
    engine_close(&e);
}
END_TEST

/* What is put together finds the room that the inputs have left. */
START_TEST(an_output_that_is_put_together_is_left_out_before_the_run_is_too_large)
{
    enum { SIZE = 100000 };
    struct engine e;
    struct buffer large = { 0 }, inputs = { 0 };
    open_with(&e, 1,
        "  - key: all\n"
        "    kind: each\n"
        "    items: [p, q]\n"
        "    steps: [{ key: a, kind: action, action: x }]\n");
    pack_map(&inputs, 1);
    pack_string(&inputs, "n");
    buffer_append_bytes(&inputs, big(&large, SIZE));
    engine_start_with(&e, 1, "flow", "", buffer_bytes(&inputs));
    for (uint32_t step = 1; step < 3; step++)
        engine_completed(&e, (struct job){ 1, step, 1, 1 }, big(&large, SIZE));
    e.view.bytes_max = 250000;
    engine_run_get(&e, 1);
    ck_assert_uint_lt(e.shown.size, 250000);
    expect_shown(&e, "\"output\":null");
    expect_shown(&e, "\"truncated\":true}");
    e.view.bytes_max = 310000;
    engine_run_get(&e, 1);
    expect_shown(&e, "\"output\":[\"xxx");
    expect_shown(&e, "\"truncated\":true}"); /* of the items */
    ck_assert_uint_lt(e.shown.size, 310000);
    buffer_free(&large);
    buffer_free(&inputs);
    engine_close(&e);
}
END_TEST

START_TEST(a_page_of_large_events_ends_early_and_says_so)
{
    enum { SIZE = 400000 };
    struct engine e;
    struct buffer output = { 0 };
    open_with(&e, 1, graph);
    engine_start(&e, 1, "flow");
    for (uint32_t step = 0; step < 3; step++)
        engine_completed(&e, (struct job){ 1, step, 1, 1 }, big(&output, SIZE));
    engine_events(&e, 1, 0, 1000);
    ck_assert_uint_lt(e.shown.size, (1 << 20) + SIZE + 10000);
    char more[8];
    ck_assert_str_eq(engine_field(&e, "has_more", more, sizeof more), "true");
    ck_assert_uint_eq(e.answer.document.finished, 0);
    engine_events(&e, 1, e.answer.document.position, 1000);
    ck_assert_str_eq(engine_field(&e, "has_more", more, sizeof more), "false");
    ck_assert_uint_eq(e.answer.document.finished, 1);
    buffer_free(&output);
    engine_close(&e);
}
END_TEST

START_TEST(a_plan_of_a_thousand_steps_is_shown_in_time)
{
    struct engine e;
    struct buffer steps = { 0 };
    for (int i = 0; i < 1000; i++)
        buffer_print(
            &steps, "  - { key: s%d, kind: action, config: { action_name: x } }\n", i);
    buffer_append(&steps, "", 1);
    open_with(&e, 1, (const char *)steps.data);
    engine_start(&e, 1, "flow");
    engine_run_get(&e, 1);
    expect_shown(&e, "{\"key\":\"s999\",\"index\":999,");
    for (uint32_t step = 0; step <= 20; step++)
        engine_completed(&e, (struct job){ 1, step, 1, 1 }, text("\x07"));
    engine_run_get(&e, 1);
    expect_shown(&e, "{\"key\":\"s20\",\"index\":20,\"kind\":\"action\",\"status\":"
                     "\"completed\"");
    expect_shown(&e, "{\"key\":\"s36\",\"index\":36,\"kind\":\"action\",\"status\":"
                     "\"pending\"");
    buffer_free(&steps);
    engine_close(&e);
}
END_TEST

/* ---- the page that explains it ---- */

START_TEST(the_page_about_events_has_every_event_and_every_field)
{
    static const struct {
        enum message_code code;
        const char *name, *about;
    } shown[] = {
#define SHOWN(code, message_, member, how, name, about) { code, name, about },
#include "actors/view/payload.def"
    };
    char path[4096], row[512];
    const char *source = getenv("CAPSTAN_SOURCE");
    struct buffer page = { 0 };
    snprintf(path, sizeof path, "%s/docs/events.md", source != NULL ? source : ".");
    FILE *in = fopen(path, "re");
    ck_assert_msg(in != NULL, "%s is not there", path);
    for (int c; (c = fgetc(in)) != EOF;)
        buffer_append(&page, &(char){ (char)c }, 1);
    fclose(in);
    buffer_append(&page, "", 1);
    for (size_t i = 0; i < COUNT(shown); i++) {
        snprintf(row, sizeof row, "\n| `%s` | `%s` | %s |\n",
            history_name(shown[i].code), shown[i].name, shown[i].about);
        ck_assert_msg(strstr((char *)page.data, row) != NULL, "no row %s", row);
    }
    for (int code = 0; code < MESSAGE_END; code++) {
        const char *name = history_name((enum message_code)code);
        snprintf(row, sizeof row, "| `%s` |", name == NULL ? "" : name);
        ck_assert_msg(name == NULL || strstr((char *)page.data, row) != NULL,
            "%s is not explained", name);
    }
    buffer_free(&page);
}
END_TEST

static Suite *
view_suite(void)
{
    Suite *suite = suite_create("view");
    TCase *all = tcase_create("view");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, a_running_run_is_shown_word_by_word);
    tcase_add_test(all, a_completed_run_shows_what_its_steps_have_made);
    tcase_add_test(all, the_items_of_an_each_are_steps_with_keys_of_their_own);
    tcase_add_test(all, what_a_run_asks_and_is_answered_is_in_its_log);
    tcase_add_test(all, a_failed_run_says_which_step_and_why);
    tcase_add_test(all, the_log_of_one_step_is_the_one_that_was_promised);
    tcase_add_test(all, retries_skips_and_failures_are_in_the_log_with_their_reasons);
    tcase_add_test(all, a_cancelled_run_says_so_and_who_fell_silent_is_named);
    tcase_add_test(all, every_page_of_a_long_log_is_a_part_of_the_same_log);
    tcase_add_test(all, what_jobs_printed_comes_in_pages_in_order);
    tcase_add_test(all, every_page_of_every_list_is_a_part_of_the_same_list);
    tcase_add_test(all, the_lists_of_three_partitions_are_one_list);
    tcase_add_test(all, a_page_stays_where_it_is_while_runs_are_started);
    tcase_add_test(all, a_line_of_a_list_is_a_run_without_its_insides);
    tcase_add_test(all, a_filter_that_few_runs_pass_gives_short_pages_and_misses_none);
    tcase_add_test(all, what_is_not_there_is_refused_by_its_name);
    tcase_add_test(all, a_run_whose_plan_is_not_there_is_shown_as_far_as_it_is_known);
    tcase_add_test(all, an_output_that_is_no_msgpack_is_shown_as_nothing);
    tcase_add_test(
        all, an_error_that_another_attempt_has_mended_is_no_error_of_the_step);
    tcase_add_test(all, large_outputs_are_left_out_of_a_run_but_never_the_last);
    tcase_add_test(
        all, an_output_that_is_put_together_is_left_out_before_the_run_is_too_large);
    tcase_add_test(all, a_run_whose_output_is_left_out_says_so_though_no_step_has_any);
    tcase_add_test(all, a_page_of_large_events_ends_early_and_says_so);
    tcase_add_test(all, a_plan_of_a_thousand_steps_is_shown_in_time);
    tcase_add_test(all, the_page_about_events_has_every_event_and_every_field);
    suite_add_tcase(suite, all);
    return suite;
}

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    SRunner *runner = srunner_create(view_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

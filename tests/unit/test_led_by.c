/* Goal: what may have led to a record is named, also of records that ours never write.
 * Method: tables of facts; test_replay has those of real runs. */
#include "actors/replay/led_by.h"

#include <check.h>

/* Files of other releases, or of nobody, have records that ours never write. */
START_TEST(a_record_that_nothing_leads_to_is_unknown)
{
#define RESUMED(word)                                                                  \
    {                                                                                  \
        .code = WAIT_RESUMED, .wait_resumed.by = BYTES(word)                           \
    }
#define BYTES(word)                                                                    \
    {                                                                                  \
        (const uint8_t *)(word), sizeof(word) - 1                                      \
    }
#define DEFERRED(to)                                                                   \
    {                                                                                  \
        .code = RUN_DEFERRED, .run_deferred.ending = (to)                              \
    }
    static const struct {
        struct message facts[3];
        size_t count, candidates;
        enum message_code first;
    } rows[] = {
        { { RESUMED("automation") }, 1, 0, 0 },
        { { RESUMED("event") }, 1, 0, 0 },
        { { RESUMED("stars"), { .code = STEP_COMPLETED } }, 2, 0, 0 },
        { { { .code = STEP_COPIED } }, 1, 0, 0 },
        { { { .code = RUN_RESUMED } }, 1, 1, RUN_RETRY },
        { { { .code = RUN_RESUMED }, DEFERRED(RUN_BROKEN) }, 2, 1, RUN_RETRY },
        { { { .code = RUN_RESUMED }, DEFERRED(RUN_STOPPED) }, 2, 1, RUN_CANCEL },
        { { { .code = RUN_RESUMED }, { .code = STEP_CANCELLED },
              { .code = RUN_CANCELLED } },
            3, 1, RUN_CANCEL },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct message list[3];
        memcpy(list, rows[i].facts, sizeof list);
        struct facts facts = { .list = list, .count = rows[i].count };
        struct led_by led = led_by(&facts);
        ck_assert_msg(led.count == rows[i].candidates, "row %zu", i);
        if (led.count > 0)
            ck_assert_msg(led.codes[0] == rows[i].first, "row %zu", i);
    }
}
END_TEST

START_TEST(who_asked_for_it_is_read_from_what_was_said)
{
    static const struct {
        struct message fact;
        enum message_code code;
        const char *words, *cancelled_by;
    } rows[] = {
#define SKIPPED(word) { .code = STEP_SKIPPED, .step_skipped.reason = BYTES(word) }
        { SKIPPED("skipped by ada: old"), STEP_SKIP, "ada: old", "" },
        { SKIPPED("unneeded"), STEP_SKIP, "unneeded", "" },
        { SKIPPED("its condition is false"), STEP_SKIP, "its condition is false", "" },
        { { .code = RUN_DEFERRED,
              .run_deferred = { .ending = RUN_STOPPED,
                  .reason = BYTES("enough"),
                  .by = BYTES("ada") } },
            RUN_CANCEL, "enough", "ada" },
        { { .code = RUN_CANCELLED,
              .run_cancelled = { .reason = BYTES("no"), .by = BYTES("bob") } },
            RUN_CANCEL, "no", "bob" },
        { { .code = RUN_DEFERRED,
              .run_deferred = { .ending = RUN_BROKEN, .reason = BYTES("late") } },
            RUN_CANCEL, "", "" },
#undef SKIPPED
#undef DEFERRED
#undef RESUMED
#undef BYTES
    };
    static struct export_file file;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct message list[1] = { rows[i].fact }, m;
        struct rebuilt r = { .file = &file, .facts = { .list = list, .count = 1 } };
        led_by_message(rows[i].code, &r, &m);
        struct bytes words = m.code == STEP_SKIP ? m.step_skip.by : m.run_cancel.reason;
        ck_assert_msg(bytes_equal(words, text(rows[i].words)), "row %zu", i);
        if (m.code == RUN_CANCEL)
            ck_assert_msg(
                bytes_equal(m.run_cancel.by, text(rows[i].cancelled_by)), "row %zu", i);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("led_by");
    TCase *tcase = tcase_create("led_by");
    tcase_add_test(tcase, a_record_that_nothing_leads_to_is_unknown);
    tcase_add_test(tcase, who_asked_for_it_is_read_from_what_was_said);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

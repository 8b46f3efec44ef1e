/* Goal: whoever is asked answers what is asked, and what nobody may answer is refused.
 * Method: what the scheduler says of the question, the answers and the step. */
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

/* One question, with `more` in its step. */
static struct id
ask(struct story *s, const char *more)
{
    char about[600];
    story_make(s);
    story_open(s);
    snprintf(about, sizeof about,
        "default_inputs: { list: [ann, bob], n: 1, ann: ann, spec: { mode: one },\n"
        "  past: '1960-01-01T00:00:00Z', start: '1970-01-01T00:00:00Z', never: null }\n"
        "steps:\n  - { key: a, kind: interaction, %s }\n",
        more);
    story_learn(s, 1, about);
    story_start(s, 1, "");
    return story_interaction(s, 1, 0, 1);
}

static void
answer(struct story *s, struct interaction_respond said)
{
    said.request = 9;
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = INTERACTION_RESPOND, .interaction_respond = said });
}

START_TEST(what_a_question_says_is_evaluated_or_fails_its_step)
{
    static const struct {
        const char *more, *said;
    } rows[] = {
        { "protocol: approval, title: '${{ 1 / 0 }}'",
            "0 step_started run=R1 key=a kind=interaction\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"title: line 1, column 7: a division by zero\"\n" },
        { "protocol: approval, prompt: '${{ 1 / 0 }}'",
            "0 step_started run=R1 key=a kind=interaction\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"prompt: line 1, column 7: a division by zero\"\n" },
        { "protocol: approval, title: t, targets: ['${{ 1 / 0 }}']",
            "0 step_started run=R1 key=a kind=interaction\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"targets[0]: line 1, column 7: a division by zero\"\n" },
        { "protocol: approval, title: t, targets: ['${{ inputs.n }}', bob]",
            "0 step_started run=R1 key=a kind=interaction\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"targets: expected texts, or lists of them\"\n" },
        { "protocol: approval, title: t, targets: ['${{ inputs.list }}', '${{ "
          "inputs.ann }}']",
            "0 step_started run=R1 key=a kind=interaction\n"
            "0 interaction_requested run=R1 key=a attempt=1 "
            "interaction=0000000003e97c7a803ac7c1c291ad8c "
            "protocol=request_approval title=t targets=(13 bytes)\n" },
        { "protocol: approval, title: t, targets: ['${{ [inputs.n, inputs.ann] }}']",
            "0 step_started run=R1 key=a kind=interaction\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"targets: expected texts, or lists of them\"\n" },
        { "protocol: information, title: t, spec: { mode: '${{ 1 / 0 }}' }",
            "0 step_started run=R1 key=a kind=interaction\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"spec.mode: line 1, column 7: a division by zero\"\n" },
        { "protocol: approval, title: t, until: '${{ 1 / 0 }}'",
            "0 step_started run=R1 key=a kind=interaction\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"until: line 1, column 7: a division by zero\"\n" },
        { "protocol: approval, title: t, until: '${{ inputs.n }}'",
            "0 step_started run=R1 key=a kind=interaction\n"
            "0 interaction_requested run=R1 key=a attempt=1 "
            "interaction=0000000003e97c7a803ac7c1c291ad8c "
            "protocol=request_approval title=t due_ms=1\n" },
        { "protocol: approval, title: t, until: '${{ inputs.list }}'",
            "0 step_started run=R1 key=a kind=interaction\n"
            "0 step_failed run=R1 key=a error_type=TemplateError "
            "error_message=\"until: line 1, column 1: toUnixMs wants a time, not a "
            "list\"\n" },
        { "protocol: approval, title: t, until: '${{ inputs.never }}'",
            "0 step_started run=R1 key=a kind=interaction\n"
            "0 interaction_requested run=R1 key=a attempt=1 "
            "interaction=0000000003e97c7a803ac7c1c291ad8c "
            "protocol=request_approval title=t\n" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        (void)ask(&s, rows[i].more);
        story_expect_only(&s, " key=a ", rows[i].said);
        story_close(&s);
    }
}
END_TEST

START_TEST(a_moment_that_has_passed_is_due_at_once)
{
    static const char *const moments[] = { "inputs.past", "inputs.start" };
    for (size_t i = 0; i < COUNT(moments); i++) {
        struct story s;
        char more[100];
        snprintf(more, sizeof more, "protocol: approval, title: t, until: '${{ %s }}'",
            moments[i]);
        (void)ask(&s, more);
        trace_wait(&s.trace, 1);
        story_expect_only(
            &s, "wait_timed_out", "1 wait_timed_out run=R1 key=a attempt=1\n");
        story_close(&s);
    }
}
END_TEST

START_TEST(information_is_any_value_and_is_never_rejected)
{
    struct story s;
    struct id asked = ask(&s, "protocol: information, title: t, resolution_policy: "
                              "all_of, targets: [ann, bob, eve]");
    trace_skip(&s.trace);
    answer(&s,
        (struct interaction_respond){ .interaction = asked, .principal = text("ann") });
    story_expect(&s,
        "0 -> gateway refused request=9 err=2 detail=\"value: expected what is "
        "asked for\"\n");
    story_respond(&s, asked, "ann", "\xc2");
    story_respond(&s, asked, "bob", "\x07");
    story_expect_only(&s, "interaction_responded",
        "0 interaction_responded run=R1 key=a interaction=I value=(1 bytes) "
        "principal=ann\n"
        "0 interaction_responded run=R1 key=a interaction=I value=(1 bytes) "
        "principal=bob\n");
    answer(&s, (struct interaction_respond){ .interaction = asked,
                   .principal = text("eve"),
                   .value = text("\xa1x"),
                   .comment = text("so") });
    story_expect_only(&s, "step_completed",
        "0 step_completed run=R1 key=a output=(134 bytes) has_output=1\n");
    story_expect_output(&s,
        "{\"value\":\"x\",\"by\":\"eve\",\"comment\":\"so\",\"responses\":[{\"by\":"
        "\"ann\",\"value\":false,\"comment\":\"\",\"at_ms\":0},{\"by\":\"bob\","
        "\"value\":7,\"comment\":\"\",\"at_ms\":0},{\"by\":\"eve\",\"value\":\"x\","
        "\"comment\":\"so\",\"at_ms\":0}]}");
    story_close(&s);
}
END_TEST

/* Two templates may give the same person. */
START_TEST(who_is_asked_twice_answers_once)
{
    struct story s;
    struct id asked =
        ask(&s, "protocol: approval, title: t, resolution_policy: all_of, "
                "targets: ['${{ inputs.list }}', '${{ inputs.ann }}']");
    trace_skip(&s.trace);
    story_respond(&s, asked, "ann", "\xc3");
    story_expect_only(&s, "step_completed", "");
    story_respond(&s, asked, "bob", "\xc3");
    story_expect_only(&s, "step_completed",
        "0 step_completed run=R1 key=a output=(107 bytes) has_output=1\n");
    story_close(&s);
}
END_TEST

START_TEST(a_review_may_be_rejected_with_words)
{
    static const struct {
        const char *more, *said;
    } rows[] = {
        { "protocol: review, title: t, on_reject: fail",
            "0 step_failed run=R1 key=a error_type=Rejected error_message=\"not "
            "so\"\n" },
        { "protocol: review, title: t",
            "0 step_completed run=R1 key=a output=(88 bytes) has_output=1\n" },
        { "protocol: approval, title: t, on_reject: continue",
            "0 step_completed run=R1 key=a output=(88 bytes) has_output=1\n" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        struct id asked = ask(&s, rows[i].more);
        trace_skip(&s.trace);
        answer(&s, (struct interaction_respond){ .interaction = asked,
                       .principal = text("ann"),
                       .value = text("\xc2"),
                       .comment = text("not so") });
        story_expect_only(&s, " step_", rows[i].said);
        story_close(&s);
    }
}
END_TEST

START_TEST(a_review_may_be_a_value)
{
    struct story s;
    struct id asked = ask(&s, "protocol: review, title: t");
    answer(&s,
        (struct interaction_respond){
            .interaction = asked, .principal = text("ann"), .value = text("\x07") });
    story_expect_output(&s,
        "{\"value\":7,\"approved\":true,\"by\":\"ann\",\"comment\":\"\",\"responses\":["
        "{\"by\":\"ann\",\"value\":7,\"comment\":\"\",\"at_ms\":0}]}");
    answer(&s, (struct interaction_respond){
                   .interaction = asked, .principal = text("ann"), .cancel = true });
    story_expect_only(&s, "refused",
        "0 -> gateway refused request=9 err=7 detail=\"it was answered "
        "already\"\n");
    story_close(&s);
}
END_TEST

START_TEST(a_question_that_is_withdrawn_fails_its_step)
{
    static const struct {
        const char *comment, *said;
    } rows[] = { { "",
                     "0 interaction_responded run=R1 key=a interaction=I principal=ann "
                     "resolved=1\n"
                     "0 step_failed run=R1 key=a error_type=InteractionCancelled "
                     "error_message=\"the question was withdrawn\"\n" },
        { "too late",
            "0 interaction_responded run=R1 key=a interaction=I comment=\"too late\" "
            "principal=ann resolved=1\n"
            "0 step_failed run=R1 key=a error_type=InteractionCancelled "
            "error_message=\"too late\"\n" } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct story s;
        struct id asked = ask(&s, "protocol: approval, title: t, targets: [bob]");
        trace_skip(&s.trace);
        answer(&s, (struct interaction_respond){ .interaction = asked,
                       .principal = text("ann"),
                       .comment = text(rows[i].comment),
                       .cancel = true });
        story_expect_only(&s, " key=a ", rows[i].said);
        answer(&s, (struct interaction_respond){ .interaction = asked,
                       .principal = text("bob"),
                       .value = text("\xc3") });
        answer(&s, (struct interaction_respond){ .interaction = asked,
                       .principal = text("ann"),
                       .value = text("\xc0") });
        story_expect_only(&s, "refused",
            "0 -> gateway refused request=9 err=7 detail=\"it is asked no more\"\n"
            "0 -> gateway refused request=9 err=7 detail=\"it is asked no more\"\n");
        answer(
            &s, (struct interaction_respond){
                    .interaction = asked, .principal = text("ann"), .cancel = true });
        story_expect(&s, "0 -> gateway run_accepted request=9 run=R1 automation=A "
                         "name=flow version=1 status=5 existed=1\n");
        story_close(&s);
    }
}
END_TEST

START_TEST(a_question_expires_with_its_step)
{
    struct story s;
    (void)ask(&s, "protocol: approval, title: t, timeout: 4s");
    story_expect_only(&s, "interaction_requested",
        "0 interaction_requested run=R1 key=a attempt=1 "
        "interaction=0000000003e97c7a803ac7c1c291ad8c protocol=request_approval "
        "title=t due_ms=4000\n");
    story_close(&s);
}
END_TEST

START_TEST(who_answers_while_the_run_is_closing_is_too_late)
{
    struct story s;
    story_make(&s);
    story_open(&s);
    story_learn(&s, 1,
        "steps:\n  - { key: a, kind: interaction, protocol: approval, title: t }\n"
        "cleanup:\n  - { key: c, kind: sleep, duration: 2s }\n");
    story_start(&s, 1, "");
    struct id asked = story_interaction(&s, 1, 0, 1);
    story_cancel(&s, 1, "enough");
    trace_skip(&s.trace);
    story_respond(&s, asked, "ann", "\xc3");
    story_expect(
        &s, "0 -> gateway refused request=9 err=7 detail=\"it is asked no more\"\n");
    story_close(&s);
}
END_TEST

START_TEST(an_answer_that_is_no_value_is_refused)
{
    struct story s;
    story_make(&s);
    story_open(&s);
    story_learn(&s, 1,
        "steps:\n  - { key: a, kind: interaction, protocol: information, title: t }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_respond(&s, story_interaction(&s, 1, 0, 1), "ann",
        "\xa5"
        "ab");
    story_expect(&s,
        "0 -> gateway refused request=9 err=2 detail=\"value: expected what is "
        "asked for\"\n");
    story_close(&s);
}
END_TEST

/* An output has the last answer, and all. */
START_TEST(answers_that_are_more_than_an_output_are_refused)
{
    static const char said[] =
        "0 -> gateway refused request=9 err=11 detail=\"all answers together would be "
        "larger than payload_max, or nested deeper than 32 levels\"\n";
    struct buffer large = { 0 }, small = { 0 }, deep = { 0 };
    uint8_t bytes[600] = { 0 };
    struct story s;
    story_make(&s);
    s.trace.config.payload_max = 1024;
    story_open(&s);
    story_learn(&s, 1,
        "steps:\n  - { key: a, kind: interaction, protocol: information,\n"
        "      title: t, targets: [ann, bob], resolution_policy: all_of }\n");
    story_start(&s, 1, "");
    struct id asked = story_interaction(&s, 1, 0, 1);
    pack_blob(&large, bytes_of(bytes, sizeof bytes));
    pack_blob(&small, bytes_of(bytes, 400));
    for (unsigned depth = 0; depth < PACK_DEPTH_MAX; depth++)
        pack_array(&deep, depth < PACK_DEPTH_MAX - 1);
    trace_skip(&s.trace);
    answer(&s, (struct interaction_respond){ .interaction = asked,
                   .value = buffer_bytes(&large),
                   .principal = text("ann") });
    story_expect(&s, said);
    answer(&s, (struct interaction_respond){ .interaction = asked,
                   .value = buffer_bytes(&deep),
                   .principal = text("ann") });
    story_expect(&s, said);
    answer(&s, (struct interaction_respond){ .interaction = asked,
                   .value = buffer_bytes(&small),
                   .principal = text("ann") });
    trace_skip(&s.trace);
    answer(&s, (struct interaction_respond){ .interaction = asked,
                   .value = buffer_bytes(&small),
                   .principal = text("bob") });
    story_expect(&s, said);
    buffer_free(&large);
    buffer_free(&small);
    buffer_free(&deep);
    story_close(&s);
}
END_TEST

START_TEST(a_moment_before_now_is_now)
{
    static const char *const moments[] = { "1970-01-01T00:00:02Z",
        "1960-01-01T00:00:00Z", "1970-01-01T00:00:07Z" };
    static const char *const said[] = {
        "5000 interaction_requested run=R1 step=1 key=a attempt=1 "
        "interaction=0000000003e971518013a871a483743a protocol=request_approval "
        "title=t due_ms=5000\n",
        "5000 interaction_requested run=R1 step=1 key=a attempt=1 "
        "interaction=0000000003e971518013a871a483743a protocol=request_approval "
        "title=t due_ms=5000\n",
        "5000 interaction_requested run=R1 step=1 key=a attempt=1 "
        "interaction=0000000003e971518013a871a483743a protocol=request_approval "
        "title=t due_ms=7000\n",
    };
    for (size_t i = 0; i < COUNT(moments); i++) {
        struct story s;
        char about[200];
        story_make(&s);
        story_open(&s);
        snprintf(about, sizeof about,
            "steps:\n"
            "  - { key: s, kind: sleep, duration: 5s }\n"
            "  - { key: a, kind: interaction, protocol: approval, title: t,\n"
            "      until: '%s' }\n",
            moments[i]);
        story_learn(&s, 1, about);
        story_start(&s, 1, "");
        trace_wait(&s.trace, 5000);
        story_expect_only(&s, "interaction_requested", said[i]);
        story_close(&s);
    }
}
END_TEST

/* Both gates were opened in one record. */
START_TEST(a_gate_that_is_answered_shows_its_own_checks)
{
    struct story s;
    story_make(&s);
    story_open(&s);
    story_learn(&s, 1,
        "default_inputs: { n: 1 }\n"
        "steps:\n"
        "  - { key: a, kind: check, on_fail: gate, timeout: 5s,\n"
        "      gate: { prompt: 'Go on?', targets: [ann] },\n"
        "      checks: [{ name: big, expr: inputs.n > 3 }] }\n"
        "  - { key: b, kind: check, needs: [], on_fail: gate, gate: { "
        "targets: [ann] },\n"
        "      checks: [{ name: huge, expr: inputs.n > 9 }] }\n"
        "  - { key: c, kind: action, action: x, needs: [b],\n"
        "      with: { of: '${{ steps.b.output }}' } }\n");
    story_start(&s, 1, "");
    story_expect_only(&s, "interaction_requested",
        "0 interaction_requested run=R1 key=a attempt=1 "
        "interaction=0000000003e97c7a803ac7c1c291ad8c "
        "protocol=request_approval prompt=\"Go on?\" targets=(5 bytes) "
        "due_ms=5000\n"
        "0 interaction_requested run=R1 step=1 key=b attempt=1 "
        "interaction=0000000003e971518013a871a483743a "
        "protocol=request_approval prompt=\"these checks failed: huge\" "
        "targets=(5 bytes)\n");
    story_respond(&s, story_interaction(&s, 1, 1, 1), "ann", "\xc3");
    story_expect_offered(&s, "{\"of\":{\"verdict\":\"approved\",\"checks\":[{\"name\":"
                             "\"huge\",\"passed\":false}]}}");
    trace_wait(&s.trace, 5000);
    story_expect_only(&s, "step_failed",
        "5000 step_failed run=R1 key=a error_type=Timeout "
        "error_message=\"nobody answered in time\"\n");
    story_close(&s);
}
END_TEST

Suite *
scheduler_people_suite(void)
{
    Suite *suite = suite_create("people");
    TCase *tcase = tcase_create("people");
    tcase_add_test(tcase, what_a_question_says_is_evaluated_or_fails_its_step);
    tcase_add_test(tcase, a_moment_that_has_passed_is_due_at_once);
    tcase_add_test(tcase, information_is_any_value_and_is_never_rejected);
    tcase_add_test(tcase, who_is_asked_twice_answers_once);
    tcase_add_test(tcase, a_review_may_be_rejected_with_words);
    tcase_add_test(tcase, a_review_may_be_a_value);
    tcase_add_test(tcase, a_question_that_is_withdrawn_fails_its_step);
    tcase_add_test(tcase, a_question_expires_with_its_step);
    tcase_add_test(tcase, who_answers_while_the_run_is_closing_is_too_late);
    tcase_add_test(tcase, an_answer_that_is_no_value_is_refused);
    tcase_add_test(tcase, answers_that_are_more_than_an_output_are_refused);
    tcase_add_test(tcase, a_moment_before_now_is_now);
    tcase_add_test(tcase, a_gate_that_is_answered_shows_its_own_checks);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* Goal: a parallel does its body side by side, an each its body for every item, in
 * order, so many at a time; what they cost does not grow with what is over.
 * Method: every word that the scheduler says is compared; values by what leaves. */
#include "actors/output.h"
#include "base/pack.h"
#include "store/rows.h"
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>
#include <stdlib.h>

static const char both[] =
    "steps:\n"
    "  - key: both\n"
    "    kind: parallel\n"
    "    steps:\n"
    "      - { key: a, kind: action, action: x }\n"
    "      - { key: b, kind: action, action: x }\n"
    "      - { key: c, kind: set, needs: [a, b], values: { a: '${{ steps.a.output }}' "
    "} }\n"
    "  - { key: end, kind: set, values: { all: '${{ steps.both.output }}' } }\n";

START_TEST(a_parallel_is_over_when_all_in_it_are)
{
    struct story s;
    story_open_with(&s, both);
    story_start(&s, 1, "");
    story_expect_only(&s, " step_",
        "0 step_started run=R1 key=both kind=parallel\n"
        "0 step_started run=R1 step=1 key=a kind=action\n"
        "0 step_started run=R1 step=2 key=b kind=action\n");
    story_completed(&s, (struct held){ 1, 2, 1, 1, 1 });
    story_expect_only(&s, " step_", "0 step_completed run=R1 step=2 key=b\n");
    trace_crash(&s.trace);
    story_completed(&s, (struct held){ 1, 1, 1, 1, 1 });
    story_expect_only(&s, "run=R1",
        "0 -> lease job_offered run=R1 step=1 attempt=1 offer=1 lane=L1 key=a "
        "automation=flow action=x queue=default labels=(1 bytes) parameters=(1 "
        "bytes) order=3 life=1\n"
        "0 lane_read lane=L1 record=3 run=R1 step=1\n"
        "0 action_completed run=R1 step=1 key=a attempt=1 offer=1 action=x "
        "output=(3 bytes) session=S1\n"
        "0 step_completed run=R1 step=1 key=a\n"
        "0 step_started run=R1 step=3 key=c kind=set\n"
        "0 step_completed run=R1 step=3 key=c output=(6 bytes) has_output=1\n"
        "0 step_completed run=R1 key=both\n"
        "0 step_started run=R1 step=4 key=end kind=set\n"
        "0 step_completed run=R1 step=4 key=end output=(24 bytes) has_output=1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=16 status=4 whole=1 output=(24 "
        "bytes) stop_reason=completed\n"
        "0 -> lease job_settled run=R1 step=1 attempt=1 offer=1 session=S1 "
        "verdict=1 gateway=3 reported=1\n");
    story_expect_output(
        &s, "{\"all\":{\"a\":\"ok\",\"b\":\"ok\",\"c\":{\"a\":\"ok\"}}}");
    story_close(&s);
}
END_TEST

START_TEST(a_failure_in_a_parallel_fails_it_when_the_others_are_over)
{
    struct story s;
    story_open_with(&s, both);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_failed(&s, (struct held){ 1, 1, 1, 1, 1 });
    story_expect_only(&s, " step_",
        "0 step_failed run=R1 step=1 key=a error_type=Oops\n"
        "0 step_skipped run=R1 step=3 key=c reason=\"a step that it needs did not "
        "complete\"\n");
    story_completed(&s, (struct held){ 1, 2, 1, 1, 1 });
    story_expect_only(&s, "run=R1",
        "0 action_completed run=R1 step=2 key=b attempt=1 offer=1 action=x "
        "output=(3 bytes) session=S1\n"
        "0 step_completed run=R1 step=2 key=b\n"
        "0 step_failed run=R1 key=both error_type=Oops error_message=\"a failed\"\n"
        "0 step_skipped run=R1 step=4 key=end reason=\"a step that it needs did "
        "not complete\"\n"
        "0 run_failed run=R1 step=both error_type=Oops error_message=\"a failed\" "
        "stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=14 status=5 whole=1 "
        "stop_reason=step_failed error_type=Oops error_message=\"a failed\" "
        "failed_step=both\n"
        "0 -> lease job_settled run=R1 step=2 attempt=1 offer=1 session=S1 "
        "verdict=1 gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

static const char three[] =
    "default_inputs: { list: [p, q, r] }\n"
    "steps:\n"
    "  - key: each\n"
    "    kind: each\n"
    "    items: ${{ inputs.list }}\n"
    "    concurrency: 2\n"
    "    as: one\n"
    "    steps:\n"
    "      - { key: a, kind: action, action: x,\n"
    "          with: { item: '${{ one }}', at: '${{ index }}' } }\n"
    "      - { key: b, kind: set, values: { v: '${{ one }}-${{ steps.a.output }}' } }\n"
    "  - { key: end, kind: set, values: { all: '${{ steps.each.output }}' } }\n";

START_TEST(an_each_does_so_many_items_at_a_time)
{
    struct story s;
    story_open_with(&s, three);
    story_start(&s, 1, "");
    story_expect(&s,
        "0 run_started run=R1 automation=A name=flow version=1 inputs=(13 bytes) "
        "source=api steps=2\n"
        "0 step_started run=R1 key=each kind=each\n"
        "0 step_expanded run=R1 key=each first=2 count=3 items=(7 bytes)\n"
        "0 step_started run=R1 step=2 key=each[0].a kind=action\n"
        "0 action_called run=R1 step=2 key=each[0].a attempt=1 action=x "
        "queue=default parameters=(12 bytes) lane=L1\n"
        "0 step_started run=R1 step=4 key=each[1].a kind=action\n"
        "0 action_called run=R1 step=4 key=each[1].a attempt=1 action=x "
        "queue=default parameters=(12 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=7 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n"
        "0 -> lease job_offered run=R1 step=2 attempt=1 offer=1 lane=L1 "
        "key=each[0].a automation=flow action=x queue=default labels=(1 bytes) "
        "parameters=(12 bytes) order=3 life=1\n"
        "0 -> lease job_offered run=R1 step=4 attempt=1 offer=1 lane=L1 "
        "key=each[1].a automation=flow action=x queue=default labels=(1 bytes) "
        "parameters=(12 bytes) order=3 life=1\n");
    story_expect_offered(&s, "{\"item\":\"q\",\"at\":1}");
    story_completed(&s, (struct held){ 1, 4, 1, 1, 1 });
    story_expect_only(&s, "run=R1",
        "0 action_completed run=R1 step=4 key=each[1].a attempt=1 offer=1 action=x "
        "output=(3 bytes) session=S1\n"
        "0 step_completed run=R1 step=4 key=each[1].a\n"
        "0 step_started run=R1 step=5 key=each[1].b kind=set\n"
        "0 step_completed run=R1 step=5 key=each[1].b output=(8 bytes) "
        "has_output=1\n"
        "0 step_started run=R1 step=6 key=each[2].a kind=action\n"
        "0 action_called run=R1 step=6 key=each[2].a attempt=1 action=x "
        "queue=default parameters=(12 bytes) lane=L1\n"
        "0 -> gateway run_changed run=R1 sequence=13 status=3\n"
        "0 -> lease job_settled run=R1 step=4 attempt=1 offer=1 session=S1 "
        "verdict=1 gateway=3 reported=1\n"
        "0 -> lease job_offered run=R1 step=6 attempt=1 offer=1 lane=L1 "
        "key=each[2].a automation=flow action=x queue=default labels=(1 bytes) "
        "parameters=(12 bytes) order=4 life=1\n");
    story_expect_offered(&s, "{\"item\":\"r\",\"at\":2}");
    trace_crash(&s.trace);
    story_completed(&s, (struct held){ 1, 2, 1, 1, 1 });
    story_completed(&s, (struct held){ 1, 6, 1, 1, 1 });
    story_expect_only(&s, " step_",
        "0 step_completed run=R1 step=2 key=each[0].a\n"
        "0 step_started run=R1 step=3 key=each[0].b kind=set\n"
        "0 step_completed run=R1 step=3 key=each[0].b output=(8 bytes) "
        "has_output=1\n"
        "0 step_completed run=R1 step=6 key=each[2].a\n"
        "0 step_started run=R1 step=7 key=each[2].b kind=set\n"
        "0 step_completed run=R1 step=7 key=each[2].b output=(8 bytes) "
        "has_output=1\n"
        "0 step_completed run=R1 key=each\n"
        "0 step_started run=R1 step=1 key=end kind=set\n"
        "0 step_completed run=R1 step=1 key=end output=(30 bytes) has_output=1\n");
    story_expect_output(
        &s, "{\"all\":[{\"v\":\"p-ok\"},{\"v\":\"q-ok\"},{\"v\":\"r-ok\"}]}");
    story_close(&s);
}
END_TEST

START_TEST(a_failed_item_lets_no_other_begin)
{
    struct story s;
    story_open_with(&s, three);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_failed(&s, (struct held){ 1, 2, 1, 1, 1 });
    story_expect_only(&s, " step_",
        "0 step_failed run=R1 step=2 key=each[0].a error_type=Oops\n"
        "0 step_skipped run=R1 step=3 key=each[0].b reason=\"a step that it needs "
        "did not complete\"\n");
    story_completed(&s, (struct held){ 1, 4, 1, 1, 1 });
    story_expect_only(&s, "run=R1",
        "0 action_completed run=R1 step=4 key=each[1].a attempt=1 offer=1 action=x "
        "output=(3 bytes) session=S1\n"
        "0 step_completed run=R1 step=4 key=each[1].a\n"
        "0 step_started run=R1 step=5 key=each[1].b kind=set\n"
        "0 step_completed run=R1 step=5 key=each[1].b output=(8 bytes) "
        "has_output=1\n"
        "0 step_failed run=R1 key=each error_type=Oops error_message=\"each[0].a "
        "failed\"\n"
        "0 step_skipped run=R1 step=1 key=end reason=\"a step that it needs did "
        "not complete\"\n"
        "0 run_failed run=R1 step=each error_type=Oops error_message=\"each[0].a "
        "failed\" stop_reason=step_failed\n"
        "0 -> gateway run_changed run=R1 sequence=17 status=5 whole=1 "
        "stop_reason=step_failed error_type=Oops error_message=\"each[0].a "
        "failed\" failed_step=each\n"
        "0 -> lease job_settled run=R1 step=4 attempt=1 offer=1 session=S1 "
        "verdict=1 gateway=3 reported=1\n");
    story_close(&s);
}
END_TEST

START_TEST(an_item_in_another_page_says_why_its_each_fails)
{
    struct story s;
    story_open_with(&s,
        "default_inputs:\n"
        "  list: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]\n"
        "steps:\n"
        "  - { key: each, kind: each, items: '${{ inputs.list }}', concurrency: 17,\n"
        "      steps: [{ key: a, kind: action, action: x }] }\n");
    story_start(&s, 1, "");
    story_failed(&s, (struct held){ 1, STEPS_PER_PAGE, 1, 1, 1 });
    for (uint32_t step = 1; step < STEPS_PER_PAGE; step++)
        story_completed(&s, (struct held){ 1, step, 1, 1, 1 });
    trace_skip(&s.trace);
    story_completed(&s, (struct held){ 1, STEPS_PER_PAGE + 1, 1, 1, 1 });
    story_expect_only(&s, "run_failed",
        "0 run_failed run=R1 step=each error_type=Oops error_message=\"each[15].a "
        "failed\" stop_reason=step_failed\n");
    story_close(&s);
}
END_TEST

START_TEST(a_failed_item_that_is_to_be_continued_has_no_output)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - key: each\n"
        "    kind: each\n"
        "    items: [p, q]\n"
        "    on_item_error: continue\n"
        "    steps: [{ key: a, kind: action, action: x }]\n"
        "  - { key: end, kind: set, values: { all: '${{ steps.each.output }}' } }\n");
    story_start(&s, 1, "");
    story_failed(&s, (struct held){ 1, 2, 1, 1, 1 });
    trace_skip(&s.trace);
    story_completed(&s, (struct held){ 1, 3, 1, 1, 1 });
    story_expect_only(&s, " step_",
        "0 step_completed run=R1 step=3 key=each[1].a\n"
        "0 step_completed run=R1 key=each\n"
        "0 step_started run=R1 step=1 key=end kind=set\n"
        "0 step_completed run=R1 step=1 key=end output=(10 bytes) has_output=1\n");
    story_expect_output(&s, "{\"all\":[null,\"ok\"]}");
    story_close(&s);
}
END_TEST

START_TEST(an_each_of_nothing_is_over_at_once)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - key: each\n"
                        "    kind: each\n"
                        "    items: []\n"
                        "    steps: [{ key: a, kind: action, action: x }]\n");
    story_start(&s, 1, "");
    story_expect_only(&s, " step_",
        "0 step_started run=R1 key=each kind=each\n"
        "0 step_completed run=R1 key=each output=(1 bytes) has_output=1\n");
    story_expect_output(&s, "[]");
    story_close(&s);
}
END_TEST

START_TEST(what_is_no_list_fails_the_each)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - key: each\n"
                        "    kind: each\n"
                        "    items: ${{ meta.automation }}\n"
                        "    steps: [{ key: a, kind: action, action: x }]\n");
    story_start(&s, 1, "");
    story_expect_only(&s, " step_",
        "0 step_started run=R1 key=each kind=each\n"
        "0 step_failed run=R1 key=each error_type=TemplateError "
        "error_message=\"items: expected a list\"\n");
    story_close(&s);
}
END_TEST

START_TEST(eaches_lie_in_eaches_and_parallels)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - key: o\n"
        "    kind: each\n"
        "    items: [1, 2]\n"
        "    as: n\n"
        "    steps:\n"
        "      - key: p\n"
        "        kind: parallel\n"
        "        steps:\n"
        "          - { key: s, kind: set, values: { n: '${{ n }}' } }\n"
        "          - key: i\n"
        "            kind: each\n"
        "            items: ['a', '{{ .n }}']\n"
        "            steps: [{ key: l, kind: set, values: { v: '${{ n }}${{ item }}' } "
        "}]\n"
        "  - { key: end, kind: set, values: { o: '${{ steps.o.output }}' } }\n");
    story_start(&s, 1, "");
    story_expect_only(&s, " step_",
        "0 step_started run=R1 key=o kind=each\n"
        "0 step_expanded run=R1 key=o first=2 count=2 items=(3 bytes)\n"
        "0 step_started run=R1 step=2 key=o[0].p kind=parallel\n"
        "0 step_started run=R1 step=3 key=o[0].s kind=set\n"
        "0 step_completed run=R1 step=3 key=o[0].s output=(4 bytes) has_output=1\n"
        "0 step_started run=R1 step=4 key=o[0].i kind=each\n"
        "0 step_expanded run=R1 step=4 key=o[0].i first=8 count=2 items=(4 bytes)\n"
        "0 step_started run=R1 step=8 key=o[0].i[0].l kind=set\n"
        "0 step_completed run=R1 step=8 key=o[0].i[0].l output=(6 bytes) "
        "has_output=1\n"
        "0 step_started run=R1 step=9 key=o[0].i[1].l kind=set\n"
        "0 step_completed run=R1 step=9 key=o[0].i[1].l output=(6 bytes) "
        "has_output=1\n"
        "0 step_completed run=R1 step=4 key=o[0].i\n"
        "0 step_completed run=R1 step=2 key=o[0].p\n"
        "0 step_started run=R1 step=5 key=o[1].p kind=parallel\n"
        "0 step_started run=R1 step=6 key=o[1].s kind=set\n"
        "0 step_completed run=R1 step=6 key=o[1].s output=(4 bytes) has_output=1\n"
        "0 step_started run=R1 step=7 key=o[1].i kind=each\n"
        "0 step_expanded run=R1 step=7 key=o[1].i first=10 count=2 items=(4 "
        "bytes)\n"
        "0 step_started run=R1 step=10 key=o[1].i[0].l kind=set\n"
        "0 step_completed run=R1 step=10 key=o[1].i[0].l output=(6 bytes) "
        "has_output=1\n"
        "0 step_started run=R1 step=11 key=o[1].i[1].l kind=set\n"
        "0 step_completed run=R1 step=11 key=o[1].i[1].l output=(6 bytes) "
        "has_output=1\n"
        "0 step_completed run=R1 step=7 key=o[1].i\n"
        "0 step_completed run=R1 step=5 key=o[1].p\n"
        "0 step_completed run=R1 key=o\n"
        "0 step_started run=R1 step=1 key=end kind=set\n"
        "0 step_completed run=R1 step=1 key=end output=(48 bytes) has_output=1\n");
    story_expect_output(&s,
        "{\"o\":[{\"s\":{\"n\":1},\"i\":[{\"v\":\"1a\"},{\"v\":\"11\"}]},{\"s\":{"
        "\"n\":2},\"i\":[{\"v\":\"2a\"},{\"v\":\"22\"}]}]}");
    story_close(&s);
}
END_TEST

START_TEST(time_ends_an_each_and_all_in_it)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - key: each\n"
        "    kind: each\n"
        "    items: [p, q, r]\n"
        "    concurrency: 2\n"
        "    timeout: 2s\n"
        "    on_error: continue\n"
        "    steps: [{ key: a, kind: action, action: x }]\n"
        "  - { key: end, kind: set, values: { e: '${{ steps.each.error }}' } }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    trace_wait(&s.trace, 2000);
    story_expect_only(&s, "run=R1",
        "2000 -> lease job_withdrawn run=R1 step=2 attempt=1 reason=\"the steps in "
        "it took longer than its timeout\"\n"
        "2000 step_cancelled run=R1 step=2 key=each[0].a\n"
        "2000 -> lease job_withdrawn run=R1 step=3 attempt=1 reason=\"the steps in "
        "it took longer than its timeout\"\n"
        "2000 step_cancelled run=R1 step=3 key=each[1].a\n"
        "2000 wait_timed_out run=R1 key=each attempt=1\n"
        "2000 step_failed run=R1 key=each error_type=Timeout error_message=\"the "
        "steps in it took longer than its timeout\"\n"
        "2000 step_started run=R1 step=1 key=end kind=set\n"
        "2000 step_completed run=R1 step=1 key=end output=(71 bytes) has_output=1\n"
        "2000 run_completed run=R1\n"
        "2000 -> gateway run_changed run=R1 sequence=14 status=4 whole=1 "
        "finished_ms=2000 output=(71 bytes) stop_reason=completed\n");
    story_expect_output(&s, "{\"e\":{\"type\":\"Timeout\",\"message\":\"the steps in "
                            "it took longer than its timeout\"}}");
    story_close(&s);
}
END_TEST

/* Earlier releases compiled a retry of what holds others.  Its timer would come back
 * for ever: nothing else would be done by this scheduler. */
START_TEST(what_holds_others_is_not_tried_again_when_its_time_is_over)
{
    static const char *const kinds[] = { "parallel", "each, items: [p, q]" };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct story s;
        char about[200];
        snprintf(about, sizeof about,
            "steps:\n"
            "  - { key: p, timeout: 2s, kind: %s,\n"
            "      steps: [ { key: a, kind: action, action: x } ] }\n",
            kinds[i]);
        story_make(&s);
        story_open(&s);
        story_learn_other(&s, about, "\x09\x01\x0a\x01", "\x09\x03\x0a\x01");
        story_start(&s, 1, "");
        trace_skip(&s.trace);
        trace_wait(&s.trace, 2000);
        story_expect_only(&s, "step_failed run=R1 key",
            "2000 step_failed run=R1 key=p error_type=Timeout error_message=\"the "
            "steps in it took longer than its timeout\"\n");
        story_close(&s);
    }
}
END_TEST

START_TEST(a_cancelled_run_cancels_what_lies_in_what)
{
    struct story s;
    story_open_with(&s, three);
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    story_cancel(&s, 1, "enough");
    story_expect(&s,
        "0 -> lease job_withdrawn run=R1 step=2 attempt=1 reason=\"the run has "
        "ended\"\n"
        "0 step_cancelled run=R1 step=2 key=each[0].a\n"
        "0 -> lease job_withdrawn run=R1 step=4 attempt=1 reason=\"the run has "
        "ended\"\n"
        "0 step_cancelled run=R1 step=4 key=each[1].a\n"
        "0 step_cancelled run=R1 key=each\n"
        "0 run_cancelled run=R1 reason=enough\n"
        "0 -> gateway run_changed run=R1 sequence=11 status=6 whole=1 "
        "stop_reason=cancelled\n"
        "0 -> gateway run_accepted request=8 run=R1 automation=A name=flow "
        "version=1 status=6 existed=1\n");
    story_close(&s);
}
END_TEST

static void
open_many(struct story *s, unsigned items, unsigned concurrency)
{
    struct buffer plan = { 0 };
    buffer_print(&plan,
        "steps:\n"
        "  - key: each\n"
        "    kind: each\n"
        "    items: ${{ inputs.list }}\n"
        "    concurrency: %u\n"
        "    steps: [{ key: a, kind: set, values: { n: '${{ item }}' } }]\n"
        "  - { key: end, kind: set, values: { n: '${{ len(steps.each.output) }}' } }\n"
        "default_inputs: { list: [0",
        concurrency);
    for (unsigned i = 1; i < items; i++)
        buffer_print(&plan, ",%u", i);
    buffer_print(&plan, "] }\n");
    buffer_append(&plan, "", 1);
    story_open_with(s, (const char *)plan.data);
    buffer_free(&plan);
}

/* More than a turn may say: the rest follows, turn by turn. */
START_TEST(a_thousand_items_that_need_nobody_take_several_turns)
{
    struct story s;
    open_many(&s, 1000, 300);
    story_start(&s, 1, "");
    story_expect_only(&s, " run_",
        "0 run_started run=R1 automation=A name=flow version=1 inputs=(2625 bytes) "
        "source=api steps=2\n"
        "0 run_deferred run=R1 more=1\n"
        "0 -> gateway run_changed run=R1 sequence=243 status=3\n"
        "0 -> gateway run_accepted request=7 run=R1 automation=A name=flow "
        "version=1 status=3\n"
        "0 -> gateway run_changed run=R1 sequence=487 status=3\n"
        "0 -> gateway run_changed run=R1 sequence=731 status=3\n"
        "0 -> gateway run_changed run=R1 sequence=975 status=3\n"
        "0 -> gateway run_changed run=R1 sequence=1219 status=3\n"
        "0 -> gateway run_changed run=R1 sequence=1463 status=3\n"
        "0 -> gateway run_changed run=R1 sequence=1707 status=3\n"
        "0 -> gateway run_changed run=R1 sequence=1951 status=3\n"
        "0 run_deferred run=R1\n"
        "0 run_completed run=R1\n"
        "0 -> gateway run_changed run=R1 sequence=2007 status=4 whole=1 output=(6 "
        "bytes) stop_reason=completed\n");
    story_expect_output(&s, "{\"n\":1000}");
    story_close(&s);
}
END_TEST

/* As many outputs as a turn may say, each as large as may lie in the log. */
START_TEST(a_record_takes_the_largest_turn)
{
    enum { LARGEST = 131072 };
    struct story s;
    struct buffer inputs = { 0 }, value = { 0 };
    story_make(&s);
    s.trace.config.inline_max = LARGEST;
    story_open(&s);
    story_learn(&s, 1,
        "steps:\n"
        "  - { key: e, kind: each, items: '${{ 1..300 }}', concurrency: 300,\n"
        "      steps: [ { key: a, kind: set, values: { x: '${{ inputs.x }}' } } ] }\n");
    memset(buffer_reserve(&value, LARGEST - 16), 'x', LARGEST - 16);
    value.size = LARGEST - 16;
    pack_map(&inputs, 1);
    pack_string(&inputs, "x");
    pack_text(&inputs, buffer_bytes(&value));
    story_start_with(&s, 1, "", buffer_bytes(&inputs));
    story_expect_only(&s, "run_completed", "0 run_completed run=R1\n");
    buffer_free(&inputs);
    buffer_free(&value);
    story_close(&s);
}
END_TEST

START_TEST(time_ends_a_large_each_over_several_turns)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: e, kind: each, items: '${{ 1..300 }}', concurrency: 300, "
        "timeout: 2s,\n"
        "      steps: [ { key: a, kind: sleep, duration: 1h } ] }\n");
    story_start(&s, 1, "");
    trace_skip(&s.trace);
    trace_wait(&s.trace, 2000);
    story_expect_only(&s, "R1 sequence",
        "2000 -> gateway run_changed run=R1 sequence=846 status=3\n"
        "2000 -> gateway run_changed run=R1 sequence=906 status=5 whole=1 "
        "finished_ms=2000 stop_reason=step_failed error_type=Timeout "
        "error_message=\"the steps in it took longer than its timeout\" "
        "failed_step=e\n");
    story_close(&s);
}
END_TEST

START_TEST(items_that_cannot_be_evaluated_or_are_too_many_fail_the_each)
{
    static const char *const items[] = { "${{ 1 / 0 }}", "${{ 1..6 }}", "${{ 1..5 }}" };
    static const char *const said[] = {
        "0 step_failed run=R1 key=e error_type=TemplateError "
        "error_message=\"items: line 1, column 7: a division by zero\"\n",
        "0 step_failed run=R1 key=e error_type=TemplateError "
        "error_message=\"items: more than items_max\"\n",
        ""
    };
    for (size_t i = 0; i < COUNT(items); i++) {
        struct story s;
        char about[200];
        story_make(&s);
        s.trace.config.items_max = 5;
        story_open(&s);
        snprintf(about, sizeof about,
            "steps:\n  - { key: e, kind: each, items: '%s', steps: [\n"
            "      { key: a, kind: set, values: {} } ] }\n",
            items[i]);
        story_learn(&s, 1, about);
        story_start(&s, 1, "");
        story_expect_only(&s, " step_failed", said[i]);
        story_close(&s);
    }
}
END_TEST

/* Handlers, parallels in parallels, a name of its own for an output. */
START_TEST(what_lies_in_what_gives_its_outputs)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: e, kind: each, items: [1, 2], concurrency: 2, steps: [\n"
        "      { key: a, kind: set, save_as: kept, on_error: { step: h },\n"
        "          values: { n: '${{ 2 / (item - 1) }}' } },\n"
        "      { key: b, kind: set, values: { n: '${{ context.kept }}' } },\n"
        "      { key: h, kind: set, values: {} } ] }\n"
        "  - { key: p, kind: parallel, needs: [], steps: [\n"
        "      { key: q, kind: parallel, steps: [\n"
        "          { key: r, kind: set, values: { n: 1 } },\n"
        "          { key: t, kind: set, on_error: { step: u },\n"
        "              values: { n: '${{ 1 / 0 }}' } },\n"
        "          { key: u, kind: set, values: { n: 3 } } ] } ] }\n"
        "  - { key: end, kind: set, needs: [e, p], on_error: { step: other },\n"
        "      values: { e: '${{ steps.e.output }}', p: '${{ steps.p.output }}' } }\n"
        "  - { key: other, kind: set, values: {} }\n");
    story_start(&s, 1, "");
    story_expect_output(&s,
        "{\"e\":[{\"n\":null},{\"n\":{\"n\":2}}],\"p\":{\"q\":{\"r\":{\"n\":1},"
        "\"t\":null,\"u\":{\"n\":3}}}}");
    story_close(&s);
}
END_TEST

/* Each of the outer items is an each of its own. */
START_TEST(many_eaches_are_met_in_one_turn)
{
    struct story s;
    story_open_with(&s,
        "steps:\n"
        "  - { key: e, kind: each, items: '${{ 1..12 }}', steps: [\n"
        "      { key: f, kind: each, items: [1, 2], steps: [\n"
        "          { key: a, kind: set, values: { n: '${{ item }}' } } ] } ] }\n");
    story_start(&s, 1, "");
    story_expect_only(&s, "run_completed", "0 run_completed run=R1\n");
    story_close(&s);
}
END_TEST

/* A plan of another release names what lies further in. */
START_TEST(what_lies_in_an_each_within_is_not_seen)
{
    struct story s;
    story_make(&s);
    story_open(&s);
    story_learn_other(&s,
        "steps:\n"
        "  - { key: e, kind: each, items: [1], steps: [\n"
        "      { key: aa, kind: set, values: { n: 1 } },\n"
        "      { key: f, kind: each, needs: [], items: [1], steps: [\n"
        "          { key: bb, kind: set, values: { n: 1 } } ] },\n"
        "      { key: c, kind: set, needs: [aa], values: { n: '${{ steps.aa.output }}' "
        "} } ] "
        "}\n",
        "steps.aa", "steps.bb");
    story_start(&s, 1, "");
    story_expect_only(&s, "step_failed run=R1 step",
        "0 step_failed run=R1 step=3 key=e[0].c error_type=TemplateError "
        "error_message=\"set.n: line 1, column 11: there is no steps.bb\"\n");
    story_close(&s);
}
END_TEST

/* Another run's time comes first, and then a report. */
START_TEST(what_is_said_of_an_each_whose_time_is_over_begins_no_item)
{
    struct story s;
    story_open_with(&s, "steps:\n"
                        "  - { key: e, kind: each, items: [1, 2], timeout: 2s,\n"
                        "      steps: [ { key: a, kind: action, action: x } ] }\n");
    story_learn_as(
        &s, "sleeper", 1, "steps:\n  - { key: s, kind: sleep, duration: 2s }\n");
    story_start(&s, 2, "");
    trace_give(&s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_START,
            .run_start = {
                .request = 7, .run = story_run(1), .automation = text("sleeper") } });
    trace_skip(&s.trace);
    trace_queue(&s.trace, ACTOR_lease, 0,
        (struct message){ .code = JOB_REPORTED,
            .job_reported = { .run = story_run(2),
                .step = 1,
                .attempt = 1,
                .offer = 1,
                .outcome = OUTCOME_COMPLETED } });
    trace_wait(&s.trace, 2000);
    story_expect_only(&s, "run=R2 ",
        "2000 action_completed run=R2 step=1 key=e[0].a attempt=1 offer=1 "
        "action=x\n"
        "2000 step_completed run=R2 step=1 key=e[0].a\n"
        "2000 -> gateway run_changed run=R2 sequence=7 status=3\n"
        "2000 -> lease job_settled run=R2 step=1 attempt=1 offer=1 verdict=1 "
        "reported=1\n"
        "2000 wait_timed_out run=R2 key=e attempt=1\n"
        "2000 step_failed run=R2 key=e error_type=Timeout error_message=\"the "
        "steps in it took longer than its timeout\"\n"
        "2000 run_failed run=R2 step=e error_type=Timeout error_message=\"the "
        "steps in it took longer than its timeout\" stop_reason=step_failed\n"
        "2000 -> gateway run_changed run=R2 sequence=10 status=5 whole=1 "
        "finished_ms=2000 stop_reason=step_failed error_type=Timeout "
        "error_message=\"the steps in it took longer than its timeout\" "
        "failed_step=e\n");
    story_close(&s);
}
END_TEST

static void
read_nothing(void *self, uint64_t record, struct output_source *source)
{
    (void)self;
    (void)record;
    (void)source;
}

START_TEST(an_output_that_its_record_has_not_is_nothing)
{
    struct output_source source = { .read = read_nothing };
    ck_assert_uint_eq(output_recorded(&source, 7, 1).size, 0);
}
END_TEST

/* A million items of a thousand steps. */
START_TEST(a_run_of_too_many_steps_fails_before_it_has_them)
{
    enum { ITEMS = 1100 * 1000, BODY = 990 };
    struct story s;
    struct buffer plan = { 0 }, inputs = { 0 };
    story_make(&s);
    s.trace.config.items_max = s.trace.config.payload_max = 2 * ITEMS;
    story_open(&s);
    buffer_print(&plan, "steps:\n  - { key: e, kind: each, items: '${{ inputs.l }}', "
                        "steps: [\n");
    for (unsigned i = 0; i < BODY; i++)
        buffer_print(&plan, "    { key: s%u, kind: set, values: {} },\n", i);
    buffer_print(&plan, "    { key: last, kind: set, values: {} } ] }\n");
    buffer_append(&plan, "", 1);
    story_learn(&s, 1, (const char *)plan.data);
    pack_map(&inputs, 1);
    pack_string(&inputs, "l");
    pack_array(&inputs, ITEMS);
    for (unsigned i = 0; i < ITEMS; i++)
        pack_u64(&inputs, 1);
    trace_skip(&s.trace);
    story_start_with(&s, 1, "", buffer_bytes(&inputs));
    story_expect_only(&s, " step_failed",
        "0 step_failed run=R1 key=e error_type=TooLarge error_message=\"the "
        "run has too many steps\"\n");
    buffer_free(&plan);
    buffer_free(&inputs);
    story_close(&s);
}
END_TEST

Suite *
scheduler_inside_suite(void)
{
    Suite *suite = suite_create("scheduler inside");
    TCase *tests = tcase_create("inside");
    tcase_set_timeout(tests, 60); /* some have many records */
    tcase_add_test(tests, a_parallel_is_over_when_all_in_it_are);
    tcase_add_test(tests, a_failure_in_a_parallel_fails_it_when_the_others_are_over);
    tcase_add_test(tests, an_each_does_so_many_items_at_a_time);
    tcase_add_test(tests, a_failed_item_lets_no_other_begin);
    tcase_add_test(tests, an_item_in_another_page_says_why_its_each_fails);
    tcase_add_test(tests, a_failed_item_that_is_to_be_continued_has_no_output);
    tcase_add_test(tests, an_each_of_nothing_is_over_at_once);
    tcase_add_test(tests, what_is_no_list_fails_the_each);
    tcase_add_test(tests, eaches_lie_in_eaches_and_parallels);
    tcase_add_test(tests, time_ends_an_each_and_all_in_it);
    tcase_add_test(tests, what_holds_others_is_not_tried_again_when_its_time_is_over);
    tcase_add_test(tests, a_cancelled_run_cancels_what_lies_in_what);
    tcase_add_test(tests, a_thousand_items_that_need_nobody_take_several_turns);
    tcase_add_test(tests, a_record_takes_the_largest_turn);
    tcase_add_test(tests, time_ends_a_large_each_over_several_turns);
    tcase_add_test(tests, items_that_cannot_be_evaluated_or_are_too_many_fail_the_each);
    tcase_add_test(tests, what_lies_in_what_gives_its_outputs);
    tcase_add_test(tests, many_eaches_are_met_in_one_turn);
    tcase_add_test(tests, what_lies_in_an_each_within_is_not_seen);
    tcase_add_test(tests, what_is_said_of_an_each_whose_time_is_over_begins_no_item);
    tcase_add_test(tests, an_output_that_its_record_has_not_is_nothing);
    tcase_add_test(tests, a_run_of_too_many_steps_fails_before_it_has_them);
    suite_add_tcase(suite, tests);
    return suite;
}

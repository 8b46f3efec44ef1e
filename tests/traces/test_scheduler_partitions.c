/* Goal: runs that see each other are decided in one partition, whoever hears of them.
 * Method: two schedulers in turn, the words of one given to the other by hand. */
#include "actors/outbox.h"
#include "base/hash.h"
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

enum { OTHER = 1 };

static void
open_at(struct story *s, uint32_t instance)
{
    story_make(s);
    s->trace.config.schedulers = 2;
    s->trace.instance = instance;
    story_open(s);
    story_learn_as(s, story_elsewhere(), 1,
        "concurrency: forbid\n"
        "steps:\n  - { key: a, kind: sleep, duration: 10s }\n");
    struct id moved = story_run(1), automation = story_automation(story_elsewhere());
    moved = id_move(&moved, OTHER);
    trace_name(&s->trace, &moved, "M1");
    trace_name(&s->trace, &automation, "F");
    trace_skip(&s->trace);
}

static void
start(struct story *s, unsigned run, const char *key, uint64_t request)
{
    trace_give(&s->trace, ACTOR_gateway, 3,
        (struct message){ .code = RUN_START,
            .run_start = { .request = request,
                .run = story_run(run),
                .automation = text(story_elsewhere()),
                .key = text(key),
                .source = text("api") } });
}

static void
taken(struct story *s, enum err err)
{
    struct id run = story_run(1);
    trace_give(&s->trace, ACTOR_scheduler, OTHER,
        (struct message){ .code = FORWARD_TAKEN,
            .forward_taken = { .run = id_move(&run, OTHER),
                .err = err,
                .detail = text(err == ERR_NONE ? "" : "no"),
                .name = text("far") } });
}

START_TEST(a_start_is_forwarded_and_answered_through_its_gateway)
{
    struct story s;
    open_at(&s, 0);
    start(&s, 1, "k", 7);
    start(&s, 2, "k", 8);
    story_expect(&s,
        "0 -> scheduler.1 run_forwarded run=M1 request=7 gateway=3 automation=far5 "
        "key=k source=api number=3 settled=3\n"
        "0 -> scheduler.1 run_forwarded run=M1 request=8 gateway=3 automation=far5 "
        "key=k source=api number=4 settled=3\n");
    taken(&s, ERR_NONE);
    story_expect(&s, "0 -> gateway run_accepted request=7 run=M1 name=far\n"
                     "0 -> gateway run_accepted request=8 run=M1 name=far\n"
                     "0 forward_settled run=M1\n");
    taken(&s, ERR_NONE);
    story_expect(&s, "");
    start(&s, 2, "k", 9);
    story_expect(&s,
        "0 -> scheduler.1 run_forwarded run=M1 request=9 gateway=3 automation=far5 "
        "key=k source=api number=6 settled=6\n");
    story_close(&s);
}
END_TEST

START_TEST(a_forwarded_start_is_said_again_to_who_greets)
{
    struct story s;
    open_at(&s, 0);
    start(&s, 1, "k", 7);
    trace_skip(&s.trace);
    trace_crash(&s.trace);
    trace_hello(&s.trace, ACTOR_scheduler, OTHER, 2);
    story_expect(&s,
        "0 peer_reset actor=4 instance=1 life=1\n"
        "0 -> scheduler.1 run_forwarded run=M1 request=7 gateway=3 automation=far5 "
        "key=k source=api number=3 settled=3\n"
        "0 told_again peer=1 last=(27 bytes)\n");
    taken(&s, ERR_CONFLICT);
    story_expect(&s, "0 -> gateway refused request=7 err=7 detail=no\n"
                     "0 forward_settled run=M1 err=7 detail=no\n");
    trace_hello(&s.trace, ACTOR_scheduler, OTHER, 1);
    story_expect(&s, "0 peer_reset actor=4 instance=1\n");
    start(&s, 2, "k", 8);
    story_expect_only(&s, "forwarded",
        "0 -> scheduler.1 run_forwarded run=M1 request=8 gateway=3 automation=far5 "
        "key=k source=api number=5 settled=5\n");
    story_close(&s);
}
END_TEST

/* What was said a second time may find a free slot after the first was refused. */
START_TEST(a_key_that_was_refused_goes_on_naming_its_run)
{
    struct story s;
    open_at(&s, 0);
    start(&s, 1, "k", 7);
    trace_hello(&s.trace, ACTOR_scheduler, OTHER, 1);
    trace_skip(&s.trace);
    taken(&s, ERR_CONFLICT);
    taken(&s, ERR_NONE);
    story_expect(&s, "0 -> gateway refused request=7 err=7 detail=no\n"
                     "0 forward_settled run=M1 err=7 detail=no\n");
    start(&s, 2, "k", 8);
    taken(&s, ERR_NONE);
    story_expect_only(&s, "gateway run_accepted",
        "0 -> gateway run_accepted request=8 run=M1 name=far\n");
    story_close(&s);
}
END_TEST

START_TEST(what_was_forwarded_is_decided_once)
{
    struct story s;
    open_at(&s, OTHER);
    struct id run = story_run(1);
    for (int i = 0; i < 2; i++)
        trace_give(&s.trace, ACTOR_scheduler, 0,
            (struct message){ .code = RUN_FORWARDED,
                .run_forwarded = { .run = id_move(&run, OTHER),
                    .request = 7,
                    .automation = text(story_elsewhere()),
                    .source = text("api") } });
    story_expect(&s,
        "0 run_started run=M1 automation=F name=far5 version=1 source=api steps=1 "
        "concurrency=2 runs_max=1\n"
        "0 step_started run=M1 key=a kind=sleep\n"
        "0 wait_opened run=M1 key=a attempt=1 wait_kind=sleep due_ms=10000\n"
        "0 -> gateway run_changed run=M1 sequence=3 status=3\n"
        "0 -> scheduler.0 forward_taken run=M1 automation=F name=far5 version=1 "
        "status=3\n"
        "0 -> scheduler.0 forward_taken run=M1 automation=F name=far5 version=1 "
        "status=3 existed=1\n");
    run = story_run(2);
    trace_give(&s.trace, ACTOR_scheduler, 0,
        (struct message){ .code = RUN_FORWARDED,
            .run_forwarded = {
                .run = id_move(&run, OTHER), .automation = text(story_elsewhere()) } });
    story_expect_only(&s, "forward_taken",
        "0 -> scheduler.0 forward_taken run=0000000003ea7d9c8075a36a98c16712 err=7 "
        "detail=\"concurrency forbid: run_00000000z9fyn80zkg5h2ynetp is active\"\n");
    story_close(&s);
}
END_TEST

/* What was asked under another number, by another client, is not answered by it. */
START_TEST(a_refusal_is_of_what_was_asked_under_its_number)
{
    struct story s;
    open_at(&s, 0);
    start(&s, 1, "k", 7);
    start(&s, 2, "k", 8);
    trace_skip(&s.trace);
    struct id run = story_run(1);
    struct forward_taken no = { .run = id_move(&run, OTHER),
        .err = ERR_CONFLICT,
        .detail = text("no"),
        .number = 3 };
    for (int i = 0; i < 2; i++)
        trace_give(&s.trace, ACTOR_scheduler, OTHER,
            (struct message){ .code = FORWARD_TAKEN, .forward_taken = no });
    story_expect(&s, "0 -> gateway refused request=7 err=7 detail=no\n"
                     "0 forward_settled run=M1 err=7 detail=no number=3\n");
    taken(&s, ERR_NONE);
    story_expect_only(
        &s, "gateway", "0 -> gateway run_accepted request=8 run=M1 name=far\n");
    story_close(&s);
}
END_TEST

static void
forward(struct story *s, unsigned number, uint64_t asked, uint64_t settled)
{
    struct id run = story_run(number);
    trace_give(&s->trace, ACTOR_scheduler, 0,
        (struct message){ .code = RUN_FORWARDED,
            .run_forwarded = { .run = id_move(&run, OTHER),
                .automation = text(story_elsewhere()),
                .number = asked,
                .settled = settled } });
}

static void
open_there(struct story *s)
{
    open_at(s, OTHER);
    struct id two = story_run(2), four = story_run(4);
    two = id_move(&two, OTHER);
    four = id_move(&four, OTHER);
    trace_name(&s->trace, &two, "M2");
    trace_name(&s->trace, &four, "M4");
}

/* It may be told again when there is room: whoever was told of the refusal is not
 * there any more.  Who asks anew is. */
START_TEST(what_was_refused_under_a_number_stays_refused)
{
    struct story s;
    open_there(&s);
    forward(&s, 1, 6, 6);
    trace_skip(&s.trace);
    forward(&s, 2, 7, 6);
    story_expect(&s, "0 start_refused run=M2 number=7 err=7 "
                     "detail=\"concurrency forbid: run_00000000z9fyn80zkg5h2ynetp is "
                     "active\" settled=6\n"
                     "0 -> scheduler.0 forward_taken run=M2 err=7 "
                     "detail=\"concurrency forbid: run_00000000z9fyn80zkg5h2ynetp is "
                     "active\" number=7\n");
    trace_wait(&s.trace, 10000);
    trace_crash(&s.trace);
    trace_skip(&s.trace);
    forward(&s, 2, 7, 6);
    story_expect(&s,
        "10000 -> scheduler.0 forward_taken run=M2 err=7 "
        "detail=\"concurrency forbid: run_00000000z9fyn80zkg5h2ynetp is active\" "
        "number=7\n");
    forward(&s, 2, 8, 8);
    story_expect_only(&s, "run_started",
        "10000 run_started run=M2 automation=F name=far5 version=1 steps=1 "
        "concurrency=2 runs_max=1\n");
    forward(&s, 3, 9, 9);
    trace_wait(&s.trace, 10000);
    trace_skip(&s.trace);
    /* Number 7 is settled, so it is not told again; if it were, it would be new. */
    forward(&s, 4, 7, 6);
    story_expect_only(&s, "run_started",
        "20000 run_started run=M4 automation=F name=far5 version=1 steps=1 "
        "concurrency=2 runs_max=1\n");
    story_close(&s);
}
END_TEST

/* It was lost on the way, and comes when who asked has heard the answer to what was
 * asked later. */
START_TEST(what_was_asked_before_a_refusal_is_refused_after_it)
{
    struct story s;
    open_there(&s);
    forward(&s, 1, 6, 6);
    forward(&s, 3, 8, 7);
    forward(&s, 2, 9, 7);
    trace_wait(&s.trace, 10000);
    trace_skip(&s.trace);
    forward(&s, 2, 7, 7);
    story_expect(&s,
        "10000 -> scheduler.0 forward_taken run=M2 err=7 "
        "detail=\"concurrency forbid: run_00000000z9fyn80zkg5h2ynetp is active\" "
        "number=7\n");
    forward(&s, 4, 7, 7);
    story_expect_only(&s, "run_started",
        "10000 run_started run=M4 automation=F name=far5 version=1 steps=1 "
        "concurrency=2 runs_max=1\n");
    story_close(&s);
}
END_TEST

static void
fire(struct story *s)
{
    trace_give(&s->trace, ACTOR_trigger, 0,
        (struct message){ .code = TRIGGER_FIRED,
            .trigger_fired = { .run = story_run(1),
                .automation = story_automation(story_elsewhere()),
                .trigger = text("t"),
                .slot_ms = 5 } });
}

/* Told again meanwhile, it is not asked for again: it could be refused and then done.
 */
START_TEST(a_slot_is_forwarded_once_and_the_trigger_hears_the_outcome)
{
    struct story s;
    open_at(&s, 0);
    fire(&s);
    fire(&s);
    taken(&s, ERR_CONFLICT);
    story_expect(&s,
        "0 -> scheduler.1 run_forwarded run=M1 "
        "automation=aut_1gb4wx5hcs4az7mdjv0gf1j4y9 source=trigger trigger=t "
        "slot_ms=5 number=3 settled=3 fired=R1\n"
        "0 -> trigger fire_refused run=R1 automation=F trigger=t slot_ms=5 "
        "refusal=no\n"
        "0 forward_settled run=M1 err=7 detail=no\n");
    fire(&s);
    story_expect(&s, "0 -> trigger fire_refused run=R1 automation=F trigger=t "
                     "slot_ms=5 refusal=no\n");
    story_close(&s);
}
END_TEST

/* Nor is what is told to others the other partition's. */
START_TEST(a_greeting_of_nobody_changes_nothing)
{
    struct story s;
    open_at(&s, 0);
    start(&s, 1, "k", 7);
    trace_skip(&s.trace);
    trace_hello(&s.trace, ACTOR_scheduler, 0, 2);
    trace_hello(&s.trace, ACTOR_scheduler, SCHEDULERS_MAX, 2);
    trace_hello(&s.trace, ACTOR_view, 0, 2);
    story_expect(&s, "0 peer_reset actor=4 life=1\n"
                     "0 peer_reset actor=4 instance=64 life=1\n");
    story_close(&s);
}
END_TEST

/* Calls of two children lie before it in the rows of that partition. */
START_TEST(what_is_settled_is_of_starts_alone)
{
    struct story s;
    char steps[300];
    open_at(&s, 0);
    snprintf(steps, sizeof steps,
        "steps:\n  - { key: a, kind: automation, automation: %s, wait: true }\n"
        "  - { key: b, kind: automation, automation: %s, wait: true, needs: [] }\n",
        story_elsewhere(), story_elsewhere());
    story_learn(&s, 1, steps);
    story_start(&s, 2, "");
    trace_skip(&s.trace);
    start(&s, 1, "k", 7);
    story_expect_only(&s, "run_forwarded",
        "0 -> scheduler.1 run_forwarded run=M1 request=7 gateway=3 "
        "automation=far5 key=k source=api number=5 settled=5\n");
    trace_hello(&s.trace, ACTOR_scheduler, OTHER, 2);
    story_expect_only(&s, "child_called",
        "0 -> scheduler.1 child_called run=R2 step=1 key=b attempt=1 "
        "child=0000000003ea7109805f838240021516 automation=far5 wait=1 "
        "depth=1\n"
        "0 -> scheduler.1 child_called run=R2 key=a attempt=1 "
        "child=0000000003ea76ad804fdea17a393c30 automation=far5 wait=1 "
        "depth=1\n");
    story_close(&s);
}
END_TEST

/* A name whose automation is decided in the first partition. */
static const char *
name_of_first(void)
{
    static char name[16];
    for (unsigned i = 0;; i++) {
        snprintf(name, sizeof name, "near%u", i);
        struct id id = story_automation(name);
        if (hash_of(id_bytes(&id)).bytes[0] % 2 == 0)
            return name;
    }
}

START_TEST(a_start_of_elsewhere_may_be_of_what_is_not_here)
{
    const char *const automations[] = { "nothing", name_of_first() };
    static const char *const said[] = {
        "0 -> scheduler.0 forward_taken run=M1 err=5 detail=\"there is no "
        "automation of this name or id in the project\"\n",

        "0 -> scheduler.0 forward_taken run=M1 err=7 detail=\"the key was used "
        "to start another automation\"\n"
    };
    for (size_t i = 0; i < COUNT(automations); i++) {
        struct story s;
        struct id run = story_run(1);
        open_at(&s, OTHER);
        story_learn_as(
            &s, name_of_first(), 1, "concurrency: forbid\nsteps:\n" STEP("a", ""));
        trace_skip(&s.trace);
        trace_give(&s.trace, ACTOR_scheduler, 0,
            (struct message){ .code = RUN_FORWARDED,
                .run_forwarded = { .run = id_move(&run, OTHER),
                    .request = 7,
                    .automation = text(automations[i]) } });
        story_expect_only(&s, "forward_taken", said[i]);
        story_close(&s);
    }
}
END_TEST

START_TEST(a_slot_that_was_taken_elsewhere_is_taken)
{
    struct story s;
    open_at(&s, 0);
    fire(&s);
    trace_skip(&s.trace);
    taken(&s, ERR_NONE);
    story_expect(&s, "0 -> trigger fire_taken automation=F trigger=t slot_ms=5 run=M1\n"
                     "0 forward_settled run=M1\n");
    story_close(&s);
}
END_TEST

/* More than one turn can answer. */
START_TEST(who_asks_for_one_start_too_often_asks_again)
{
    enum { ASKED = 300 };
    struct story s;
    open_at(&s, 0);
    for (unsigned i = 0; i < ASKED; i++)
        start(&s, 1, "k", 100 + i);
    s.trace.kept_count = 0;
    taken(&s, ERR_NONE);
    ck_assert_uint_eq(s.trace.kept_count, OUTBOX_MAX - 9);
    story_expect_only(&s, "forward_settled", "0 forward_settled run=M1\n");
    story_close(&s);
}
END_TEST

/* Nobody waits for an answer. */
START_TEST(a_start_without_a_request_is_forwarded_and_not_answered)
{
    struct story s;
    open_at(&s, 0);
    start(&s, 1, "k", 0);
    trace_skip(&s.trace);
    taken(&s, ERR_NONE);
    story_expect(&s, "0 forward_settled run=M1\n");
    story_close(&s);
}
END_TEST

Suite *
scheduler_partitions_suite(void)
{
    Suite *suite = suite_create("partitions");
    TCase *tcase = tcase_create("partitions");
    tcase_add_test(tcase, a_start_is_forwarded_and_answered_through_its_gateway);
    tcase_add_test(tcase, a_forwarded_start_is_said_again_to_who_greets);
    tcase_add_test(tcase, a_key_that_was_refused_goes_on_naming_its_run);
    tcase_add_test(tcase, what_was_forwarded_is_decided_once);
    tcase_add_test(tcase, a_refusal_is_of_what_was_asked_under_its_number);
    tcase_add_test(tcase, what_was_refused_under_a_number_stays_refused);
    tcase_add_test(tcase, what_was_asked_before_a_refusal_is_refused_after_it);
    tcase_add_test(tcase, a_slot_is_forwarded_once_and_the_trigger_hears_the_outcome);
    tcase_add_test(tcase, a_greeting_of_nobody_changes_nothing);
    tcase_add_test(tcase, what_is_settled_is_of_starts_alone);
    tcase_add_test(tcase, a_start_of_elsewhere_may_be_of_what_is_not_here);
    tcase_add_test(tcase, a_slot_that_was_taken_elsewhere_is_taken);
    tcase_add_test(tcase, who_asks_for_one_start_too_often_asks_again);
    tcase_add_test(tcase, a_start_without_a_request_is_forwarded_and_not_answered);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* Goal: the gateway knows where an own action is called and what signs the call, as it
 * was said last, and nobody else is told the secret. Method: make, change, rotate,
 * delete, begin anew; every word is compared. */
#include "base/pack.h"
#include "tests/traces/registry_story.h"
#include "tests/traces/suites.h"

static const uint8_t first[32] = { 1 }, second[32] = { 2 };

static void
set_action(struct trace *t, struct action_set set)
{
    set.name = text("send-email");
    trace_give(
        t, ACTOR_gateway, 0, (struct message){ .code = ACTION_SET, .action_set = set });
}

static void
make_action(struct trace *t, unsigned id, const uint8_t *secret)
{
    set_action(t, (struct action_set){ .request = 1,
                      .create = 1,
                      .kind = ACTION_HTTP,
                      .action = registry_id(id),
                      .url = text("\xa8http://a"),
                      .secret = bytes_of(secret, 32) });
}

START_TEST(an_action_is_told_as_it_was_said_last)
{
    struct trace t;
    registry_open(&t);
    make_action(&t, 1, first);
    trace_expect(&t,
        "1000 action_changed action=AUT1 name=send-email kind=1 url=http://a secret=… "
        "version=1\n"
        "1000 -> gateway action_offered action=AUT1 name=send-email url=http://a "
        "secret=… version=1\n"
        "1000 -> gateway document request=1 document=(…) created=1\n");
    registry_expect_field(registry_document(&t), "kind", "'http'");
    ck_assert_uint_eq(pack_find(registry_document(&t), "secret").size, 0);
    set_action(&t, (struct action_set){ .request = 2, .url = text("\xa8http://b") });
    set_action(&t, (struct action_set){ .request = 3, .secret = bytes_of(second, 32) });
    trace_crash(&t);
    trace_hello(&t, ACTOR_gateway, 0, 2);
    const struct action_offered *told = &trace_sent(&t, ACTION_OFFERED)->action_offered;
    ck_assert(bytes_equal(told->url, text("http://b")));
    ck_assert(bytes_equal(told->secret, bytes_of(second, 32)));
    ck_assert_uint_eq(told->version, 2);
    trace_close(&t);
}
END_TEST

START_TEST(an_action_that_is_deleted_is_told_once_and_no_more)
{
    struct trace t;
    registry_open(&t);
    make_action(&t, 1, first);
    trace_skip(&t);
    for (uint64_t request = 4; request < 6; request++)
        trace_give(&t, ACTOR_gateway, 0,
            (struct message){ .code = ACTION_DELETE,
                .action_delete = { request, text("send-email") } });
    trace_expect(&t,
        "1000 action_deleted name=send-email\n"
        "1000 -> gateway action_offered action=AUT1 name=send-email\n"
        "1000 -> gateway document request=4 document=(…)\n"
        "1000 -> gateway refused request=5 err=5 detail=\"the project has no action of "
        "its own of this name\"\n");
    t.kept_count = 0;
    trace_hello(&t, ACTOR_gateway, 0, 2);
    for (size_t i = 0; i < t.kept_count; i++)
        ck_assert_int_ne(t.kept[i].code, ACTION_OFFERED);
    trace_close(&t);
}
END_TEST

START_TEST(a_name_is_taken_once_and_asking_again_makes_nothing)
{
    struct trace t;
    registry_open(&t);
    make_action(&t, 1, first);
    make_action(&t, 2, second);
    make_action(&t, 1, first);
    trace_expect_only(&t, "request",
        "1000 -> gateway document request=1 document=(…) created=1\n"
        "1000 -> gateway refused request=1 err=7 detail=\"the project has an action of "
        "this name\"\n"
        "1000 -> gateway document request=1 document=(…) created=1\n");
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = ACTION_LIST, .action_list = { 9, { 0 } } });
    struct cursor all = cursor_over(pack_find(registry_document(&t), "items"));
    ck_assert_uint_eq(cursor_array(&all), 1);
    trace_close(&t);
}
END_TEST

Suite *
registry_actions_suite(void)
{
    Suite *suite = suite_create("registry actions");
    TCase *rules = tcase_create("rules");
    tcase_add_test(rules, an_action_is_told_as_it_was_said_last);
    tcase_add_test(rules, an_action_that_is_deleted_is_told_once_and_no_more);
    tcase_add_test(rules, a_name_is_taken_once_and_asking_again_makes_nothing);
    suite_add_tcase(suite, rules);
    return suite;
}

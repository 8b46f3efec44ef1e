/* Goal: the gateway knows where an own action is called and what signs the call, as it
 * was said last, and nobody else is told the secret. Method: make, change, rotate,
 * delete, begin anew; every word is compared. */
#include "base/pack.h"
#include "tests/traces/registry_story.h"
#include "tests/traces/suites.h"

#include <stdio.h>

static const uint8_t first[32] = { 1 }, second[32] = { 2 };
/* No sealed key is so long. */
static const uint8_t long_one[201];

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

/* One of any name, kind and URL. */
static void
make_any(struct trace *t, const char *name, uint32_t kind, const char *url)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = ACTION_SET,
            .action_set = { .request = 1,
                .create = 1,
                .name = text(name),
                .kind = kind,
                .action = registry_id(1),
                .url = text(url) } });
}

static void
look(struct trace *t, const char *name)
{
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = ACTION_LIST, .action_list = { 9, text(name) } });
}

static const char nameless[] =
    "an action has a name of 1 to 100 small letters, digits and hyphens";
static const char unknown[] = "the project has no action of its own of this name";

START_TEST(an_action_has_a_name_of_small_letters_digits_and_hyphens)
{
    char longest[102];
    memset(longest, 'x', sizeof longest);
    longest[101] = '\0';
    const char *names[] = { "", "a.b", "a b", "a{", "A", "a:", longest };
    struct trace t;
    registry_open(&t);
    for (size_t i = 0; i < COUNT(names); i++) {
        make_any(&t, names[i], ACTION_WORKER, "");
        registry_expect_refused(&t, ERR_INVALID, nameless);
    }
    look(&t, longest);
    registry_expect_refused(&t, ERR_NOT_FOUND, unknown);
    make_any(&t, longest + 1, ACTION_WORKER, "");
    make_any(&t, "a-1", ACTION_WORKER, "");
    look(&t, "a-1");
    registry_expect_field(registry_document(&t), "name", "'a-1'");
    trace_close(&t);
}
END_TEST

START_TEST(an_action_has_the_url_of_its_kind)
{
    static const char wrong[] = "an action of kind http has a URL, http:// or https:// "
                                "and printable characters; one of kind worker has none";
    static const char unsigned_[] =
        "only the calls of an action of kind http are signed";
    struct trace t;
    registry_open(&t);
    make_any(&t, "a", ACTION_HTTP, "");
    registry_expect_refused(&t, ERR_INVALID, wrong);
    make_any(&t, "a", ACTION_HTTP,
        "\xa7"
        "ftp://a");
    registry_expect_refused(&t, ERR_INVALID, wrong);
    make_any(&t, "a", ACTION_HTTP,
        "\xaa"
        "http://a b");
    registry_expect_refused(&t, ERR_INVALID, wrong);
    make_any(&t, "a", ACTION_WORKER,
        "\xa8"
        "http://a");
    registry_expect_refused(&t, ERR_INVALID, wrong);
    make_any(&t, "send-email", ACTION_HTTP,
        "\xa9"
        "https://a");
    ck_assert_ptr_nonnull(trace_sent(&t, ACTION_OFFERED));
    set_action(
        &t, (struct action_set){ .secret = bytes_of(long_one, sizeof long_one) });
    registry_expect_refused(&t, ERR_CONFLICT, unsigned_);
    trace_skip(&t);
    make_any(&t, "own", ACTION_WORKER, "");
    trace_expect(&t, "1000 action_changed action=AUT1 name=own kind=2\n"
                     "1000 -> gateway document request=1 document=(…) created=1\n");
    registry_expect_field(registry_document(&t), "kind", "'worker'");
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = ACTION_SET,
            .action_set = { .name = text("own"), .secret = bytes_of(first, 32) } });
    registry_expect_refused(&t, ERR_CONFLICT, unsigned_);
    /* The gateway need not know where a worker's action is. */
    t.kept_count = 0;
    trace_hello(&t, ACTOR_gateway, 0, 2);
    size_t told = 0;
    for (size_t i = 0; i < t.kept_count; i++)
        told += t.kept[i].code == ACTION_OFFERED;
    ck_assert_uint_eq(told, 1);
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){ .code = ACTION_DELETE, .action_delete = { 4, text("own") } });
    look(&t, "own");
    registry_expect_refused(&t, ERR_NOT_FOUND, unknown);
    trace_close(&t);
}
END_TEST

START_TEST(what_is_wrong_with_an_action_is_refused)
{
    static const char wrong[] =
        "title, description and URL must be texts, the schemas, "
        "annotations and tags objects, and none too long";
    struct trace t;
    registry_open(&t);
    set_action(&t, (struct action_set){ .title = text("\xa1t") });
    registry_expect_refused(&t, ERR_NOT_FOUND, unknown);
    make_action(&t, 1, first);
    const struct action_set changes[] = {
        { .title = registry_long_text(101) },
        { .description = registry_long_text(4001) },
        { .url = registry_long_text(2001) },
        { .input_schema = registry_long_map(65536) },
        { .output_schema = registry_long_map(65536) },
        { .annotations = registry_long_map(4096) },
        { .tags = registry_long_map(4096) },
    };
    trace_skip(&t);
    for (size_t i = 0; i < COUNT(changes); i++) {
        set_action(&t, changes[i]);
        registry_expect_refused(&t, ERR_INVALID, wrong);
    }
    trace_expect_only(&t, "action_changed", "");
    set_action(&t, (struct action_set){ .input_schema = text("\x81\xa1i\x01"),
                       .tags = text("\x81\xa1t\x02"),
                       .secret = bytes_of(first, 32) });
    trace_expect_only(&t, "action_changed",
        "1000 action_changed action=AUT1 name=send-email kind=1 url=http://a "
        "input_schema=(…) tags=(…) secret=… version=1\n");
    look(&t, "send-email");
    registry_expect_field(registry_document(&t), "input_schema", "{i: 1}");
    registry_expect_field(registry_document(&t), "output_schema", "null");
    trace_close(&t);
}
END_TEST

START_TEST(a_project_has_two_hundred_actions)
{
    char name[16];
    struct trace t;
    registry_open(&t);
    for (unsigned n = 1; n <= 201; n++) {
        snprintf(name, sizeof name, "a%u", n);
        make_any(&t, name, ACTION_WORKER, "");
    }
    registry_expect_refused(
        &t, ERR_BUSY, "a project has 200 actions of its own at most");
    /* Who asks again for the last one asks for no more. */
    make_any(&t, "a200", ACTION_WORKER, "");
    registry_expect_field(registry_document(&t), "name", "'a200'");
    look(&t, "");
    struct cursor all = cursor_over(pack_find(registry_document(&t), "items"));
    ck_assert_uint_eq(cursor_array(&all), 200);
    trace_close(&t);
}
END_TEST

START_TEST(an_action_deleted_while_others_are_told_is_not_told)
{
    struct trace t;
    registry_open(&t);
    make_action(&t, 1, first);
    make_any(&t, "later", ACTION_HTTP,
        "\xa8"
        "http://b");
    trace_skip(&t);
    t.kept_count = 0;
    trace_queue(&t, ACTOR_gateway, 0,
        (struct message){ .code = HELLO, .hello = { .resync = 2 } });
    trace_give(&t, ACTOR_gateway, 0,
        (struct message){
            .code = ACTION_DELETE, .action_delete = { 4, text("send-email") } });
    trace_expect_only(&t, "http://a", "");
    ck_assert(bytes_equal(
        trace_sent(&t, ACTION_OFFERED)->action_offered.name, text("later")));
    ck_assert_ptr_nonnull(trace_sent(&t, KEYS_COMPLETE));
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
    tcase_add_test(rules, an_action_has_a_name_of_small_letters_digits_and_hyphens);
    tcase_add_test(rules, an_action_has_the_url_of_its_kind);
    tcase_add_test(rules, what_is_wrong_with_an_action_is_refused);
    tcase_add_test(rules, a_project_has_two_hundred_actions);
    tcase_add_test(rules, an_action_deleted_while_others_are_told_is_not_told);
    suite_add_tcase(suite, rules);
    return suite;
}

/* Goal: the gateway knows of each session what a lease actor that begins anew must be
 * told, and no more. */
#include "base/pack.h"
#include "gateway/session.h"
#include "tests/unit/gateway_suites.h"

static struct sessions sessions;
static struct buffer out;
static char instance[] = "me";

static struct bytes
token(uint8_t number)
{
    static uint8_t tokens[256][TOKEN_SIZE];
    memset(tokens[number], number, TOKEN_SIZE);
    return bytes_of(tokens[number], TOKEN_SIZE);
}

static struct bytes
list_of(const uint8_t *numbers, size_t count)
{
    buffer_clear(&out);
    pack_array(&out, count);
    for (size_t i = 0; i < count; i++)
        pack_blob(&out, token(numbers[i]));
    return buffer_bytes(&out);
}

static struct session *
join(void)
{
    static const uint8_t none[1];
    const struct worker_description said = { .instance = text(instance) };
    struct session *session = session_new(&sessions, NULL, NULL);
    if (session != NULL)
        session_describe(
            &sessions, session, &said, (struct bytes){ 0 }, list_of(none, 1));
    return session;
}

static size_t
held_count(const struct session *session)
{
    buffer_clear(&out);
    session_write_held(session, &out);
    struct cursor c = cursor_over(buffer_bytes(&out));
    return cursor_array(&c);
}

static void
begin(void)
{
    sessions_open(&sessions, 3);
}

static void
finish(void)
{
    sessions_free(&sessions);
    ck_assert_uint_eq(sessions.count, 0);
    ck_assert_uint_eq(sessions.busy_count, 0);
}

START_TEST(a_session_keeps_a_copy_of_what_its_worker_said)
{
    struct session *session = join();
    instance[0] = 'y';
    ck_assert(bytes_equal(session->said.instance, text("me")));
    instance[0] = 'm';
    ck_assert_int_eq(session->state, SESSION_ASKED);
    ck_assert_uint_eq(held_count(session), 1);
    ck_assert_uint_eq(sessions.busy_count, 1);
}
END_TEST

START_TEST(what_a_session_said_may_be_said_again_but_for_a_part)
{
    static const uint8_t none[1];
    struct session *session = join();
    struct id id = { { 7 } };
    session_know(&sessions, session, &id, text("proof"));
    struct worker_description said = session->said;
    said.name = said.instance;
    said.instance = text("another, longer than before");
    session_describe(
        &sessions, session, &said, session_token(session), list_of(none, 1));
    ck_assert(bytes_equal(session->said.instance, text("another, longer than before")));
    ck_assert(bytes_equal(session->said.name, text("me")));
    ck_assert(bytes_equal(session_token(session), text("proof")));
}
END_TEST

START_TEST(sessions_are_found_by_number_and_id)
{
    struct session *one = join(), *two = join();
    struct id id = { { 7 } };
    ck_assert_ptr_ne(one, two);
    ck_assert_ptr_eq(session_numbered(&sessions, one->number), one);
    ck_assert_uint_eq(one->number >> 63, 1);
    ck_assert_ptr_null(session_with_id(&sessions, &id));
    session_know(&sessions, one, &id, text("proof"));
    ck_assert_ptr_eq(session_with_id(&sessions, &id), one);
    /* Another connection of the same session takes the id over. */
    session_know(&sessions, two, &id, text("proof"));
    session_free(&sessions, &one);
    ck_assert_ptr_eq(session_with_id(&sessions, &id), two);
    session_free(&sessions, &two);
    ck_assert_ptr_null(session_with_id(&sessions, &id));
}
END_TEST

START_TEST(there_are_no_more_sessions_than_the_limit)
{
    ck_assert_ptr_nonnull(join());
    ck_assert_ptr_nonnull(join());
    ck_assert_ptr_nonnull(join());
    ck_assert_ptr_null(join());
}
END_TEST

START_TEST(leases_are_held_once_and_dropped)
{
    static const uint8_t two[2] = { 1, 9 };
    struct session *session = join();
    for (int i = 0; i < 3; i++)
        session_hold(&sessions, session, token(1));
    session_hold(&sessions, session, text("no token"));
    ck_assert_uint_eq(held_count(session), 2);
    session_drop(&sessions, session, token(5));
    session_drop_all(&sessions, session, list_of(two, 2));
    ck_assert_uint_eq(held_count(session), 1);
    session_drop(&sessions, session, token(0));
    ck_assert_uint_eq(held_count(session), 0);
    ck_assert_uint_eq(sessions.busy_count, 0);
}
END_TEST

START_TEST(a_lease_that_the_worker_does_not_name_twice_is_dropped)
{
    static const uint8_t named[2] = { 1, 2 };
    struct session *session = join(); /* holds 0 */
    session_hold(&sessions, session, token(1));
    session_compare(&sessions, session, list_of(named, 2));
    ck_assert_uint_eq(held_count(session), 2); /* 0 may be on its way */
    session_compare(&sessions, session, list_of(named, 1));
    ck_assert_uint_eq(held_count(session), 1);
}
END_TEST

START_TEST(a_lease_that_is_over_is_not_held_again_when_it_is_named_late)
{
    static const uint8_t named[1] = { 0 };
    struct session *session = join(); /* holds 0 */
    session_drop(&sessions, session, token(0));
    session_compare(&sessions, session, list_of(named, 1));
    ck_assert_uint_eq(held_count(session), 0);
    session_learn(&sessions, session, list_of(named, 1)); /* a gateway before us knew */
    ck_assert_uint_eq(held_count(session), 1);
}
END_TEST

START_TEST(who_does_not_read_is_told_no_more_until_it_names_what_it_was_told)
{
    static const uint8_t guessed[2] = { 0, 7 }, told[1] = { 8 };
    enum { LARGE = UNREAD_MAX / 4 + 1 };
    struct session *session = join();
    for (int i = 0; i < 3; i++)
        ck_assert(session_may_tell(session, LARGE));
    ck_assert(!session_may_tell(session, LARGE));
    ck_assert(session_may_tell(session, SMALL_FRAME));
    session_compare(&sessions, session, list_of(guessed, 2));
    ck_assert(!session_may_tell(session, LARGE));
    session_hold(&sessions, session, token(8));
    session_compare(&sessions, session, list_of(told, 1));
    ck_assert(session_may_tell(session, LARGE));
    session->unread = UNREAD_MAX;
    session_compare(&sessions, session, list_of(told, 1)); /* that was old news */
    ck_assert(!session_may_tell(session, LARGE));
    session_hold(&sessions, session, token(9));
    session_named(session, token(9));
    ck_assert(session_may_tell(session, 2 * (size_t)UNREAD_MAX)); /* one frame may */
    ck_assert(!session_may_tell(session, LARGE));
}
END_TEST

Suite *
session_suite(void)
{
    Suite *suite = suite_create("session");
    TCase *tests = tcase_create("session");
    tcase_add_checked_fixture(tests, begin, finish);
    tcase_add_test(tests, a_lease_that_is_over_is_not_held_again_when_it_is_named_late);
    tcase_add_test(tests, a_session_keeps_a_copy_of_what_its_worker_said);
    tcase_add_test(tests, what_a_session_said_may_be_said_again_but_for_a_part);
    tcase_add_test(tests, sessions_are_found_by_number_and_id);
    tcase_add_test(tests, there_are_no_more_sessions_than_the_limit);
    tcase_add_test(tests, leases_are_held_once_and_dropped);
    tcase_add_test(tests, a_lease_that_the_worker_does_not_name_twice_is_dropped);
    tcase_add_test(
        tests, who_does_not_read_is_told_no_more_until_it_names_what_it_was_told);
    suite_add_tcase(suite, tests);
    return suite;
}

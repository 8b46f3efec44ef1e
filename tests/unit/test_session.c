/* Goal: the gateway knows of each session what a lease actor that begins anew must be
 * told, and no more. */
#include "base/pack.h"
#include "gateway/session.h"
#include "tests/unit/gateway_suites.h"

static struct sessions sessions;
static struct buffer out, frame;
static const struct worker_limits limits = { 1000, 100 };
static uint8_t identity[IDENTITY_SIZE] = { 0, 1, 2, 3, 4 };

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
join(uint8_t number)
{
    static const uint8_t none[1];
    identity[4] = number;
    struct session *session = session_new(&sessions, identity);
    if (session == NULL)
        return NULL;
    buffer_clear(&frame);
    pack_map(&frame, 4);
    pack_string(&frame, "type");
    pack_string(&frame, "register");
    pack_string(&frame, "instance");
    pack_string(&frame, "me");
    pack_string(&frame, "concurrency");
    pack_u64(&frame, 5);
    pack_string(&frame, "held");
    pack_raw(&frame, list_of(none, 1));
    session_describe(&sessions, session, buffer_bytes(&frame), &limits);
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

START_TEST(a_session_keeps_what_its_register_frame_said)
{
    struct session *session = join(1);
    memset(frame.data, 0, frame.size);
    ck_assert(bytes_equal(session->said.instance, text("me")));
    ck_assert_uint_eq(session->capacity, 5);
    ck_assert_int_eq(session->state, SESSION_ASKED);
    ck_assert_uint_eq(held_count(session), 1);
    ck_assert_uint_eq(sessions.busy_count, 1);
}
END_TEST

START_TEST(sessions_are_found_by_connection_number_and_id)
{
    struct session *one = join(1), *two = join(2);
    struct id id = { { 7 } };
    ck_assert_ptr_ne(one, two);
    ck_assert_ptr_eq(session_of(&sessions, bytes_of(identity, IDENTITY_SIZE)), two);
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
    ck_assert_ptr_nonnull(join(1));
    ck_assert_ptr_nonnull(join(2));
    ck_assert_ptr_nonnull(join(3));
    ck_assert_ptr_null(join(4));
}
END_TEST

START_TEST(leases_are_held_once_and_dropped)
{
    static const uint8_t two[2] = { 1, 9 };
    struct session *session = join(1);
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
    struct session *session = join(1); /* holds 0 */
    session_hold(&sessions, session, token(1));
    session_compare(&sessions, session, list_of(named, 2));
    ck_assert_uint_eq(held_count(session), 3); /* 2 is news, 0 may be on its way */
    session_compare(&sessions, session, list_of(named, 1));
    ck_assert_uint_eq(held_count(session), 2);
    session_compare(&sessions, session, list_of(named, 2));
    ck_assert_uint_eq(held_count(session), 2);
}
END_TEST

START_TEST(who_does_not_read_is_told_no_more_until_it_names_what_it_was_told)
{
    static const uint8_t guessed[2] = { 0, 7 }, told[1] = { 8 };
    enum { LARGE = UNREAD_MAX / 4 + 1 };
    struct session *session = join(1);
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
    tcase_add_test(tests, a_session_keeps_what_its_register_frame_said);
    tcase_add_test(tests, sessions_are_found_by_connection_number_and_id);
    tcase_add_test(tests, there_are_no_more_sessions_than_the_limit);
    tcase_add_test(tests, leases_are_held_once_and_dropped);
    tcase_add_test(tests, a_lease_that_the_worker_does_not_name_twice_is_dropped);
    tcase_add_test(
        tests, who_does_not_read_is_told_no_more_until_it_names_what_it_was_told);
    suite_add_tcase(suite, tests);
    return suite;
}

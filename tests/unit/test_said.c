/* Goal: what strangers say in targets, documents and ids is taken as what it is, or not
 * at all. */
#include "base/json_read.h"
#include "gateway/said.h"
#include "gateway/target.h"
#include "gateway/workflow_graph/lease_id.h"
#include "gateway/workflow_graph/names.h"
#include "tests/unit/gateway_suites.h"

static struct arena arena;
static struct buffer packed, out;
static struct fault fault;

static void
tear_down(void)
{
    buffer_free(&packed);
    buffer_free(&out);
    arena_free(&arena);
}

START_TEST(what_is_of_another_type_was_not_said)
{
    ck_assert_int_eq(json_to_msgpack(text("{\"text\":\"t\",\"number\":7,\"list\":[1,2],"
                                          "\"id\":\"run_00000000000000000000000001\"}"),
                         &packed, NULL, &fault),
        ERR_NONE);
    struct bytes document = buffer_bytes(&packed);
    size_t count = 9;
    struct id id, none = { { 0 } };
    ck_assert_int_eq(
        id_read(text("run_00000000000000000000000001"), "run_", &id), ERR_NONE);
    ck_assert(bytes_equal(said_text(document, "text"), text("t")));
    ck_assert_uint_eq(said_text(document, "number").size, 0);
    ck_assert_uint_eq(said_number(document, "number"), 7);
    ck_assert_uint_eq(said_number(document, "text"), 0);
    struct id said = said_id(document, "id", "run_");
    ck_assert_mem_eq(&said, &id, sizeof id);
    said = said_id(document, "id", "job_");
    ck_assert_mem_eq(&said, &none, sizeof none);
    struct cursor items = said_items(document, "list", &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(cursor_u64(&items), 1);
    said_items(document, "text", &count);
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(a_target_is_decoded_or_refused)
{
    static const char twice[] = "/a?a_name_that_is_much_longer_than_forty_letters=1&"
                                "a_name_that_is_much_longer_than_forty_letters=2";
    static const char *const wrong[] = { "/%2", "/%0", "/%:0", "/%0/", "/%!0", "/%G0",
        "/%0`", "/%00", "/%/0", "/%g0", "/a?x=%zz", "/a?%zz=x", twice };
    struct target target;
    for (size_t i = 0; i < COUNT(wrong); i++)
        ck_assert_msg(
            target_read(text(wrong[i]), &arena, &target, &fault) == ERR_MALFORMED, "%s",
            wrong[i]);
    ck_assert_str_eq(
        fault.detail, "the query has 'a_name_that_is_much_longer_than_forty_le' twice");
    ck_assert_int_eq(
        target_read(text("/%e2%82%AC/%41%30%50%09?%3D=+"), &arena, &target, &fault),
        ERR_NONE);
    ck_assert(bytes_equal(target.segments[0], text("\xe2\x82\xac")));
    ck_assert(bytes_equal(target.segments[1], text("A0P\t")));
    ck_assert(bytes_equal(target_query(&target, "="), text(" ")));
}
END_TEST

static const struct lease_id whole = {
    .ttl_s = 60,
    .session = { (const uint8_t *)"\xff\xef\xbe", 3 },
    .token = { (const uint8_t *)"\xfb\xf0\xff\xfe", 4 },
    .worker = { (const uint8_t *)"w", 1 },
    .workflow = { (const uint8_t *)"f", 1 },
    .job = { (const uint8_t *)"j", 1 },
    .run = { { 1, 2, 3 } },
    .attempt = 4,
};

/* The text of a lease id of these fields, with `worker` of that size. */
static struct bytes
written(uint32_t ttl_s, size_t worker)
{
    static uint8_t letters[2 * WORKER_ID_MAX];
    struct lease_id id = whole;
    memset(letters, 'w', sizeof letters);
    id.ttl_s = ttl_s;
    id.worker = bytes_of(letters, worker);
    buffer_clear(&out);
    lease_id_write(&out, &id);
    return buffer_bytes(&out);
}

START_TEST(a_lease_id_comes_back_whole)
{
    struct lease_id id;
    /* All lengths modulo 3, so that every end of base64 is met. */
    for (size_t worker = 1; worker <= 6; worker++) {
        struct bytes in = written(TTL_MAX_S, worker);
        for (size_t i = 0; i < in.size; i++)
            ck_assert_ptr_nonnull(memchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                                         "tuvwxyz0123456789-_",
                in.data[i], 64));
        ck_assert(lease_id_read(in, &arena, &id));
        ck_assert_uint_eq(id.worker.size, worker);
        ck_assert(bytes_equal(id.token, whole.token));
        ck_assert_mem_eq(&id.run, &whole.run, sizeof id.run);
        ck_assert_uint_eq(id.attempt, 4);
    }
}
END_TEST

START_TEST(what_is_no_lease_id_is_refused)
{
    /* Base64 of: nothing, 5, a list of 7, 8 of which the first is a text, and 8 whose
     * run has 1 byte. */
    static const char *const wrong[] = { "", "*", "BQ", "lwECAwQFBgc",
        "mKF4xADEAKF3oWagxAEBAQ", "mAHEAMQAoXehZqFqxAEBAQ" };
    struct lease_id id;
    for (size_t i = 0; i < COUNT(wrong); i++)
        ck_assert_msg(!lease_id_read(text(wrong[i]), &arena, &id), "%s", wrong[i]);
    ck_assert(!lease_id_read(written(TTL_MAX_S + 1, 1), &arena, &id));
    ck_assert(!lease_id_read(written(1, 0), &arena, &id));
    ck_assert(lease_id_read(written(1, WORKER_ID_MAX), &arena, &id));
    ck_assert(!lease_id_read(written(1, WORKER_ID_MAX + 1), &arena, &id));
    struct bytes in = written(1, 1);
    for (size_t size = 0; size < in.size - 1; size++)
        ck_assert(!lease_id_read(bytes_of(in.data, size), &arena, &id));
}
END_TEST

/* An escape that is none stays as it is. */
START_TEST(a_key_is_the_id_that_it_was_made_of)
{
    static const char *const keys[][2] = { { "_-x41", "A" }, { "_-x4", "_-x4" },
        { "_-x/1", "_-x/1" }, { "_-x1/", "_-x1/" }, { "_-xg1", "_-xg1" },
        { "_-x1g", "_-x1g" }, { "_-x:1", "_-x:1" } };
    for (size_t i = 0; i < COUNT(keys); i++) {
        buffer_clear(&out);
        id_from_key(&out, text(keys[i][0]));
        ck_assert(bytes_equal(buffer_bytes(&out), text(keys[i][1])));
    }
}
END_TEST

Suite *
said_suite(void)
{
    Suite *suite = suite_create("said");
    TCase *tests = tcase_create("said");
    tcase_add_checked_fixture(tests, NULL, tear_down);
    tcase_add_test(tests, what_is_of_another_type_was_not_said);
    tcase_add_test(tests, a_target_is_decoded_or_refused);
    tcase_add_test(tests, a_lease_id_comes_back_whole);
    tcase_add_test(tests, what_is_no_lease_id_is_refused);
    tcase_add_test(tests, a_key_is_the_id_that_it_was_made_of);
    suite_add_tcase(suite, tests);
    return suite;
}

/* Goal: a target has one reading or none; the table finds the row, and openapi.json
 * tells strangers the same as the table. */
#include "gateway/auth.h"
#include "gateway/router.h"
#include "tests/unit/gateway_suites.h"
#include "transport/messages.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct target target;
static struct fault fault;

static enum err
take(const char *raw)
{
    return target_read(text(raw), &arena, &target, &fault);
}

START_TEST(a_target_is_cut_and_decoded)
{
    ck_assert_int_eq(take("/a/b%20c/%C3%A9%2F?x=1+2&y=%2B&z&=w"), ERR_NONE);
    ck_assert_uint_eq(target.segment_count, 3);
    ck_assert(bytes_equal(target.segments[1], text("b c")));
    ck_assert(bytes_equal(target.segments[2], text("\xc3\xa9/")));
    ck_assert(bytes_equal(target_query(&target, "x"), text("1 2")));
    ck_assert(bytes_equal(target_query(&target, "y"), text("+")));
    ck_assert_uint_eq(target_query(&target, "z").size, 0);
    ck_assert_ptr_nonnull(target_query(&target, "z").data);
    ck_assert_ptr_null(target_query(&target, "a").data);
    ck_assert_int_eq(take("/"), ERR_NONE);
    ck_assert_uint_eq(target.segment_count, 0);
}
END_TEST

START_TEST(a_target_is_that_of_a_folder_or_not)
{
    static const char *const folders[] = { "/", "/a/", "/a/b/?c=d", "http://a" };
    static const char *const others[] = { "/a", "/a/b", "/a?b=/", "http://a/b" };
    for (size_t i = 0; i < COUNT(folders); i++) {
        ck_assert_int_eq(take(folders[i]), ERR_NONE);
        ck_assert_msg(target.folder, "%s", folders[i]);
    }
    for (size_t i = 0; i < COUNT(others); i++) {
        ck_assert_int_eq(take(others[i]), ERR_NONE);
        ck_assert_msg(!target.folder, "%s", others[i]);
    }
}
END_TEST

START_TEST(a_target_may_name_the_host)
{
    ck_assert_int_eq(take("/a"), ERR_NONE);
    ck_assert_uint_eq(target.host.size, 0);
    ck_assert_int_eq(take("http://b:80/a?x=1"), ERR_NONE);
    ck_assert(bytes_equal(target.host, text("b:80")));
    ck_assert_uint_eq(target.segment_count, 1);
    ck_assert(bytes_equal(target.segments[0], text("a")));
    ck_assert(bytes_equal(target_query(&target, "x"), text("1")));
    ck_assert_int_eq(take("HTTPS://b"), ERR_NONE);
    ck_assert(bytes_equal(target.host, text("b")));
    ck_assert_uint_eq(target.segment_count, 0);
    ck_assert_int_eq(take("http://b?x=2"), ERR_NONE);
    ck_assert_uint_eq(target.segment_count, 0);
    ck_assert(bytes_equal(target_query(&target, "x"), text("2")));
}
END_TEST

START_TEST(a_target_with_two_readings_is_malformed)
{
    static const char *const wrong[] = { "", "a", "*", "http:/a/b", "http://",
        "http:///a", "http://u@a/b", "https://?a", "ftp://a/b", "http://a b/",
        "http://a#/", "//", "/a//b", "/.", "/a/..", "/%2e%2E", "/%2E", "/a%", "/a%2",
        "/a%gg", "/%00", "/a?b=%00", "/%ff", "/%c0%80", "/a b", "/a\x7f", "/\xc3\xa9",
        "/a#b", "/a\\b", "/a?b=1&b=2", "?a=1" };
    for (size_t i = 0; i < COUNT(wrong); i++)
        ck_assert_msg(take(wrong[i]) == ERR_MALFORMED, "%s", wrong[i]);
    ck_assert_int_eq(take("/a/"), ERR_NONE);
    ck_assert_uint_eq(target.segment_count, 1);
}
END_TEST

START_TEST(a_target_is_bounded)
{
    char raw[TARGET_SIZE_MAX + 2];
    memset(raw, 'a', sizeof raw);
    raw[0] = '/';
    raw[TARGET_SIZE_MAX + 1] = '\0';
    ck_assert_int_eq(take(raw), ERR_TOO_LARGE);
    raw[TARGET_SIZE_MAX] = '\0';
    ck_assert_int_eq(take(raw), ERR_NONE);
    ck_assert_int_eq(take("/1/2/3/4/5/6/7/8/9/10/11/12/13"), ERR_TOO_LARGE);
    ck_assert_int_eq(take("/?a&b&c&d&e&f&g&h&i&j&k&l&m"), ERR_TOO_LARGE);
}
END_TEST

static const struct http_route rows[] = {
    { METHOD_GET, "/v1/runs", 0, BODY_NONE, "limit cursor ", NULL },
    { METHOD_POST, "/v1/runs", 0, BODY_JSON, "", NULL },
    { METHOD_GET, "/v1/runs/{id}", 0, BODY_NONE, "", NULL },
    { METHOD_POST, "/v1/runs/{id}/cancel", 0, BODY_MAYBE, "", NULL },
};
static const struct route_table tables[] = { { rows, 2 }, { rows + 2, 2 } };
static struct router router;
static struct route_match match;

static void
open_router(void)
{
    router_open(&router, tables, COUNT(tables));
}

static void
close_router(void)
{
    router_close(&router);
}

static enum err
find(enum method method, const char *raw)
{
    ck_assert_int_eq(take(raw), ERR_NONE);
    return router_find(&router, method, &target, &match, &fault);
}

START_TEST(a_number_is_nothing_but_digits)
{
    static const char *const wrong[] = { "", "x", "1x2", " 1", "-1", "+1", "1.0",
        "9223372036854775808", "00000000000000000001" };
    uint64_t number = 7;
    for (size_t i = 0; i < COUNT(wrong); i++)
        ck_assert_msg(!target_number(text(wrong[i]), &number), "%s", wrong[i]);
    ck_assert_uint_eq(number, 7);
    ck_assert(target_number(text("0"), &number));
    ck_assert_uint_eq(number, 0);
    ck_assert(target_number(text("0012"), &number));
    ck_assert_uint_eq(number, 12);
    ck_assert(target_number(text("9223372036854775807"), &number));
    ck_assert_uint_eq(number, INT64_MAX);
}
END_TEST

START_TEST(the_row_of_a_request_is_found)
{
    ck_assert_int_eq(find(METHOD_GET, "/v1/runs?limit=1&cursor=x"), ERR_NONE);
    ck_assert_ptr_eq(match.route, &rows[0]);
    ck_assert_int_eq(find(METHOD_POST, "/v1/runs/"), ERR_NONE);
    ck_assert_ptr_eq(match.route, &rows[1]);
    ck_assert_int_eq(find(METHOD_POST, "/v1/runs/run%5F1/cancel"), ERR_NONE);
    ck_assert_ptr_eq(match.route, &rows[3]);
    ck_assert(bytes_equal(match.captures[0], text("run_1")));
    ck_assert_int_eq(find(METHOD_GET, "/v1/runs/a%2Fcancel"), ERR_NONE);
    ck_assert_ptr_eq(match.route, &rows[2]);
}
END_TEST

START_TEST(what_has_no_row_is_not_found_or_told_its_methods)
{
    static const char *const wrong[] = { "/", "/v1", "/v1/run", "/v1/runss",
        "/v1/runs/a/b", "/V1/runs", "/v1/runs/a/cancel/b", "/v1%2Fruns",
        "/v1/runs/a/cancel%2F" };
    for (size_t i = 0; i < COUNT(wrong); i++)
        ck_assert_int_eq(find(METHOD_GET, wrong[i]), ERR_NOT_FOUND);
    ck_assert_int_eq(find(METHOD_DELETE, "/v1/runs"), ERR_METHOD);
    ck_assert_uint_eq(match.allowed, 1u << METHOD_GET | 1u << METHOD_POST);
    ck_assert_int_eq(find(METHOD_OTHER, "/v1/runs/a"), ERR_METHOD);
    ck_assert_uint_eq(match.allowed, 1u << METHOD_GET);
    ck_assert_int_eq(find(METHOD_GET, "/v1/runs?lim=1"), ERR_MALFORMED);
    ck_assert_int_eq(find(METHOD_GET, "/v1/runs?limit%20=1"), ERR_MALFORMED);
    ck_assert_int_eq(find(METHOD_POST, "/v1/runs?=1"), ERR_MALFORMED);
}
END_TEST

START_TEST(the_root_may_have_a_row)
{
    static const struct http_route root = { METHOD_GET, "/", 0, BODY_NONE, "", NULL };
    const struct route_table with_root[] = { { &root, 1 }, { rows, COUNT(rows) } };
    router_close(&router);
    router_open(&router, with_root, COUNT(with_root));
    ck_assert_int_eq(find(METHOD_GET, "/"), ERR_NONE);
    ck_assert_ptr_eq(match.route, &root);
    ck_assert_int_eq(find(METHOD_GET, "/v1"), ERR_NOT_FOUND);
    ck_assert_int_eq(find(METHOD_GET, "/v1/runs"), ERR_NONE);
    ck_assert_ptr_eq(match.route, &rows[0]);
}
END_TEST

START_TEST(methods_have_names)
{
    ck_assert_int_eq(method_read("GET"), METHOD_GET);
    ck_assert_int_eq(method_read("HEAD"), METHOD_GET);
    ck_assert_int_eq(method_read("DELETE"), METHOD_DELETE);
    ck_assert_int_eq(method_read("get"), METHOD_OTHER);
    ck_assert_int_eq(method_read(""), METHOD_OTHER);
}
END_TEST

/* How many parameters of the operation are in the query, and is each in `names`? */
static size_t
count_queries(const json_t *operation, const char *names)
{
    size_t count = 0, i;
    json_t *parameter;
    json_array_foreach(json_object_get(operation, "parameters"), i, parameter)
    {
        char name[64];
        if (strcmp(json_string_value(json_object_get(parameter, "in")), "query") != 0)
            continue;
        snprintf(name, sizeof name, "%s ",
            json_string_value(json_object_get(parameter, "name")));
        ck_assert_msg(strstr(names, name) != NULL, "%s", name);
        count++;
    }
    return count;
}

static size_t
count_words(const char *words)
{
    size_t count = 0;
    for (; words != NULL && *words != '\0'; words++)
        count += *words == ' ';
    return count;
}

static void
check_operation(const json_t *paths, const char *method, const char *path,
    unsigned scope, enum body_kind body, const char *queries, const char *name)
{
    char lower[16] = "";
    for (size_t i = 0; method[i] != '\0'; i++)
        lower[i] = (char)(method[i] | 0x20);
    const json_t *operation = json_object_get(json_object_get(paths, path), lower);
    ck_assert_msg(operation != NULL, "%s %s is not in openapi.json", method, path);
    ck_assert_str_eq(
        json_string_value(json_object_get(operation, "operationId")), name);
    const char *said = json_string_value(json_object_get(operation, "x-scope"));
    if (scope == 0)
        ck_assert_ptr_null(said);
    else
        ck_assert_str_eq(said, scope_name(scope));
    const json_t *taken = json_object_get(operation, "requestBody");
    ck_assert_int_eq(taken != NULL, body != BODY_NONE);
    ck_assert_int_eq(json_is_true(json_object_get(taken, "required")),
        body == BODY_JSON || body == BODY_DEFINITION);
    ck_assert_uint_eq(count_queries(operation, queries), count_words(queries));
}

START_TEST(openapi_says_what_the_table_says)
{
    char file[512];
    json_error_t error;
    size_t row_count = 0, operation_count = 0;
    const char *source = getenv("CAPSTAN_SOURCE"), *path;
    snprintf(file, sizeof file, "%s/gateway/native/openapi.json",
        source != NULL ? source : ".");
    json_t *api = json_load_file(file, JSON_REJECT_DUPLICATES, &error), *operations;
    ck_assert_msg(api != NULL, "%s: %s", file, error.text);
    json_t *paths = json_object_get(api, "paths");
#define ROUTE(method, path, scope, body, queries, serve, sentence)                     \
    check_operation(paths, #method, path, scope, BODY_##body, queries, #serve);        \
    row_count++;
#include "gateway/native/routes.def"
    json_object_foreach(paths, path, operations)
    {
        operation_count += json_object_size(operations);
    }
    ck_assert_uint_eq(operation_count, row_count);
    json_decref(api);
}
END_TEST

Suite *
router_suite(void)
{
    Suite *suite = suite_create("router");
    TCase *tests = tcase_create("router");
    tcase_add_checked_fixture(tests, open_router, close_router);
    tcase_add_test(tests, a_target_is_cut_and_decoded);
    tcase_add_test(tests, a_target_is_that_of_a_folder_or_not);
    tcase_add_test(tests, a_target_may_name_the_host);
    tcase_add_test(tests, a_target_with_two_readings_is_malformed);
    tcase_add_test(tests, a_target_is_bounded);
    tcase_add_test(tests, a_number_is_nothing_but_digits);
    tcase_add_test(tests, the_row_of_a_request_is_found);
    tcase_add_test(tests, what_has_no_row_is_not_found_or_told_its_methods);
    tcase_add_test(tests, the_root_may_have_a_row);
    tcase_add_test(tests, methods_have_names);
    tcase_add_test(tests, openapi_says_what_the_table_says);
    suite_add_tcase(suite, tests);
    return suite;
}

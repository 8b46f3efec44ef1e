/* Goal: the key of a webhook opens for the request that it is for, and for nothing
 * else. Method: parameters in JSON, with the sealed key in their text. */
#include "base/base64.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "gateway/signing.h"
#include "tests/unit/gateway_suites.h"

static const uint8_t key[SIGNING_KEY_SIZE] = { 1, 2, 3 };
static const struct id project = { { 1 } }, other_project = { { 2 } };
static struct gateway gateway;

/* `wanted`: the parameters as the worker gets them, NULL: as they are; @ in them is the
 * sealed key. */
static void
expect(const char *action, const struct id *of, const char *parameters,
    const char *sealed, const char *wanted)
{
    struct buffer said = { 0 }, packed = { 0 }, opened = { 0 }, shown = { 0 };
    struct fault fault;
    const char *hole = strchr(parameters, '@');
    if (hole != NULL) {
        buffer_append(&said, parameters, (size_t)(hole - parameters));
        buffer_append_bytes(&said, text(sealed));
    }
    buffer_append_bytes(&said, text(hole != NULL ? hole + 1 : parameters));
    ck_assert_int_eq(
        json_to_msgpack(buffer_bytes(&said), &packed, NULL, &fault), ERR_NONE);
    struct job_granted job = { .action = text(action),
        .parameters = buffer_bytes(&packed) };
    bool opens = signing_open(&gateway, of, &job, &opened);
    ck_assert_msg(opens == (wanted != NULL), "%s", parameters);
    if (opens) {
        ck_assert_int_eq(msgpack_to_json(buffer_bytes(&opened), &shown), ERR_NONE);
        ck_assert(bytes_equal(buffer_bytes(&shown), text(wanted)));
    } else {
        ck_assert_uint_eq(opened.size, 0);
    }
    buffer_free(&said);
    buffer_free(&packed);
    buffer_free(&opened);
    buffer_free(&shown);
}

START_TEST(a_sealed_key_opens_for_its_project_and_a_request_alone)
{
    static const char parameters[] =
        "{\"url\":\"u\",\"sign\":{\"secret\":\"s\",\"sealed_key\":\"@\",\"n\":[1]},"
        "\"body\":{\"sign\":{\"sealed_key\":\"x\"}}}";
    struct buffer sealed = { 0 };
    signing_seal(&gateway, &project, key, &sealed);
    buffer_append(&sealed, "", 1);
    const char *text = (const char *)sealed.data;
    expect("http.request", &project, parameters, text,
        "{\"url\":\"u\",\"sign\":{\"secret\":\"s\","
        "\"key\":\"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"n\":[1]},"
        "\"body\":{\"sign\":{\"sealed_key\":\"x\"}}}");
    expect("http.request", &other_project, parameters, text, NULL);
    expect("print", &project, parameters, text, NULL);
    expect("http.request", &project, "{\"sealed_key\":\"@\"}", text, NULL);
    expect("http.request", &project, "{\"sign\":\"@\"}", text, NULL);
    sealed.data[3] ^= 1;
    expect("http.request", &project, parameters, text, NULL);
    buffer_free(&sealed);
}
END_TEST

START_TEST(what_is_not_sealed_is_left_as_it_is)
{
    static const char *const parameters[] = { "{}", "{\"sign\":null}", "{\"sign\":{}}",
        "{\"sign\":{\"sealed_key\":7}}", "[]", "{\"sign\":{\"sealed_key\":\"\"}}",
        "{\"sign\":{\"sealed_key\":\"AAAA\"}}" };
    for (size_t i = 0; i < COUNT(parameters); i++)
        expect("http.request", &project, parameters[i], "", NULL);
}
END_TEST

Suite *
signing_suite(void)
{
    Suite *suite = suite_create("signing");
    TCase *tests = tcase_create("signing");
    tcase_add_test(tests, a_sealed_key_opens_for_its_project_and_a_request_alone);
    tcase_add_test(tests, what_is_not_sealed_is_left_as_it_is);
    suite_add_tcase(suite, tests);
    return suite;
}

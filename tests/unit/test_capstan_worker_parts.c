/* Goal: the small parts of libcapstan and of the stock worker, without a gateway. */
#include "base/pack.h"
#include "tests/unit/test_capstan_worker.h"
#include "workers/c/clean.h"
#include "workers/c/heard.h"
#include "workers/c/options.h"
#include "workers/c/worker.h"
#include "workers/stock/chance.h"
#include "workers/stock/duration.h"
#include "workers/stock/json_text.h"

#include <limits.h>
#include <malloc.h>
#include <stdlib.h>

START_TEST(a_frame_is_read_in_one_pass)
{
    struct heard heard;
    struct buffer b = { 0 };
    pack_map(&b, 6);
    pack_string(&b, "type");
    pack_string(&b, "heartbeat");
    pack_string(&b, "surprise");
    pack_array(&b, 1);
    pack_map(&b, 0);
    pack_string(&b, "sequence");
    pack_u64(&b, 9);
    pack_string(&b, "reason");
    pack_nil(&b);
    pack_u64(&b, 5); /* a key that is no text */
    pack_u64(&b, 6);
    pack_string(&b, "lost");
    pack_array(&b, 1);
    pack_blob(&b, text("t"));
    ck_assert_int_eq(heard_read(buffer_bytes(&b), &heard), ERR_NONE);
    ck_assert(bytes_equal(heard.type, text("heartbeat")));
    ck_assert_uint_eq(heard.sequence, 9);
    ck_assert_uint_eq(heard.reason.size, 0);
    ck_assert(!heard.leave);
    size_t left;
    struct bytes token;
    struct cursor list = heard_list(heard.lost, &left);
    ck_assert(heard_token(&list, &left, &token));
    ck_assert(bytes_equal(token, text("t")));
    ck_assert(!heard_token(&list, &left, &token));
    list = heard_list(heard.cancel, &left);
    ck_assert(!heard_token(&list, &left, &token));
    for (size_t size = 0; size < b.size; size++)
        ck_assert_int_eq(heard_read(bytes_of(b.data, size), &heard), ERR_MALFORMED);
    buffer_free(&b);
}
END_TEST

START_TEST(texts_are_cut_between_characters)
{
    ck_assert_uint_eq(clean_cut("abc", 10).size, 3);
    ck_assert_uint_eq(clean_cut("abc", 2).size, 2);
    ck_assert_uint_eq(clean_cut("aü", 2).size, 1);
    ck_assert_uint_eq(clean_cut("a😀", 4).size, 1);
    ck_assert_uint_eq(clean_cut("a😀", 5).size, 5);
    ck_assert_uint_gt(clean_cut("\x80\x80\x80\x80\x80\x80\x80", 6).size, 0);
}
END_TEST

START_TEST(the_instance_is_that_of_the_platform)
{
    char one[256], two[256];
    unsetenv("K_REVISION");
    unsetenv("KUBERNETES_SERVICE_HOST");
    unsetenv("FLY_MACHINE_ID");
    unsetenv("RAILWAY_REPLICA_ID");
    unsetenv("RENDER_INSTANCE_ID");
    ck_assert_str_ne(capstan_instance(one), capstan_instance(two));
    setenv("RENDER_INSTANCE_ID", "render-1", 1);
    ck_assert_str_eq(capstan_instance(one), "render-1");
    setenv("RAILWAY_REPLICA_ID", "railway-1", 1);
    ck_assert_str_eq(capstan_instance(one), "railway-1");
    setenv("FLY_MACHINE_ID", "fly-1", 1);
    ck_assert_str_eq(capstan_instance(one), "fly-1");
    setenv("HOSTNAME", "pod-1", 1);
    ck_assert_str_eq(capstan_instance(one), "fly-1");
    setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
    ck_assert_str_eq(capstan_instance(one), "pod-1");
    setenv("K_REVISION", "rev-1", 1);
    ck_assert_ptr_eq(strstr(capstan_instance(one), "rev-1-"), one);
}
END_TEST

static const char *
url_of(const char *given)
{
    static char url[64];
    struct options options;
    struct fault fault;
    struct capstan_options from = { .url = given };
    ck_assert_int_eq(options_take(&from, &options, &fault), ERR_NONE);
    strncpy(url, options.url, sizeof url - 1);
    options_free(&options);
    return url;
}

START_TEST(the_address_follows_the_engine)
{
    unsetenv("CAPSTAN_URL");
    unsetenv("CAPSTAN_WORKER_URL");
    ck_assert_str_eq(url_of(NULL), "tcp://127.0.0.1:5170");
    setenv("CAPSTAN_URL", "http://engine.example:3000/x", 1);
    ck_assert_str_eq(url_of(NULL), "tcp://engine.example:5170");
    setenv("CAPSTAN_URL", "https://[::1]:3000", 1);
    ck_assert_str_eq(url_of(NULL), "tcp://[::1]:5170");
    setenv("CAPSTAN_URL", "http://name:secret@engine.example:3000/a@b", 1);
    ck_assert_str_eq(url_of(NULL), "tcp://engine.example:5170");
    setenv("CAPSTAN_WORKER_URL", "tcp://10.0.0.1:9", 1);
    ck_assert_str_eq(url_of(NULL), "tcp://10.0.0.1:9");
    ck_assert_str_eq(url_of("tcp://a:1"), "tcp://a:1");
}
END_TEST

/* UINT_MAX: it makes no sense. */
static unsigned
drain_of(unsigned given, const char *said)
{
    struct options options;
    struct fault fault;
    struct capstan_options from = { .drain_ms = given };
    setenv("CAPSTAN_DRAIN_MS", said, 1);
    enum err e = options_take(&from, &options, &fault);
    unsigned ms = options.drain_ms;
    options_free(&options);
    if (e != ERR_NONE)
        ck_assert_ptr_nonnull(strstr(fault.detail, "CAPSTAN_DRAIN_MS: '"));
    return e == ERR_NONE ? ms : UINT_MAX;
}

START_TEST(who_started_the_worker_says_how_long_it_may_drain)
{
    ck_assert_uint_eq(drain_of(0, ""), 10000);
    ck_assert_uint_eq(drain_of(0, "4000"), 4000);
    ck_assert_uint_eq(drain_of(0, "0"), 0);
    ck_assert_uint_eq(drain_of(7, "4000"), 7);
    ck_assert_uint_eq(drain_of(0, "4s"), UINT_MAX);
    ck_assert_uint_eq(drain_of(0, "86400001"), UINT_MAX);
    ck_assert_uint_eq(drain_of(0, "99999999999999999999"), UINT_MAX);
}
END_TEST

START_TEST(durations_are_read)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = { { "0s", 0 }, { "250ms", 250 }, { "1.5s", 1500 }, { "2m", 120000 },
        { "1h1m1s1ms", 3661001 } };
    static const char *const wrong[] = { "", "5", "s", "-1s", "1x", "1s ", "0x1s",
        "infs", "9999999999h", "1.2.3s", "nan" };
    uint64_t ms;
    for (size_t i = 0; i < COUNT(good); i++) {
        ck_assert_msg(duration_read(good[i].text, &ms), "%s", good[i].text);
        ck_assert_uint_eq(ms, good[i].ms);
    }
    for (size_t i = 0; i < COUNT(wrong); i++)
        ck_assert_msg(!duration_read(wrong[i], &ms), "%s", wrong[i]);
    ck_assert(!duration_seconds(-1, &ms));
    ck_assert(!duration_seconds(1.0 / 0.0, &ms));
}
END_TEST

START_TEST(chance_keeps_within_bounds)
{
    bool seen[3] = { false };
    char uuid[37];
    for (int i = 0; i < 1000; i++) {
        int64_t found = chance_between(-1, 1);
        ck_assert_int_ge(found, -1);
        ck_assert_int_le(found, 1);
        seen[found + 1] = true;
        double part = chance_part();
        ck_assert(part >= 0 && part < 1);
    }
    ck_assert(seen[0] && seen[1] && seen[2]);
    ck_assert_int_eq(chance_between(5, 5), 5);
    chance_between(INT64_MIN, INT64_MAX);
    ck_assert_uint_eq(strlen(chance_uuid(uuid)), 36);
    ck_assert_int_eq(uuid[14], '4');
}
END_TEST

START_TEST(values_are_printed_as_json)
{
    struct buffer in = { 0 }, out = { 0 };
    pack_map(&in, 5);
    pack_string(&in, "a\"b\n\x01");
    pack_array(&in, 3);
    pack_i64(&in, -1);
    pack_nil(&in);
    pack_bool(&in, true);
    pack_string(&in, "x");
    pack_double(&in, 0.5);
    pack_string(&in, "y");
    pack_blob(&in, bytes_of("\x01\xff", 2));
    pack_string(&in, "z");
    pack_double(&in, 1.0 / 0.0);
    pack_string(&in, "u");
    pack_double(&in, 0.1);
    json_text(&out, buffer_bytes(&in));
    buffer_append(&out, "", 1);
    ck_assert_str_eq((char *)out.data, "{\"a\\\"b\\n\\u0001\":[-1,null,true],\"x\":0.5,"
                                       "\"y\":\"01ff\",\"z\":null,\"u\":0.1}");
    buffer_free(&in);
    buffer_free(&out);
}
END_TEST

enum { PRINTED = 65536 };

/* The line was full when it had to end. */
static void
free_with_a_log(void)
{
    static const uint8_t printed[PRINTED];
    struct capstan_options options = { .url = "tcp://127.0.0.1:1", .key = "cap_test" };
    struct capstan_worker *worker = capstan_worker_new(&options);
    struct log_chunk *log = calloc(1, sizeof *log);
    ck_assert_ptr_nonnull(log);
    buffer_append(&log->frame, printed, sizeof printed);
    list_append(&worker->logs, &log->link);
    capstan_worker_free(&worker);
    ck_assert_ptr_null(worker);
}

START_TEST(what_a_worker_could_not_say_is_freed_with_it)
{
    free_with_a_log(); /* what is allocated once is there */
    size_t before = mallinfo2().uordblks;
    free_with_a_log();
    ck_assert_uint_lt(mallinfo2().uordblks, before + PRINTED);
}
END_TEST

TCase *
worker_parts(void)
{
    TCase *t = tcase_create("parts");
    tcase_add_test(t, a_frame_is_read_in_one_pass);
    tcase_add_test(t, texts_are_cut_between_characters);
    tcase_add_test(t, the_instance_is_that_of_the_platform);
    tcase_add_test(t, the_address_follows_the_engine);
    tcase_add_test(t, who_started_the_worker_says_how_long_it_may_drain);
    tcase_add_test(t, durations_are_read);
    tcase_add_test(t, chance_keeps_within_bounds);
    tcase_add_test(t, values_are_printed_as_json);
    tcase_add_test(t, what_a_worker_could_not_say_is_freed_with_it);
    return t;
}

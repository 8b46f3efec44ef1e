/* Goal: an action reads what the gateway sent, and the gateway hears what the action
 * said. */
#include "tests/unit/test_capstan_worker.h"
#include "tests/unit/test_capstan_worker_gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rig rig;
static struct gateway *const g = &rig.gateway;
static struct buffer in;

static void
setup(void)
{
    rig_open(&rig);
}

static void
begin(capstan_action *action)
{
    rig_worker(&rig);
    capstan_worker_action(rig.worker, "test", action, NULL);
    rig_join_in(&rig);
}

static int
read_all(struct capstan_job *job, void *context)
{
    size_t size;
    (void)context;
    ck_assert_str_eq(capstan_job_id(job), "job_1");
    ck_assert_str_eq(capstan_job_run(job), "run_1");
    ck_assert_str_eq(capstan_job_step(job), "first");
    ck_assert_str_eq(capstan_job_action(job), "test");
    ck_assert_str_eq(capstan_job_queue(job), "default");
    ck_assert_str_eq(capstan_job_automation(job), "smoke");
    ck_assert_uint_eq(capstan_job_attempt(job), 2);
    ck_assert_uint_eq(capstan_job_deadline_ms(job), 4102444800000);
    ck_assert_int_eq(capstan_job_may_block(job), 1);
    ck_assert_str_eq(capstan_job_text(job, "text"), "Grüße");
    ck_assert_str_eq(capstan_job_text(job, "empty"), "");
    ck_assert_ptr_null(capstan_job_text(job, "int"));
    ck_assert_ptr_null(capstan_job_text(job, "absent"));
    ck_assert_int_eq(capstan_job_int(job, "int", 1), -7);
    ck_assert_int_eq(capstan_job_int(job, "text", 1), 1);
    ck_assert_int_eq(capstan_job_int(job, "absent", 42), 42);
    ck_assert_double_eq(capstan_job_double(job, "double", 0), 1.5);
    ck_assert_double_eq(capstan_job_double(job, "int", 0), -7);
    ck_assert_int_eq(capstan_job_bool(job, "yes", 0), 1);
    ck_assert_int_eq(capstan_job_bool(job, "absent", 1), 1);
    const void *list = capstan_job_raw(job, "list", &size);
    struct capstan_reader r = capstan_read_from(list, size);
    ck_assert_int_eq(capstan_read_type(&r), CAPSTAN_ARRAY);
    ck_assert_uint_eq(capstan_read_array(&r), 2);
    ck_assert_int_eq(capstan_read_int(&r), 1);
    ck_assert_ptr_nonnull(capstan_read_text(&r, &size));
    ck_assert_uint_eq(size, 3);
    ck_assert_int_eq(capstan_read_type(&r), CAPSTAN_NOTHING);
    ck_assert_int_eq(capstan_read_int(&r), 0);
    ck_assert_int_ne(r.bad, 0);
    ck_assert_ptr_nonnull(capstan_job_raw(job, NULL, &size));
    ck_assert_ptr_null(capstan_job_raw(job, "absent", &size));
    return capstan_job_complete_text(job, "read");
}

START_TEST(an_action_reads_what_its_job_says)
{
    pack_map(&in, 6);
    pack_string(&in, "text");
    pack_string(&in, "Grüße");
    pack_string(&in, "empty");
    pack_string(&in, "");
    pack_string(&in, "int");
    pack_i64(&in, -7);
    pack_string(&in, "double");
    pack_double(&in, 1.5);
    pack_string(&in, "yes");
    pack_bool(&in, true);
    pack_string(&in, "list");
    pack_array(&in, 2);
    pack_u64(&in, 1);
    pack_string(&in, "two");
    begin(read_all);
    gateway_job_with(g, 1, "test", buffer_bytes(&in));
    gateway_hear_report(g, 1, "completed");
    ck_assert_str_eq(gateway_text(g, "output"), "read");
    rig_close(&rig);
}
END_TEST

static int
read_nothing(struct capstan_job *job, void *context)
{
    size_t size;
    (void)context;
    ck_assert_ptr_null(capstan_job_text(job, "text"));
    ck_assert_int_eq(capstan_job_int(job, "int", 3), 3);
    ck_assert_ptr_null(capstan_job_raw(job, NULL, &size));
    return 0;
}

START_TEST(a_job_without_parameters_has_none)
{
    begin(read_nothing);
    gateway_say(g, "job", 1, "action", "test");
    gateway_hear_report(g, 1, "completed");
    rig_close(&rig);
}
END_TEST

static int
write_all(struct capstan_job *job, void *context)
{
    (void)context;
    capstan_write_map(job, 7);
    capstan_write_text(job, "nil");
    capstan_write_nil(job);
    capstan_write_text(job, "bool");
    capstan_write_bool(job, 1);
    capstan_write_text(job, "int");
    capstan_write_int(job, -1);
    capstan_write_text(job, "double");
    capstan_write_double(job, 0.5);
    capstan_write_text(job, "blob");
    capstan_write_blob(job, "\0\1", 2);
    capstan_write_text(job, "array");
    capstan_write_array(job, 1);
    capstan_write_text(job, "item");
    capstan_write_text(job, "raw");
    capstan_write_raw(job, "\xc3", 1);
    return capstan_job_complete(job);
}

START_TEST(an_output_can_be_written_piece_by_piece)
{
    begin(write_all);
    gateway_job(g, 1, "test");
    gateway_hear_report(g, 1, "completed");
    struct bytes output = pack_find(buffer_bytes(&g->frame), "output");
    struct cursor c = cursor_over(pack_find(output, "int"));
    ck_assert_int_eq(cursor_i64(&c), -1);
    c = cursor_over(pack_find(output, "blob"));
    ck_assert_uint_eq(cursor_blob(&c).size, 2);
    c = cursor_over(pack_find(output, "raw"));
    ck_assert(cursor_bool(&c));
    rig_close(&rig);
}
END_TEST

/* What is to be done is the job's `how`. */
static int
misbehave(struct capstan_job *job, void *context)
{
    const char *how = capstan_job_text(job, "how");
    static char big[5000];
    char deep[32]; /* an empty list in 31 others */
    (void)context;
    memset(deep, (char)0x91, sizeof deep);
    deep[31] = (char)0x90;
    if (strcmp(how, "fails") == 0)
        return capstan_job_fail(job, "CardDeclined", "no \xff money");
    if (strncmp(how, "asks", 4) == 0) {
        capstan_job_retry_after(job, strcmp(how, "asks") == 0 ? 1500 : UINT64_MAX);
        return capstan_job_fail(job, "Busy", "later");
    }
    if (strcmp(how, "returns") == 0)
        return 7;
    if (strcmp(how, "too large") == 0)
        return capstan_job_complete_text(job, memset(big, 'x', sizeof big - 1));
    if (strcmp(how, "not msgpack") == 0)
        return capstan_job_complete_raw(job, "\x93\x01", 2);
    if (strcmp(how, "two values") == 0)
        return capstan_job_complete_raw(job, "\x01\x02", 2);
    if (strcmp(how, "too deep") == 0)
        return capstan_job_complete_raw(job, deep, sizeof deep);
    if (strcmp(how, "not utf-8") == 0)
        return capstan_job_complete_text(job, "\xff\xfe");
    capstan_job_complete_text(job, "first");
    capstan_job_complete_text(job, "second");
    return capstan_job_fail(job, "Late", "too late");
}

static void
expect(const char *how, const char *outcome, const char *type, const char *message)
{
    static unsigned n;
    buffer_clear(&in);
    pack_map(&in, 1);
    pack_string(&in, "how");
    pack_string(&in, how);
    gateway_job_with(g, ++n, "test", buffer_bytes(&in));
    gateway_hear_report(g, n, outcome);
    ck_assert_str_eq(gateway_text(g, "error_type"), type);
    if (message != NULL)
        ck_assert_str_eq(gateway_text(g, "error_message"), message);
}

START_TEST(every_way_to_fail_has_a_name)
{
    begin(misbehave);
    expect("asks for much", "failed", "Busy", "later");
    ck_assert_uint_eq(gateway_number(g, "retry_after_ms"), 86400000);
    expect("asks", "failed", "Busy", "later");
    ck_assert_uint_eq(gateway_number(g, "retry_after_ms"), 1500);
    expect("fails", "failed", "CardDeclined", "no ? money");
    ck_assert_uint_eq(gateway_number(g, "retry_after_ms"), 0);
    expect("returns", "failed", "ActionError", "the action returned 7");
    expect(
        "too large", "failed", "OutputTooLarge", "5002 bytes; the engine takes 4096");
    expect("not msgpack", "failed", "InvalidOutput", NULL);
    expect("two values", "failed", "InvalidOutput", NULL);
    expect("not utf-8", "failed", "InvalidOutput", NULL);
    expect("too deep", "failed", "InvalidOutput", NULL);
    expect("says twice", "completed", "", NULL);
    ck_assert_str_eq(gateway_text(g, "output"), "first");
    gateway_job(g, 99, "unheard of");
    gateway_hear_report(g, 99, "failed");
    ck_assert_str_eq(gateway_text(g, "error_type"), "UnknownAction");
    rig_close(&rig);
}
END_TEST

static int
talk(struct capstan_job *job, void *context)
{
    size_t size = 65536 + 10;
    char *much = calloc(size + 1, 1);
    (void)context;
    memset(much, 'a', size);
    memcpy(much + 65535, "ü", 2); /* across the border */
    capstan_job_log(job, "stdout", "one\ntwo\n");
    capstan_job_log(job,
        "std\xff"
        "err",
        "bad \xc3( byte");
    capstan_job_log(job, "stdout", "");
    capstan_job_log(job, "stdout", much);
    free(much);
    return 0;
}

START_TEST(logs_come_before_the_report_and_in_order)
{
    begin(talk);
    gateway_job(g, 1, "test");
    gateway_hear(g, "log");
    ck_assert_str_eq(gateway_text(g, "token"), "token-1");
    ck_assert_str_eq(gateway_text(g, "stream"), "stdout");
    ck_assert_str_eq(gateway_text(g, "chunk"), "one\ntwo\n");
    gateway_hear(g, "log");
    ck_assert_str_eq(gateway_text(g, "stream"), "std?err");
    ck_assert_str_eq(gateway_text(g, "chunk"), "bad ?( byte");
    gateway_hear(g, "log");
    struct cursor c = cursor_over(pack_find(buffer_bytes(&g->frame), "chunk"));
    ck_assert_uint_eq(cursor_text(&c).size, 65535);
    gateway_hear(g, "log");
    gateway_hear_report(g, 1, "completed");
    rig_close(&rig);
}
END_TEST

static int
quick_or_not(struct capstan_job *job, void *context)
{
    (void)context;
    capstan_write_text(job, capstan_job_may_block(job) ? "thread" : "quick");
    capstan_job_log(job, "stdout", "called");
    return capstan_job_may_block(job) ? capstan_job_complete(job) : CAPSTAN_BLOCKS;
}

START_TEST(a_quick_action_that_would_block_gets_a_thread)
{
    rig_worker(&rig);
    capstan_worker_quick(rig.worker, "test", quick_or_not, NULL);
    rig_join_in(&rig);
    gateway_job(g, 1, "test");
    gateway_hear(g, "log");
    gateway_hear(g, "log");
    gateway_hear_report(g, 1, "completed");
    ck_assert_str_eq(gateway_text(g, "output"), "thread");
    rig_close(&rig);
}
END_TEST

static int
quick_log(struct capstan_job *job, void *context)
{
    (void)context;
    capstan_job_log(job, "stdout", "quick");
    return 0;
}

START_TEST(the_log_of_a_quick_action_comes_before_its_report_too)
{
    rig_worker(&rig);
    capstan_worker_quick(rig.worker, "test", quick_log, NULL);
    rig_join_in(&rig);
    for (unsigned n = 1; n <= 20; n++) {
        gateway_job(g, n, "test");
        gateway_hear(g, "log");
        gateway_hear_report(g, n, "completed");
    }
    rig_close(&rig);
}
END_TEST

static int
publish(struct capstan_job *job, void *context)
{
    static const uint8_t data[] = { 0x81, 0xa1, 'n', 0x07 };
    (void)context;
    ck_assert_int_eq(capstan_job_publish(job, "", "a.b", NULL, 0), -1);
    ck_assert_int_eq(capstan_job_publish(job, "e0", "a.b", data, 3), -1);
    ck_assert_int_eq(capstan_job_publish(job, "e1", "a.b", data, sizeof data), 0);
    ck_assert_int_eq(capstan_job_publish(job, "e2", "a b", NULL, 0), 0);
    return capstan_job_complete(job);
}

static void
hear_events(void)
{
    gateway_hear(g, "publish");
    ck_assert_str_eq(gateway_text(g, "id"), "e1");
    ck_assert_str_eq(gateway_text(g, "event"), "a.b");
    ck_assert_str_eq(gateway_text(g, "source"), "smoke");
    gateway_hear(g, "publish");
    ck_assert_str_eq(gateway_text(g, "id"), "e2");
}

static void
answer_event(const char *type, const char *id, const char *code)
{
    struct buffer out = { 0 };
    pack_map(&out, code == NULL ? 3 : 4);
    pack_string(&out, "type");
    pack_string(&out, type);
    pack_string(&out, "id");
    pack_string(&out, id);
    pack_string(&out, "about");
    pack_string(&out, "publish");
    if (code != NULL) {
        pack_string(&out, "code");
        pack_string(&out, code);
    }
    gateway_raw(g, out.data, out.size, false);
    buffer_free(&out);
}

/* Said until it is answered: an error that says no is an answer, a busy engine none. */
START_TEST(an_event_is_published_until_the_engine_answers)
{
    rig.options.resend_ms = 50;
    begin(publish);
    gateway_job(g, 1, "test");
    hear_events();
    gateway_hear_report(g, 1, "completed");
    answer_event("error", "e1", "busy");
    answer_event("error", "e1", "overloaded");
    hear_events();
    answer_event("published", "e1", NULL);
    answer_event("error", "e2", "invalid");
    gateway_hear_nothing(g, 1000);
    rig_close(&rig);
}
END_TEST

TCase *
worker_job(void)
{
    TCase *t = tcase_create("job");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, an_action_reads_what_its_job_says);
    tcase_add_test(t, a_job_without_parameters_has_none);
    tcase_add_test(t, an_output_can_be_written_piece_by_piece);
    tcase_add_test(t, every_way_to_fail_has_a_name);
    tcase_add_test(t, logs_come_before_the_report_and_in_order);
    tcase_add_test(t, a_quick_action_that_would_block_gets_a_thread);
    tcase_add_test(t, the_log_of_a_quick_action_comes_before_its_report_too);
    tcase_add_test(t, an_event_is_published_until_the_engine_answers);
    return t;
}

/* Goal: libcapstan comes in, stays, comes back and leaves as docs/protocols/worker.md
 * says, whatever the gateway says. */
#include "base/clock.h"
#include "tests/unit/test_capstan_worker.h"
#include "tests/unit/test_capstan_worker_gate.h"
#include "tests/unit/test_capstan_worker_gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct rig rig;
static struct gateway *const g = &rig.gateway;
static struct gate gate;

static void
setup(void)
{
    rig_open(&rig);
    gate = (struct gate){ 0 };
}

static void
make(void)
{
    rig_worker(&rig);
    capstan_worker_action(rig.worker, "stop", gate_stop, &gate);
    capstan_worker_action(rig.worker, "sleep", gate_sleep, &gate);
}

static void
begin(void)
{
    make();
    rig_join_in(&rig);
}

/* The list of texts as "a b". */
static const char *
list(const char *key)
{
    static char out[256];
    struct cursor c = cursor_over(pack_find(buffer_bytes(&g->frame), key));
    size_t count = cursor_array(&c), at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        struct bytes t = cursor_text(&c);
        at += (size_t)snprintf(out + at, sizeof out - at, "%s%.*s", i ? " " : "",
            (int)t.size, (const char *)t.data);
    }
    ck_assert(!c.bad);
    return out;
}

START_TEST(the_first_word_says_who_it_is_and_what_it_can)
{
    rig.options.name = "resizer";
    rig.options.version = "1.2";
    rig.options.queues = "fast,slow";
    rig.options.labels = "gpu";
    rig.options.environment = "env_1";
    make();
    rig_run(&rig);
    gateway_hear(g, "register");
    ck_assert_uint_eq(gateway_number(g, "v"), 1);
    ck_assert_str_eq(gateway_text(g, "key"), "cap_test");
    ck_assert_str_eq(gateway_text(g, "instance"), "unit");
    ck_assert_str_eq(gateway_text(g, "name"), "resizer");
    ck_assert_str_eq(gateway_text(g, "version"), "1.2");
    ck_assert_str_eq(gateway_text(g, "environment"), "env_1");
    ck_assert_str_eq(list("queues"), "fast slow");
    ck_assert_str_eq(list("actions"), "stop sleep");
    ck_assert_str_eq(list("labels"), "gpu");
    ck_assert_uint_eq(gateway_number(g, "concurrency"), 4);
    ck_assert_uint_eq(gateway_held_count(g), 0);
    ck_assert_uint_eq(pack_find(buffer_bytes(&g->frame), "session").size, 0);
    gateway_registered(g, 0);
    rig_close(&rig);
}
END_TEST

START_TEST(a_worker_for_any_action_asks_for_all)
{
    make();
    capstan_worker_action(rig.worker, NULL, gate_stop, &gate);
    rig_run(&rig);
    gateway_hear(g, "register");
    ck_assert_str_eq(list("actions"), "");
    gateway_registered(g, 0);
    gate_open(&gate);
    gateway_job(g, 1, "whatever");
    gateway_hear_report(g, 1, "completed");
    rig_close(&rig);
}
END_TEST

START_TEST(a_gateway_that_does_not_know_it_is_told_at_once)
{
    begin();
    gateway_job(g, 1, "stop");
    gate_wait_came(&gate, 1);
    /* It may say so several times: once is answered. */
    gateway_say(g, "register", 0, NULL, NULL);
    gateway_say(g, "register", 0, NULL, NULL);
    gateway_hear(g, "register");
    ck_assert(gateway_held(g, 1));
    ck_assert_str_eq(gateway_text(g, "session"), "session-1");
    gateway_registered(g, 0);
    gateway_hear_nothing(g, 200);
    gate_open(&gate);
    gateway_hear_report(g, 1, "completed");
    rig_close(&rig);
}
END_TEST

START_TEST(nothing_but_heartbeats_is_said_while_nothing_happens)
{
    struct rusage before, after;
    g->heartbeat_ms = QUICK_BEAT_MS;
    begin();
    gateway_hear(g, "heartbeat");
    gateway_answer_beat(g, 0, 0);
    g->beats = 0;
    getrusage(RUSAGE_SELF, &before);
    gateway_hear_nothing(g, 1000);
    getrusage(RUSAGE_SELF, &after);
    ck_assert_uint_ge(g->beats, 4);
    ck_assert_uint_le(g->beats, 7);
    /* Both sides, and both libraries: some thirty switches for a heartbeat, no more. */
    ck_assert_int_lt(after.ru_nvcsw - before.ru_nvcsw, 300);
    rig_close(&rig);
}
END_TEST

/* The shorter time begins when a job arrives, not when the longer one is over. */
START_TEST(a_worker_that_holds_nothing_is_heard_less_often)
{
    g->heartbeat_ms = QUICK_BEAT_MS;
    g->idle_ms = 50 * g->heartbeat_ms;
    begin();
    gateway_hear_nothing(g, 1000);
    ck_assert_uint_eq(g->beats, 0);
    gateway_job(g, 1, "stop");
    gate_wait_came(&gate, 1);
    g->beats = 0;
    gateway_hear_nothing(g, 1000);
    ck_assert_uint_ge(g->beats, 4);
    ck_assert(gateway_held(g, 1));
    gate_open(&gate);
    gateway_hear_report(g, 1, "completed");
    rig_close(&rig);
}
END_TEST

/* It has not been confirmed for longer than a lease lasts, and need not have been. */
START_TEST(a_lease_that_comes_after_a_long_silence_is_whole)
{
    g->heartbeat_ms = QUICK_BEAT_MS;
    g->lease_ms = 4 * g->heartbeat_ms;
    g->idle_ms = 50 * g->heartbeat_ms;
    begin();
    gateway_hear_nothing(g, (int)(2 * g->lease_ms));
    gateway_job(g, 1, "stop");
    gate_wait_came(&gate, 1);
    gateway_hear(g, "heartbeat");
    ck_assert(gateway_held(g, 1));
    gateway_answer_beat(g, 0, 0);
    gateway_hear(g, "heartbeat");
    ck_assert(gateway_held(g, 1));
    gate_open(&gate);
    gateway_hear_report(g, 1, "completed");
    rig_close(&rig);
}
END_TEST

START_TEST(a_worker_that_asks_for_its_own_pulse_keeps_it)
{
    g->heartbeat_ms = QUICK_BEAT_MS;
    g->idle_ms = 50 * g->heartbeat_ms;
    rig.options.heartbeat_ms = QUICK_BEAT_MS;
    begin();
    g->beats = 0;
    gateway_hear_nothing(g, 1000);
    ck_assert_uint_ge(g->beats, 3);
    rig_close(&rig);
}
END_TEST

START_TEST(a_wrong_key_ends_the_worker)
{
    make();
    rig_run(&rig);
    gateway_hear(g, "register");
    gateway_error(g, "unauthorized", "register", 0);
    ck_assert_int_eq(rig_wait(&rig), CAPSTAN_REFUSED);
    ck_assert_ptr_nonnull(strstr(capstan_worker_error(rig.worker), "unauthorized"));
    rig_end(&rig);
}
END_TEST

START_TEST(a_revoked_key_ends_the_worker_and_its_actions)
{
    begin();
    gateway_job(g, 1, "sleep");
    gate_wait_came(&gate, 1);
    gateway_error(g, "unauthorized", "heartbeat", 0);
    ck_assert_int_eq(rig_wait(&rig), CAPSTAN_REFUSED);
    gate_wait_cancelled(&gate, 1);
    rig_end(&rig);
}
END_TEST

START_TEST(a_worker_whose_name_is_taken_tries_again)
{
    make();
    rig_run(&rig);
    for (int i = 0; i < 3; i++) {
        gateway_hear(g, "register");
        gateway_error(g, "conflict", "register", 0);
    }
    gateway_let_in(g);
    rig_close(&rig);
}
END_TEST

START_TEST(a_gateway_without_an_answer_is_asked_again)
{
    make();
    rig_run(&rig);
    gateway_hear(g, "register");
    gateway_error(g, "unavailable", "register", 0);
    gateway_hear(g, "register");
    /* No word at all now: it waits five seconds for one. */
    gateway_let_in(g);
    rig_close(&rig);
}
END_TEST

START_TEST(a_gateway_that_comes_late_is_found)
{
    make();
    gateway_away(g);
    rig_run(&rig);
    gateway_back(g);
    gateway_let_in(g);
    rig_close(&rig);
}
END_TEST

START_TEST(garbage_does_no_harm)
{
    static const char *const frames[] = { "", "\xc1", "\x80", "\x93\x01\x02\x03",
        "\xdf\xff\xff\xff\xff", "\x81\xa4type\xa7nothing", "\x81\xa4type\x07",
        "\x81\xa4type\xa3"
        "ack",
        "\x82\xa4type\xa3job\xa5token\xc4",
        "\x82\xa4type\xa6"
        "cancel\xa5token\x01",
        "\x82\xa4type\xa9heartbeat\xa4lost\xa3"
        "abc",
        "\x82\xa4type\xa9heartbeat\xa4lost\x91\x07" };
    begin();
    for (size_t i = 0; i < COUNT(frames); i++)
        gateway_raw(g, frames[i], strlen(frames[i]), false);
    gateway_raw(g, "\x80", 1, true); /* a message of two frames */
    gateway_say(g, "registered", 0, NULL, NULL);
    gateway_say(g, "job", 0, "action", "stop"); /* without a token */
    gateway_ack(g, 77);
    gateway_say(g, "cancel", 77, NULL, NULL);
    gate_open(&gate);
    gateway_job(g, 1, "stop");
    gateway_hear_report(g, 1, "completed");
    rig_close(&rig);
}
END_TEST

START_TEST(a_worker_told_to_stop_finishes_what_it_has)
{
    begin();
    gateway_job(g, 1, "stop");
    gate_wait_came(&gate, 1);
    capstan_worker_stop(rig.worker);
    gateway_hear(g, "drain");
    gateway_hear(g, "heartbeat");
    ck_assert(gateway_held(g, 1));
    gateway_answer_beat(g, 0, 0);
    gate_open(&gate);
    gateway_hear_report(g, 1, "completed");
    gateway_hear(g, "goodbye");
    ck_assert_int_eq(rig_wait(&rig), CAPSTAN_OK);
    rig_end(&rig);
}
END_TEST

START_TEST(a_worker_that_may_not_wait_longer_gives_its_jobs_back)
{
    rig.options.drain_ms = 100;
    begin();
    gateway_job(g, 1, "stop"); /* deaf */
    gateway_job(g, 2, "sleep");
    gate_wait_came(&gate, 2);
    capstan_worker_stop(rig.worker);
    gateway_hear(g, "drain");
    gateway_hear(g, "goodbye"); /* and no report */
    gate_wait_cancelled(&gate, 1);
    ck_assert_int_eq(rig_wait(&rig), CAPSTAN_UNFINISHED);
    gate_open(&gate);
    rig_end(&rig);
}
END_TEST

/* Although its action notices in time. */
START_TEST(a_worker_says_that_it_gave_jobs_back)
{
    rig.options.drain_ms = 100;
    begin();
    gateway_job(g, 1, "sleep");
    gate_wait_came(&gate, 1);
    capstan_worker_stop(rig.worker);
    gateway_hear(g, "drain");
    gateway_hear(g, "goodbye");
    ck_assert_int_eq(rig_wait(&rig), CAPSTAN_UNFINISHED);
    rig_end(&rig);
}
END_TEST

START_TEST(the_second_stop_does_not_wait)
{
    rig.options.drain_ms = 60000;
    begin();
    gateway_job(g, 1, "sleep");
    gate_wait_came(&gate, 1);
    capstan_worker_stop(rig.worker);
    gateway_hear(g, "drain");
    capstan_worker_stop(rig.worker);
    gateway_hear(g, "goodbye");
    rig_wait(&rig);
    gate_wait_cancelled(&gate, 1);
    rig_end(&rig);
}
END_TEST

START_TEST(a_worker_without_a_gateway_can_be_stopped)
{
    rig.options.url = "tcp://127.0.0.1:1";
    make();
    rig_run(&rig);
    capstan_worker_stop(rig.worker);
    ck_assert_int_eq(rig_wait(&rig), CAPSTAN_OK);
    rig_end(&rig);
}
END_TEST

START_TEST(a_drain_for_good_ends_the_worker)
{
    /* {type: drain, leave: true} */
    static const char drain[] = "\x82\xa4type\xa5"
                                "drain\xa5leave\xc3";
    begin();
    gateway_job(g, 1, "stop");
    gate_wait_came(&gate, 1);
    gateway_raw(g, drain, sizeof drain - 1, false);
    gateway_hear(g, "drain");
    gate_open(&gate);
    gateway_hear_report(g, 1, "completed");
    gateway_hear(g, "goodbye");
    ck_assert_int_eq(rig_wait(&rig), CAPSTAN_OK);
    rig_end(&rig);
}
END_TEST

START_TEST(a_worker_outlives_the_end_of_its_engine)
{
    begin();
    gateway_job(g, 1, "stop");
    gate_wait_came(&gate, 1);
    gateway_say(g, "drain", 0, NULL, NULL);
    gateway_hear(g, "ready");
    ck_assert_uint_eq(gateway_number(g, "concurrency"), 0);
    gate_open(&gate);
    gateway_hear(g, "report");
    gateway_restart(g);
    gateway_hear(g, "register");
    ck_assert_uint_eq(gateway_number(g, "concurrency"), 4);
    gateway_registered(g, 0);
    gateway_hear_report(g, 1, "completed");
    rig_close(&rig);
}
END_TEST

START_TEST(options_that_make_no_sense_are_said_before_anything_happens)
{
    static const struct capstan_options wrong[] = {
        { .concurrency = 5000 },
        { .queues = "a,,b" },
        { .labels = "a\nb" },
        { .actions = "\xff" },
        { .server_key = "short" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct capstan_worker *worker = capstan_worker_new(&wrong[i]);
        ck_assert_int_eq(capstan_worker_run(worker), CAPSTAN_INVALID);
        ck_assert_str_ne(capstan_worker_error(worker), "");
        capstan_worker_free(&worker);
        ck_assert_ptr_null(worker);
    }
    capstan_worker_free(&(struct capstan_worker *){ NULL });
    gateway_close(g);
}
END_TEST

/* NULL is a name, too: of every other action. */
START_TEST(a_name_is_given_to_one_action)
{
    static const char *const names[] = { "a", NULL };
    static const char *const wrong[] = { "action a: it is there already",
        "action *: it is there already" };
    for (size_t i = 0; i < COUNT(names); i++) {
        struct capstan_worker *worker = capstan_worker_new(&rig.options);
        capstan_worker_action(worker, names[i], gate_stop, &gate);
        capstan_worker_action(worker, names[1 - i], gate_stop, &gate);
        capstan_worker_quick(worker, names[i], gate_sleep, &gate);
        ck_assert_int_eq(capstan_worker_run(worker), CAPSTAN_INVALID);
        ck_assert_str_eq(capstan_worker_error(worker), wrong[i]);
        capstan_worker_free(&worker);
    }
    gateway_close(g);
}
END_TEST

START_TEST(an_address_that_is_none_is_said)
{
    struct capstan_options options = rig.options;
    options.url = "http://127.0.0.1:3000";
    struct capstan_worker *worker = capstan_worker_new(&options);
    ck_assert_int_eq(capstan_worker_run(worker), CAPSTAN_REFUSED);
    capstan_worker_free(&worker);
    gateway_close(g);
}
END_TEST

START_TEST(the_development_key_is_read_from_the_data_folder)
{
    char folder[] = "/tmp/capstan-test-XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/dev.key", folder);
    FILE *out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    fputs("cap_development\n", out);
    fclose(out);
    setenv("CAPSTAN_DATA", folder, 1);
    unsetenv("CAPSTAN_API_KEY");
    rig.options.key = NULL;
    make();
    rig_run(&rig);
    gateway_hear(g, "register");
    ck_assert_str_eq(gateway_text(g, "key"), "cap_development");
    gateway_registered(g, 0);
    unlink(path);
    rmdir(folder);
    rig_close(&rig);
}
END_TEST

TCase *
worker_session(void)
{
    TCase *t = tcase_create("session");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, the_first_word_says_who_it_is_and_what_it_can);
    tcase_add_test(t, a_worker_for_any_action_asks_for_all);
    tcase_add_test(t, a_gateway_that_does_not_know_it_is_told_at_once);
    tcase_add_test(t, nothing_but_heartbeats_is_said_while_nothing_happens);
    tcase_add_test(t, a_worker_that_holds_nothing_is_heard_less_often);
    tcase_add_test(t, a_lease_that_comes_after_a_long_silence_is_whole);
    tcase_add_test(t, a_worker_that_asks_for_its_own_pulse_keeps_it);
    tcase_add_test(t, a_wrong_key_ends_the_worker);
    tcase_add_test(t, a_revoked_key_ends_the_worker_and_its_actions);
    tcase_add_test(t, a_worker_whose_name_is_taken_tries_again);
    tcase_add_test(t, a_gateway_without_an_answer_is_asked_again);
    tcase_add_test(t, a_gateway_that_comes_late_is_found);
    tcase_add_test(t, garbage_does_no_harm);
    tcase_add_test(t, a_worker_told_to_stop_finishes_what_it_has);
    tcase_add_test(t, a_worker_that_may_not_wait_longer_gives_its_jobs_back);
    tcase_add_test(t, a_worker_says_that_it_gave_jobs_back);
    tcase_add_test(t, the_second_stop_does_not_wait);
    tcase_add_test(t, a_worker_without_a_gateway_can_be_stopped);
    tcase_add_test(t, a_drain_for_good_ends_the_worker);
    tcase_add_test(t, a_worker_outlives_the_end_of_its_engine);
    tcase_add_test(t, options_that_make_no_sense_are_said_before_anything_happens);
    tcase_add_test(t, a_name_is_given_to_one_action);
    tcase_add_test(t, an_address_that_is_none_is_said);
    tcase_add_test(t, the_development_key_is_read_from_the_data_folder);
    return t;
}

/* Goal: settings are read whole or not at all, every bound holds, and whoever made a
 * mistake learns where and what was meant. */
#include "base/buffer.h"
#include "base/config.h"
#include "tests/unit/suites.h"

#include <stdlib.h>

static struct config config;
static struct fault fault;

static enum err
read_yaml(const char *yaml)
{
    fault.detail[0] = '\0';
    return config_read_yaml(text(yaml), &config, &fault);
}

static void
expect_refused(const char *yaml, const char *why)
{
    struct config before = config;
    ck_assert_int_eq(read_yaml(yaml), ERR_MALFORMED);
    ck_assert_str_eq(fault.detail, why);
    ck_assert_mem_eq(&before, &config, sizeof config);
}

static void
set_up(void)
{
    config_default(&config);
}

START_TEST(defaults_pass_their_own_bounds_and_each_other)
{
    struct config read;
    char *lines;
    size_t size;
    ck_assert_int_eq(config_check(&config, &fault), ERR_NONE);
    config.insecure = config.worker_curve = 1;
    strcpy(config.data, "/d = x");
    FILE *out = open_memstream(&lines, &size);
    config_write(&config, out);
    fclose(out);
    memset(&read, 0, sizeof read);
    FILE *in = fmemopen(lines, size, "r");
    ck_assert_int_eq(config_read(in, &read, &fault), ERR_NONE);
    fclose(in);
    free(lines);
    ck_assert_mem_eq(&config, &read, sizeof config);
}
END_TEST

START_TEST(a_file_overlays_the_defaults)
{
    ck_assert_int_eq(read_yaml("# ours\nlease_ms: 5000\nhttp_address: '::1'\n"
                               "insecure: true\nlog_level: debug\n"),
        ERR_NONE);
    ck_assert_uint_eq(config.lease_ms, 5000);
    ck_assert_uint_eq(config.heartbeat_ms, 10000);
    ck_assert_uint_eq(config.insecure, 1);
    ck_assert_str_eq(config.http_address, "::1");
    ck_assert_str_eq(config.log_level, "debug");
}
END_TEST

START_TEST(an_empty_file_changes_nothing)
{
    struct config before = config;
    ck_assert_int_eq(read_yaml(""), ERR_NONE);
    ck_assert_int_eq(read_yaml("# nothing\n"), ERR_NONE);
    ck_assert_int_eq(read_yaml("---\n"), ERR_NONE);
    ck_assert_int_eq(read_yaml("{}"), ERR_NONE);
    ck_assert_mem_eq(&before, &config, sizeof config);
}
END_TEST

START_TEST(an_unknown_name_is_placed_and_the_nearest_known_is_offered)
{
    expect_refused("lease_ms: 5000\n  \nhearbeat_ms: 3\n",
        "line 3, column 1: there is no setting 'hearbeat_ms': did you mean "
        "'heartbeat_ms'?");
    expect_refused("a_name_that_is_as_long_as_nobody_would_ever_make_it: 3",
        "line 1, column 1: there is no setting "
        "'a_name_that_is_as_long_as_nobody_would_e...'");
    expect_refused("\"a\\x7f\": 3", "line 1, column 1: there is no setting 'a?'");
    expect_refused("x: 3", "line 1, column 1: there is no setting 'x'");
    expect_refused("\"a\\nb\": 3", "line 1, column 1: there is no setting 'a?b'");
}
END_TEST

START_TEST(a_value_out_of_bounds_is_placed)
{
    expect_refused("schedulers: 3\nlease_ms:   499",
        "line 2, column 13: lease_ms: 499 is out of bounds: 500 to 86400000 (ms)");
    expect_refused("schedulers: 65",
        "line 1, column 13: schedulers: 65 is out of bounds: 1 to 64 (processes)");
    expect_refused("schedulers: 0",
        "line 1, column 13: schedulers: 0 is out of bounds: 1 to 64 (processes)");
    expect_refused("http_address: ''",
        "line 1, column 15: http_address: 0 bytes are out of bounds: 1 to 255 bytes "
        "(address)");
    ck_assert_int_eq(read_yaml("lease_ms: 86400000\nschedulers: 64\n"), ERR_NONE);
}
END_TEST

START_TEST(a_number_is_digits_and_nothing_else)
{
    ck_assert_int_eq(
        config_set(&config, text("schedulers"), text(""), &fault), ERR_MALFORMED);
    static const char *const wrong[] = { "-1", "0x10", "1.5", "1e3", "five", "' 5'",
        "99999999999999999999", "18446744073709551617", "true" };
    char yaml[64];
    for (size_t i = 0; i < COUNT(wrong); i++) {
        snprintf(yaml, sizeof yaml, "schedulers: %s", wrong[i]);
        ck_assert_msg(read_yaml(yaml) == ERR_MALFORMED, "%s", yaml);
        ck_assert_msg(strstr(fault.detail, "line 1, column 13: schedulers: '") != NULL,
            "%s", fault.detail);
    }
    ck_assert_uint_eq(config.schedulers, 1);
}
END_TEST

START_TEST(what_is_not_a_map_of_values_is_refused_at_its_place)
{
    const char *one = "expected one value: a number, true, false or text";
    char why[128];
    expect_refused("- a", "line 1, column 1: expected a map of settings");
    expect_refused("words", "line 1, column 1: expected a map of settings");
    snprintf(why, sizeof why, "line 2, column 3: %s", one);
    expect_refused("lease_ms:\n  a: 3", why);
    snprintf(why, sizeof why, "line 1, column 11: %s", one);
    expect_refused("lease_ms: [[[[", why);
    expect_refused("lease_ms: ~", why);
    expect_refused("lease_ms: null", why);
    expect_refused("lease_ms:",
        "line 1, column 10: expected one value: a number, true, "
        "false or text");
    ck_assert_int_eq(read_yaml("null"), ERR_NONE);
    ck_assert_int_eq(read_yaml("lease_ms: 600\n@"), ERR_MALFORMED);
    ck_assert_int_eq(read_yaml("{ lease_ms: 600 }\n@"), ERR_MALFORMED);
    ck_assert_int_eq(read_yaml("@"), ERR_MALFORMED);
    ck_assert_int_eq(read_yaml("lease_ms: 600\n...\n@"), ERR_MALFORMED);
    expect_refused("lease_ms: *a", why);
    expect_refused("? [a]\n: 3", "line 1, column 3: expected the name of a setting");
    expect_refused("lease_ms: 600\n---\nlease_ms: 700\n",
        "line 2, column 1: expected one document");
    expect_refused("lease_ms: 600\nlease_ms: 700\n",
        "line 2, column 1: this setting was given before");
}
END_TEST

START_TEST(a_list_is_written_as_one_or_with_colons)
{
    ck_assert_int_eq(read_yaml("workers: [./math, '/srv/mail']\nlease_ms: 600\n"), 0);
    ck_assert_str_eq(config.workers, "./math:/srv/mail");
    ck_assert_uint_eq(config.lease_ms, 600);
    ck_assert_int_eq(read_yaml("workers: ./math:/srv/mail"), ERR_NONE);
    ck_assert_str_eq(config.workers, "./math:/srv/mail");
    ck_assert_int_eq(read_yaml("workers: []"), ERR_NONE);
    ck_assert_str_eq(config.workers, "");
    expect_refused(
        "workers: [a, [b]]", "line 1, column 14: expected text, an item of the list");
    expect_refused(
        "workers: [a, 'b:c']", "line 1, column 14: expected an item without ':'");
    expect_refused("workers: [a, \"b\\n\"]",
        "line 1, column 10: workers: holds a control character");
    expect_refused(
        "workers: [a, ~]", "line 1, column 14: expected text, an item of the list");
    expect_refused(
        "workers: [a, '']", "line 1, column 14: expected an item without ':'");
    struct buffer yaml = { 0 };
    buffer_print(&yaml, "workers: [");
    for (unsigned i = 0; i < 100; i++)
        buffer_print(&yaml, "%s/a/folder/of/%050u", i > 0 ? ", " : "", i);
    buffer_print(&yaml, "]");
    buffer_append(&yaml, "", 1);
    ck_assert_int_eq(read_yaml((char *)yaml.data), ERR_MALFORMED);
    ck_assert_msg(
        strstr(fault.detail, ": the list is too long") != NULL, "%s", fault.detail);
    buffer_free(&yaml);
    ck_assert(config_is_list(text("workers")) && !config_is_list(text("data")));
    ck_assert(!config_is_list(text("nothing")) && !config_known(text("nothing")));
    expect_refused("workers: { a: b }",
        "line 1, column 10: expected one value: a number, true, false or text");
    ck_assert_int_eq(read_yaml("workers: [a"), ERR_MALFORMED);
}
END_TEST

START_TEST(what_is_not_yaml_is_refused_at_its_place)
{
    ck_assert_int_eq(read_yaml("lease_ms: 600\n\tx: 1\n"), ERR_MALFORMED);
    ck_assert_msg(
        strncmp(fault.detail, "line 2, column 1:", 17) == 0, "%s", fault.detail);
    ck_assert_int_eq(read_yaml("http_address: \"\xff\""), ERR_MALFORMED);
    ck_assert_int_eq(config_read_yaml(bytes_of("log_level: \0", 12), &config, &fault),
        ERR_MALFORMED);
    ck_assert_uint_eq(config.lease_ms, 30000);
}
END_TEST

START_TEST(depth_and_size_cost_no_time)
{
    struct buffer yaml = { 0 };
    buffer_print(&yaml, "lease_ms: ");
    while (yaml.size < 1024 * 1024)
        buffer_append(&yaml, "[", 1);
    ck_assert_int_eq(
        config_read_yaml(buffer_bytes(&yaml), &config, &fault), ERR_MALFORMED);
    buffer_append(&yaml, "[", 1);
    ck_assert_int_eq(
        config_read_yaml(buffer_bytes(&yaml), &config, &fault), ERR_MALFORMED);
    ck_assert_str_eq(fault.detail, "line 1, column 1: the file is larger than 1 MiB");
    buffer_free(&yaml);
}
END_TEST

START_TEST(a_text_with_controls_is_refused)
{
    ck_assert_int_eq(
        config_set(&config, text("data"), text("/a\n/b"), &fault), ERR_MALFORMED);
    ck_assert_int_eq(
        config_set(&config, text("data"), text("/a\x7f"), &fault), ERR_MALFORMED);
    char large[2 * CONFIG_TEXT_MAX];
    memset(large, 'a', sizeof large);
    ck_assert_int_eq(
        config_set(&config, text("data"), bytes_of(large, sizeof large), &fault),
        ERR_MALFORMED);
    ck_assert_msg(strstr(fault.detail, "out of bounds") != NULL, "%s", fault.detail);
    ck_assert_int_eq(
        config_set(&config, text("data"), text("/\xc3(/b"), &fault), ERR_MALFORMED);
    ck_assert_int_eq(
        config_set(&config, text("data"), text("/Zo\xc3\xab"), &fault), ERR_NONE);
}
END_TEST

/* With more, what a turn says would not fit into a record, nor the tokens of a session
 * into a message of the smallest engine. */
START_TEST(what_can_be_set_fits_into_records_and_messages)
{
    static const char *const most[][3] = {
        { "inline_max", "131072", "131073" },
        { "session_jobs_max", "16384", "16385" },
    };
    for (size_t i = 0; i < COUNT(most); i++) {
        struct bytes name = text(most[i][0]);
        ck_assert_int_eq(config_set(&config, name, text(most[i][1]), &fault), ERR_NONE);
        ck_assert_int_eq(
            config_set(&config, name, text(most[i][2]), &fault), ERR_MALFORMED);
    }
}
END_TEST

START_TEST(settings_that_contradict_each_other_are_refused)
{
    static const struct {
        const char *yaml, *why;
    } cases[] = {
        { "lease_ms: 3000\nheartbeat_ms: 1001", "heartbeat_ms: 1001 is more than" },
        { "payload_max: 1024", "inline_max: 4096 is more than payload_max" },
        { "lane_bytes_max: 65536", "lane_bytes_max: 65536 has no room" },
        { "log_level: loud", "log_level: 'loud' is not broken" },
        { "http_port: 5170", "worker_port: 5170 is http_port already" },
        { "http_address: 0.0.0.0", "http_address: 0.0.0.0 is beyond loopback" },
        { "worker_address: 10.0.0.1", "worker_address: 10.0.0.1 is beyond loopback" },
        { "iii_address: 10.0.0.1", "iii_address: 10.0.0.1 is beyond loopback" },
        { "iii_http_address: 10.0.0.1", "iii_http_address: 10.0.0.1 is beyond" },
        { "iii_http_origins: app.example",
            "iii_http_origins: 'app.example' is no site" },
        { "iii_http_origins: https://", "iii_http_origins: 'https://' is no site" },
        { "iii_http_origins: '* https://a.b/'",
            "iii_http_origins: 'https://a.b/' is no site" },
        { "http_address: 127.evil.example", "http_address: 127.evil" },
        { "tls_certificate: /c.pem", "tls_key: is empty" },
        { "tls_key: /k.pem\ninsecure: 1", "tls_certificate: is empty" },
        { "tls_certificate: /c.pem\ntls_key: /k.pem\nworker_address: 10.0.0.1",
            "worker_address: 10.0.0.1 is beyond loopback" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        config_default(&config);
        ck_assert_int_eq(read_yaml(cases[i].yaml), ERR_NONE);
        ck_assert_msg(
            config_check(&config, &fault) == ERR_MALFORMED, "%s", cases[i].yaml);
        ck_assert_msg(strncmp(fault.detail, cases[i].why, strlen(cases[i].why)) == 0,
            "%s", fault.detail);
    }
}
END_TEST

START_TEST(beyond_loopback_is_possible_if_it_is_meant)
{
    ck_assert_int_eq(read_yaml("http_address: 0.0.0.0\ninsecure: true"), ERR_NONE);
    ck_assert_int_eq(config_check(&config, &fault), ERR_NONE);
    config_default(&config);
    ck_assert_int_eq(read_yaml("worker_address: 10.0.0.1\nworker_curve: 1"), ERR_NONE);
    ck_assert_int_eq(config_check(&config, &fault), ERR_NONE);
    ck_assert_int_eq(read_yaml("insecure: false\nworker_curve: 0"), ERR_NONE);
    ck_assert_int_eq(config_check(&config, &fault), ERR_MALFORMED);
    ck_assert_int_eq(read_yaml("insecure: true\niii_address: 10.0.0.1\n"
                               "iii_http_address: 10.0.0.1"),
        ERR_NONE);
    ck_assert_int_eq(config_check(&config, &fault), ERR_NONE);
    ck_assert_int_eq(read_yaml("iii_http_origins: https://a.b:1 *"), ERR_NONE);
    ck_assert_int_eq(config_check(&config, &fault), ERR_NONE);
    /* Two doors may have one port at two addresses, or any port. */
    ck_assert_int_eq(read_yaml("http_port: 5170"), ERR_NONE);
    ck_assert_int_eq(config_check(&config, &fault), ERR_NONE);
    ck_assert_int_eq(read_yaml("http_port: 0\nworker_port: 0"), ERR_NONE);
    ck_assert_int_eq(config_check(&config, &fault), ERR_NONE);
    ck_assert(config_loopback("localhost"));
    ck_assert(config_loopback("[::1]"));
    ck_assert(config_loopback("127.1.2.3"));
    ck_assert(config_loopback("::1"));
    ck_assert(!config_loopback("::"));
    ck_assert(!config_loopback("128.0.0.1"));
}
END_TEST

START_TEST(with_tls_the_http_doors_may_be_anywhere)
{
    char url[CONFIG_URL_MAX];
    ck_assert_int_eq(read_yaml("http_address: 0.0.0.0\niii_address: 10.0.0.1\n"
                               "iii_http_address: '::'\n"
                               "tls_certificate: /c.pem\ntls_key: /k.pem"),
        ERR_NONE);
    ck_assert_int_eq(config_check(&config, &fault), ERR_NONE);
    ck_assert(config_tls(&config));
    config_http_url(url, &config, "ws", config.iii_address, 80);
    ck_assert_str_eq(url, "wss://10.0.0.1:80");
    ck_assert_int_eq(read_yaml("tls_name: engine.example"), ERR_NONE);
    config_http_url(url, &config, "http", config.http_address, 80);
    ck_assert_str_eq(url, "https://engine.example:80");
    ck_assert_int_eq(read_yaml("tls_certificate: ''\ntls_key: ''"), ERR_NONE);
    ck_assert(!config_tls(&config));
    config_http_url(url, &config, "http", config.http_address, 80);
    ck_assert_str_eq(url, "http://127.0.0.1:80");
}
END_TEST

START_TEST(an_address_becomes_a_url_that_can_be_called)
{
    static const char *const urls[][2] = {
        { "10.0.0.1", "http://10.0.0.1:80" },
        { "0.0.0.0", "http://127.0.0.1:80" },
        { "*", "http://127.0.0.1:80" },
        { "::1", "http://[::1]:80" },
        { "[::1]", "http://[::1]:80" },
    };
    for (size_t i = 0; i < COUNT(urls); i++) {
        char out[CONFIG_URL_MAX];
        config_url(out, "http", urls[i][0], 80);
        ck_assert_str_eq(out, urls[i][1]);
    }
}
END_TEST

/* Every setting is in it, with what is in force and with its default. */
START_TEST(what_is_in_force_is_explained)
{
    char *lines;
    size_t size;
    ck_assert_int_eq(read_yaml("lease_ms: 5000\nhttp_address: '::1'"), ERR_NONE);
    FILE *out = open_memstream(&lines, &size);
    config_explain(&config, out);
    config_document(out);
    fclose(out);
    static const char *const expected[] = { "\nlease_ms: 5000\n    # ",
        "# default 30000, 500 to 86400000 ms\n", "\nhttp_address: \"::1\"\n    # ",
        "# default 127.0.0.1, 1 to 255 bytes\n", "\nworkers: \"\"\n",
        "# default empty, ", "\n| `lease_ms` | 30000 | 500 | 86400000 | ms | " };
    for (size_t i = 0; i < COUNT(expected); i++)
        ck_assert_msg(strstr(lines, expected[i]) != NULL, "%s\n%s", expected[i], lines);
    free(lines);
}
END_TEST

START_TEST(settings_that_cannot_be_read_are_no_settings)
{
    struct config before = config;
    FILE *in = fopen("/", "r");
    ck_assert_int_eq(config_read(in, &config, &fault), ERR_IO);
    fclose(in);
    ck_assert_mem_eq(&before, &config, sizeof config);
}
END_TEST

START_TEST(a_child_refuses_settings_cut_short)
{
    static const char *const wrong[] = { "lease_ms=5000", "lease_ms 5000\n", "\n",
        "lease_ms=5000\nschedulers=", "schedulers=99\n" };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char copy[64];
        snprintf(copy, sizeof copy, "%s", wrong[i]);
        FILE *in = fmemopen(copy, strlen(copy), "r");
        ck_assert_msg(
            config_read(in, &config, &fault) == ERR_MALFORMED, "%s", wrong[i]);
        fclose(in);
    }
    ck_assert_uint_eq(config.lease_ms, 30000);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_named)
{
    ck_assert_int_eq(
        config_read_file("/nonexistent/capstan.yaml", &config, &fault), ERR_NOT_FOUND);
    ck_assert_str_eq(
        fault.detail, "/nonexistent/capstan.yaml: No such file or directory");
}
END_TEST

START_TEST(a_mistake_in_a_file_names_the_file)
{
    char folder[128], path[160], expected[300];
    snprintf(path, sizeof path, "%s/a.yaml", folder_fresh(folder));
    FILE *out = fopen(path, "w");
    fputs("\nlease: 3\n", out);
    fclose(out);
    ck_assert_int_eq(config_read_file(path, &config, &fault), ERR_MALFORMED);
    snprintf(expected, sizeof expected,
        "%s: line 2, column 1: there is no setting 'lease'", path);
    ck_assert_msg(
        strncmp(fault.detail, expected, strlen(expected)) == 0, "%s", fault.detail);
    folder_drop(folder);
}
END_TEST

Suite *
config_suite(void)
{
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("config");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, defaults_pass_their_own_bounds_and_each_other);
    tcase_add_test(tests, a_file_overlays_the_defaults);
    tcase_add_test(tests, an_empty_file_changes_nothing);
    tcase_add_test(tests, an_unknown_name_is_placed_and_the_nearest_known_is_offered);
    tcase_add_test(tests, a_value_out_of_bounds_is_placed);
    tcase_add_test(tests, a_number_is_digits_and_nothing_else);
    tcase_add_test(tests, what_is_not_a_map_of_values_is_refused_at_its_place);
    tcase_add_test(tests, what_is_not_yaml_is_refused_at_its_place);
    tcase_add_test(tests, depth_and_size_cost_no_time);
    tcase_add_test(tests, a_text_with_controls_is_refused);
    tcase_add_test(tests, what_can_be_set_fits_into_records_and_messages);
    tcase_add_test(tests, settings_that_contradict_each_other_are_refused);
    tcase_add_test(tests, beyond_loopback_is_possible_if_it_is_meant);
    tcase_add_test(tests, with_tls_the_http_doors_may_be_anywhere);
    tcase_add_test(tests, a_list_is_written_as_one_or_with_colons);
    tcase_add_test(tests, an_address_becomes_a_url_that_can_be_called);
    tcase_add_test(tests, what_is_in_force_is_explained);
    tcase_add_test(tests, settings_that_cannot_be_read_are_no_settings);
    tcase_add_test(tests, a_child_refuses_settings_cut_short);
    tcase_add_test(tests, a_file_that_is_not_there_is_named);
    tcase_add_test(tests, a_mistake_in_a_file_names_the_file);
    suite_add_tcase(suite, tests);
    return suite;
}

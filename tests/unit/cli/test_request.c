#include "base/bytes.h"
#include "base/id.h"
#include "tests/unit/cli/suites.h"
#include "workers/cli/commands.h"
#include "workers/cli/help.h"

#include <stdlib.h>
#include <string.h>

/* The table names them; nobody calls them here. */
#define COMMAND(noun, verb, function, words, options, sentence, example)               \
    enum exit_code function(struct cli *cli)                                           \
    {                                                                                  \
        (void)cli;                                                                     \
        return EXIT_DONE;                                                              \
    }
#include "workers/cli/commands.def"

enum { ARGUMENTS_MAX = 40 };
static struct request request;
static struct fault fault;

/* Read a line of words with single spaces between them. */
static enum err
read_line(const char *line)
{
    static char copy[400];
    static char *argv[ARGUMENTS_MAX + 1];
    int argc = 0;
    argv[argc++] = copy;
    snprintf(copy, sizeof copy, "capstan %s", line);
    for (char *at = copy; (at = strchr(at, ' ')) != NULL && argc < ARGUMENTS_MAX;) {
        *at++ = '\0';
        argv[argc++] = at;
    }
    fault.detail[0] = '\0';
    return request_read(argc, argv, &request, &fault);
}

static void
refused(const char *line, const char *why)
{
    ck_assert_int_eq(read_line(line), ERR_INVALID);
    ck_assert_msg(strstr(fault.detail, why) != NULL, "%s: %s", line, fault.detail);
}

static const char *
verb(void)
{
    return request.command != NULL ? request.command->verb : "none";
}

START_TEST(a_verb_without_a_noun_and_one_with_a_noun_are_found)
{
    ck_assert_int_eq(read_line("up"), ERR_NONE);
    ck_assert_str_eq(verb(), "up");
    ck_assert_int_eq(read_line("runs list"), ERR_NONE);
    ck_assert_str_eq(request.command->noun, "runs");
    ck_assert_str_eq(verb(), "list");
}
END_TEST

START_TEST(a_noun_alone_names_no_command)
{
    ck_assert_int_eq(read_line("runs"), ERR_NONE);
    ck_assert_ptr_null(request.command);
    ck_assert_str_eq(request.noun, "runs");
}
END_TEST

START_TEST(flags_may_stand_before_between_and_after_the_words)
{
    ck_assert_int_eq(
        read_line("--json runs --url http://x start --quiet hello --wait"), ERR_NONE);
    ck_assert(request.given[OPTION_json]);
    ck_assert(request.given[OPTION_quiet]);
    ck_assert_str_eq(request.value[OPTION_url], "http://x");
    ck_assert_uint_eq(request.word_count, 1);
    ck_assert_str_eq(request.words[0], "hello");
}
END_TEST

START_TEST(a_value_follows_an_equals_sign_or_is_the_next_word)
{
    ck_assert_int_eq(read_line("runs list --limit=5 --status open"), ERR_NONE);
    ck_assert_str_eq(request.value[OPTION_limit], "5");
    ck_assert_str_eq(request.value[OPTION_status], "open");
}
END_TEST

START_TEST(an_optional_value_never_takes_the_next_word)
{
    ck_assert_int_eq(read_line("runs start --wait hello"), ERR_NONE);
    ck_assert(request.given[OPTION_wait]);
    ck_assert_ptr_null(request.value[OPTION_wait]);
    ck_assert_str_eq(request.words[0], "hello");
    ck_assert_int_eq(read_line("runs start --wait=30s hello"), ERR_NONE);
    ck_assert_str_eq(request.value[OPTION_wait], "30s");
}
END_TEST

START_TEST(a_flag_that_may_be_repeated_is_kept_each_time)
{
    ck_assert_int_eq(read_line("up --set a=1 --set=b=2"), ERR_NONE);
    ck_assert_uint_eq(request.set_count, 2);
    ck_assert_str_eq(request.sets[0], "a=1");
    ck_assert_str_eq(request.sets[1], "b=2");
}
END_TEST

START_TEST(after_two_dashes_everything_is_a_word)
{
    ck_assert_int_eq(read_line("runs get -- --json"), ERR_NONE);
    ck_assert(!request.given[OPTION_json]);
    ck_assert_str_eq(request.words[0], "--json");
}
END_TEST

START_TEST(a_single_dash_is_a_word)
{
    ck_assert_int_eq(read_line("apply -"), ERR_NONE);
    ck_assert_str_eq(request.words[0], "-");
}
END_TEST

START_TEST(what_follows_worker_is_handed_on_untouched)
{
    ck_assert_int_eq(
        read_line("--data d worker --queues a --json -- x --help"), ERR_NONE);
    ck_assert_str_eq(request.value[OPTION_data], "d");
    ck_assert_uint_eq(request.word_count, 6);
    ck_assert_str_eq(request.words[0], "--queues");
    ck_assert_str_eq(request.words[5], "--help");
    ck_assert(!request.given[OPTION_json]);
    ck_assert(!request.given[OPTION_help]);
}
END_TEST

START_TEST(worker_is_a_noun_where_a_verb_of_it_follows)
{
    ck_assert_int_eq(read_line("worker init a -l c --directory d"), ERR_NONE);
    ck_assert_str_eq(request.command->noun, "worker");
    ck_assert_str_eq(request.command->verb, "init");
    ck_assert_str_eq(request.words[0], "a");
    ck_assert_str_eq(request.value[OPTION_language], "c");
    ck_assert_int_eq(read_line("--json worker logs a -f"), ERR_NONE);
    ck_assert(request.given[OPTION_follow]);
    refused("worker start", "NAME is missing: capstan worker start NAME");
    refused("worker list -f", "no flag '--follow' here");
    ck_assert_int_eq(read_line("worker"), ERR_NONE);
    ck_assert_str_eq(request.command->verb, "worker");
    ck_assert_int_eq(read_line("worker --name init"), ERR_NONE);
    ck_assert_str_eq(request.command->verb, "worker");
    ck_assert_int_eq(read_line("help worker init"), ERR_NONE);
    refused("worker lits", "no command 'worker lits': did you mean 'worker list'?");
}
END_TEST

START_TEST(an_unknown_command_is_refused_with_the_nearest_one)
{
    refused("statsu", "did you mean 'status'?");
    refused("rusn list", "did you mean 'runs'?");
    refused("runs strat", "did you mean 'runs start'?");
    refused("start hello", "mean 'runs start' or 'worker start'?");
    refused("fork run_1", "did you mean 'runs fork'?");
    refused("list", "'interactions list' or of another noun?");
    refused("frobnicate", "there is no command 'frobnicate'");
    ck_assert_ptr_null(strstr(fault.detail, "mean"));
}
END_TEST

START_TEST(an_unknown_flag_is_refused_with_the_nearest_one)
{
    refused("runs list --limt 3", "did you mean '--limit'?");
    refused("runs get --failed", "did you mean '--status failed'?");
    refused("up --open", "there is no flag '--open' here");
    refused("--open", "there is no flag '--open' here");
    refused("runs list --inputs x", "no flag '--inputs' here");
    refused("--wait runs list", "no flag '--wait' here");
    refused("runs list -j", "whole words");
}
END_TEST

START_TEST(a_missing_or_a_needless_value_is_refused)
{
    refused("runs list --limit", "--limit needs a value: COUNT");
    refused("runs list --json=yes", "--json takes no value");
}
END_TEST

START_TEST(too_few_and_too_many_words_are_refused)
{
    refused("runs watch", "RUN is missing: capstan runs watch RUN");
    refused("runs signal run_1", "STEP is missing: capstan runs signal RUN STEP");
    refused("apply", "FILE... is missing: capstan apply FILE...");
    refused("up now", "'now' is too much");
    refused("runs get a b", "'b' is too much");
    ck_assert_int_eq(read_line("apply a b c d"), ERR_NONE);
    ck_assert_int_eq(read_line("completion"), ERR_NONE);
    ck_assert_int_eq(read_line("help runs start"), ERR_NONE);
}
END_TEST

START_TEST(a_word_too_many_may_have_been_meant_for_a_flag)
{
    refused("runs start hello --wait 30s", "'30s' is too much: the TIME of --wait is "
                                           "given as --wait=TIME");
    refused("runs start hello --wait=1m 30s", "'30s' is too much");
    ck_assert_ptr_null(strstr(fault.detail, "--wait"));
}
END_TEST

START_TEST(the_version_can_be_asked_for_as_a_flag)
{
    ck_assert_int_eq(read_line("--version"), ERR_NONE);
    ck_assert_str_eq(verb(), "version");
    ck_assert_int_eq(read_line("runs start x --version 2"), ERR_NONE);
    ck_assert_str_eq(request.value[OPTION_version], "2");
    refused("runs --version", "no flag '--version' here");
}
END_TEST

START_TEST(help_asks_for_no_words)
{
    ck_assert_int_eq(read_line("runs get --help"), ERR_NONE);
    ck_assert_int_eq(read_line("-h"), ERR_NONE);
    ck_assert(request.given[OPTION_help]);
}
END_TEST

START_TEST(a_limit_of_words_and_settings_is_kept)
{
    static char *argv[WORDS_MAX + 4];
    static char set[] = "--set=a=1", up[] = "up", apply[] = "apply";
    int argc = 0;
    argv[argc++] = up;
    argv[argc++] = apply;
    while (argc < WORDS_MAX + 3)
        argv[argc++] = up;
    ck_assert_int_eq(request_read(argc, argv, &request, &fault), ERR_INVALID);
    argv[1] = up;
    for (argc = 2; argc < SETS_MAX + 3; argc++)
        argv[argc] = set;
    ck_assert_int_eq(request_read(argc, argv, &request, &fault), ERR_INVALID);
}
END_TEST

START_TEST(every_command_has_a_sentence_and_an_example_that_is_read)
{
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];
        ck_assert_uint_gt(strlen(c->sentence), 8);
        ck_assert_msg(strstr(c->example, "capstan") != NULL, "%s", c->verb);
        if (strncmp(c->example, "capstan ", 8) != 0 || strchr(c->example, '\'') != NULL)
            continue;
        ck_assert_msg(
            read_line(c->example + 8) == ERR_NONE, "%s: %s", c->example, fault.detail);
        ck_assert_ptr_eq(request.command, c);
    }
}
END_TEST

START_TEST(the_ids_of_examples_are_ids)
{
    unsigned count = 0;
    for (size_t i = 0; i < command_count; i++)
        for (const char *at = commands[i].example; (at = strstr(at, "_01")) != NULL;) {
            struct id id;
            struct bytes shown = bytes_of(at, strcspn(at, " '"));
            ck_assert_msg(
                id_read(shown, "_", &id) == ERR_NONE, "%s", commands[i].example);
            count++, at++;
        }
    ck_assert_uint_gt(count, 20);
}
END_TEST

START_TEST(every_flag_that_a_command_names_exists_and_is_used)
{
    bool used[OPTION_COUNT] = { false };
    for (size_t i = 0; i < command_count; i++) {
        size_t named = 0, found = 0;
        for (const char *at = commands[i].options; *at != '\0';) {
            at += strcspn(at, " ");
            at += strspn(at, " ");
            named++;
        }
        for (size_t j = 0; j < OPTION_COUNT; j++) {
            bool takes = command_takes(&commands[i], (enum option)j);
            used[j] = used[j] || takes;
            found += takes && !option_rows[j].global;
        }
        ck_assert_msg(named == found, "%s %s", commands[i].noun, commands[i].verb);
    }
    for (size_t j = 0; j < OPTION_COUNT; j++)
        ck_assert_msg(used[j], "nobody takes --%s", option_rows[j].name);
}
END_TEST

START_TEST(help_shows_the_example_of_a_command)
{
    char *shown = NULL;
    size_t size;
    ck_assert_int_eq(read_line("runs start x"), ERR_NONE);
    FILE *out = open_memstream(&shown, &size);
    help_command(request.command, out);
    fclose(out);
    ck_assert_ptr_nonnull(strstr(shown, request.command->example));
    ck_assert_ptr_nonnull(strstr(shown, "--wait[=TIME]"));
    free(shown);
}
END_TEST

/* What is shown of a command, or of all. */
static char *
help_of(const char *line)
{
    char *shown = NULL;
    size_t size;
    ck_assert_int_eq(read_line(line), ERR_NONE);
    FILE *out = open_memstream(&shown, &size);
    if (request.command != NULL)
        help_command(request.command, out);
    else
        help_all(out);
    fclose(out);
    return shown;
}

START_TEST(help_says_of_an_option_what_it_is_with_that_command)
{
    static const struct {
        const char *line, *shown;
    } rows[] = {
        { "runs retry x", "--step STEP              begin with this step; else" },
        { "runs logs x", "--step STEP              only what this step has" },
        { "runs cancel x", "--all                    every run that fits\n" },
        { "runs events x", "--all                    every field of an event" },
        { "up", "--set NAME=VALUE         a setting, above that of the file\n" },
        { "runs fork x", "--set NAME=VALUE         STEP.output=JSON: taken" },
        { "runs export x", "--output FILE            where to write" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *shown = help_of(rows[i].line);
        ck_assert_msg(strstr(shown, rows[i].shown) != NULL, "%s", shown);
        free(shown);
    }
}
END_TEST

START_TEST(help_fits_a_narrow_terminal)
{
    static const char *const lines[] = { "", "runs retry x", "runs fork x", "up" };
    for (size_t i = 0; i < COUNT(lines); i++) {
        char *shown = help_of(lines[i]);
        for (char *line = shown, *end; (end = strchr(line, '\n')) != NULL;
             line = end + 1)
            ck_assert_msg(end - line <= 80 || strncmp(line, "Example: ", 9) == 0,
                "%.*s", (int)(end - line), line);
        free(shown);
    }
}
END_TEST

START_TEST(help_of_worker_shows_its_verbs_as_well)
{
    char *shown = NULL;
    size_t size;
    ck_assert_int_eq(read_line("worker"), ERR_NONE);
    FILE *out = open_memstream(&shown, &size);
    help_command(request.command, out);
    fclose(out);
    ck_assert_ptr_nonnull(strstr(shown, "\n  worker init "));
    ck_assert_ptr_null(strstr(shown, "\n  workers list "));
    free(shown);
}
END_TEST

Suite *
suite_request(void)
{
    Suite *suite = suite_create("request");
    TCase *tests = tcase_create("request");
    tcase_add_test(tests, a_verb_without_a_noun_and_one_with_a_noun_are_found);
    tcase_add_test(tests, a_noun_alone_names_no_command);
    tcase_add_test(tests, flags_may_stand_before_between_and_after_the_words);
    tcase_add_test(tests, a_value_follows_an_equals_sign_or_is_the_next_word);
    tcase_add_test(tests, an_optional_value_never_takes_the_next_word);
    tcase_add_test(tests, a_flag_that_may_be_repeated_is_kept_each_time);
    tcase_add_test(tests, after_two_dashes_everything_is_a_word);
    tcase_add_test(tests, a_single_dash_is_a_word);
    tcase_add_test(tests, what_follows_worker_is_handed_on_untouched);
    tcase_add_test(tests, worker_is_a_noun_where_a_verb_of_it_follows);
    tcase_add_test(tests, an_unknown_command_is_refused_with_the_nearest_one);
    tcase_add_test(tests, an_unknown_flag_is_refused_with_the_nearest_one);
    tcase_add_test(tests, a_missing_or_a_needless_value_is_refused);
    tcase_add_test(tests, too_few_and_too_many_words_are_refused);
    tcase_add_test(tests, a_word_too_many_may_have_been_meant_for_a_flag);
    tcase_add_test(tests, the_version_can_be_asked_for_as_a_flag);
    tcase_add_test(tests, help_asks_for_no_words);
    tcase_add_test(tests, a_limit_of_words_and_settings_is_kept);
    tcase_add_test(tests, every_command_has_a_sentence_and_an_example_that_is_read);
    tcase_add_test(tests, the_ids_of_examples_are_ids);
    tcase_add_test(tests, every_flag_that_a_command_names_exists_and_is_used);
    tcase_add_test(tests, help_shows_the_example_of_a_command);
    tcase_add_test(tests, help_says_of_an_option_what_it_is_with_that_command);
    tcase_add_test(tests, help_fits_a_narrow_terminal);
    tcase_add_test(tests, help_of_worker_shows_its_verbs_as_well);
    suite_add_tcase(suite, tests);
    return suite;
}

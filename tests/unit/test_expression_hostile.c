/* Goal: whatever the text, an answer in little time and memory.
 * Method: texts made to be expensive to read, under a clock and a memory limit; and
 * texts made to be expensive to evaluate, which must come to a limit instead. */
#include "actors/expression/expression.h"
#include "base/pack.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_MAX = 256 * 1024 };

/* Each is `before`, then `unit` as often as fits. */
static const struct {
    enum expression_form form;
    const char *before, *unit;
} texts[] = {
    { EXPRESSION_TEMPLATE, "", "x" },
    { EXPRESSION_TEMPLATE, "", "{" },
    { EXPRESSION_TEMPLATE, "", "{{" },
    { EXPRESSION_TEMPLATE, "", "${" },
    { EXPRESSION_TEMPLATE, "", "{{1}}" },
    { EXPRESSION_TEMPLATE, "", "${{1}}" },
    { EXPRESSION_TEMPLATE, "", "{{.a}}" },
    { EXPRESSION_TEMPLATE, "", "{{\"\\n\"}}" },
    { EXPRESSION_TEMPLATE, "", "{{/**/}}" },
    { EXPRESSION_TEMPLATE, "", "{{if 1}}" },
    { EXPRESSION_TEMPLATE, "", "{{if 1}}{{end}}" },
    { EXPRESSION_TEMPLATE, "{{if 1}}", "{{else if 1}}" },
    { EXPRESSION_TEMPLATE, "", "{{range 9}}{{end}}" },
    { EXPRESSION_TEMPLATE, "", "{{range $a, $b := .x}}" },
    { EXPRESSION_TEMPLATE, "", "{{with 1}}{{end}}" },
    { EXPRESSION_TEMPLATE, "", "{{$x := 1}}" },
    { EXPRESSION_TEMPLATE, "{{/*", "*" },
    { EXPRESSION_TEMPLATE, "{{", "(" },
    { EXPRESSION_TEMPLATE, "{{1", "|json" },
    { EXPRESSION_TEMPLATE, "{{1", "|nosuch" },
    { EXPRESSION_TEMPLATE, "{{or", " 1" },
    { EXPRESSION_TEMPLATE, "{{.a", ".a" },
    { EXPRESSION_TEMPLATE, "{{1 -", "-" },
    { EXPRESSION_TEMPLATE, "{{", " " },
    { EXPRESSION_TEMPLATE, "{{`", "x" },
    { EXPRESSION_TEMPLATE, "", "{{- 1 -}}   " },
    { EXPRESSION_TEMPLATE, "", "${{'a' matches 'b(c'}}" },
    { EXPRESSION_TEMPLATE, "", "${{'a'matches'b+(?<x>c)'}}" },
    { EXPRESSION_VALUE, "", "(" },
    { EXPRESSION_VALUE, "", "[" },
    { EXPRESSION_VALUE, "", "{a:" },
    { EXPRESSION_VALUE, "", "!" },
    { EXPRESSION_VALUE, "", "-" },
    { EXPRESSION_VALUE, "", "not " },
    { EXPRESSION_VALUE, "1", "+1" },
    { EXPRESSION_VALUE, "1", "??1" },
    { EXPRESSION_VALUE, "1", "?1:1" },
    { EXPRESSION_VALUE, "1", "?1" },
    { EXPRESSION_VALUE, "1", " not in 1" },
    { EXPRESSION_VALUE, "1", "||1" },
    { EXPRESSION_VALUE, "1", "&&1" },
    { EXPRESSION_VALUE, "a", ".a" },
    { EXPRESSION_VALUE, "a", "?.a" },
    { EXPRESSION_VALUE, "a", "[a" },
    { EXPRESSION_VALUE, "a", "[0]" },
    { EXPRESSION_VALUE, "a", "[1:2]" },
    { EXPRESSION_VALUE, "[", "1," },
    { EXPRESSION_VALUE, "{", "a:1," },
    { EXPRESSION_VALUE, "", "map(a," },
    { EXPRESSION_VALUE, "", "upper(" },
    { EXPRESSION_VALUE, "1", "|json()" },
    { EXPRESSION_VALUE, "list(", "1," },
    { EXPRESSION_VALUE, "\"", "\\u00e9" },
    { EXPRESSION_VALUE, "\"", "\\" },
    { EXPRESSION_VALUE, "", "1" },
    { EXPRESSION_VALUE, "0x", "f" },
    { EXPRESSION_VALUE, "", "\xc3\xa9" },
    { EXPRESSION_VALUE, "\n", "\n" },
    { EXPRESSION_CONDITION, "{{", "1+" },
    { EXPRESSION_CONDITION, "{{", "(" },
    { EXPRESSION_CONDITION, "{{", " eq" },
};

static size_t
text_fill(char *into, int which)
{
    size_t used = strlen(texts[which].before), unit = strlen(texts[which].unit);
    memcpy(into, texts[which].before, used);
    for (; used + unit <= TEXT_MAX; used += unit)
        memcpy(into + used, texts[which].unit, unit);
    return used;
}

#ifdef __SANITIZE_ADDRESS__
enum { SLOWER = 20, WATCH_MEMORY = 0 };
#elif defined COUNTS_BRANCHES
enum { SLOWER = 5, WATCH_MEMORY = 1 };
#else
enum { SLOWER = 1, WATCH_MEMORY = 1 };
#endif

/* The slowest text takes 45 ms on a quiet machine; one whose cost grows with its square
 * would take minutes. */
enum {
    READ_MAX_MS = 150 * SLOWER,
    EVALUATE_MAX_MS = 1000 * SLOWER,
    MEMORY_TIMES_MAX = 16,
    MEMORY_FLOOR = 256 * 1024,
    EVALUATE_MEMORY_MAX = 128 * 1024 * 1024,
};

/* From here on the process may take this much more memory; then malloc fails, which
 * ends it. */
static void
memory_limit(size_t more)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert(file != NULL && fscanf(file, "%ld", &pages) == 1);
    fclose(file);
    rlim_t most = (rlim_t)(pages * sysconf(_SC_PAGESIZE)) + more;
    struct rlimit limit = { most, most };
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

static long
ms_between(const struct timespec *from, const struct timespec *to)
{
    return (to->tv_sec - from->tv_sec) * 1000 + (to->tv_nsec - from->tv_nsec) / 1000000;
}

static bool
asked(void *self, const struct bytes *path, size_t count,
    char message[EXPRESSION_MESSAGE_SIZE])
{
    (void)self;
    (void)path;
    message[0] = '\0';
    return count > 0 || self == NULL;
}

START_TEST(a_hostile_text_is_read_in_little_time_and_memory)
{
    static char in[TEXT_MAX];
    static const struct expression_names names = { NULL, asked };
    struct expression_fault fault;
    struct arena arena = { 0 };
    struct timespec from, to;
    size_t size = text_fill(in, _i);
    if (WATCH_MEMORY)
        memory_limit(MEMORY_TIMES_MAX * size + MEMORY_FLOOR);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    enum err e = expression_check(bytes_of(in, size), texts[_i].form, &names,
        &expression_limits_default, &arena, &fault);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    ck_assert_msg(ms_between(&from, &to) <= READ_MAX_MS, "%s%s took %ld ms",
        texts[_i].before, texts[_i].unit, ms_between(&from, &to));
    ck_assert(e == ERR_NONE || (fault.line > 0 && fault.message[0] != '\0'));
    arena_free(&arena);
}
END_TEST

/* What must come to a limit, and what must not. */
static const struct {
    enum expression_form form;
    enum err err;
    const char *text;
} costly[] = {
    { EXPRESSION_TEMPLATE, ERR_TOO_LARGE,
        "{{ range 99999 }}{{ range 99999 }}{{ end }}{{ end }}" },
    { EXPRESSION_TEMPLATE, ERR_TOO_LARGE,
        "{{ range 99999 }}{{ range 99 }}x{{ end }}{{ end }}" },
    { EXPRESSION_TEMPLATE, ERR_TOO_LARGE, "{{ range 1000000000 }}{{ end }}" },
    { EXPRESSION_TEMPLATE, ERR_TOO_LARGE, "{{ range 99999 }}{{ len $.big }}{{ end }}" },
    { EXPRESSION_TEMPLATE, ERR_TOO_LARGE,
        "{{ range 99999 }}{{ $.big | last }}{{ end }}" },
    { EXPRESSION_TEMPLATE, ERR_TOO_LARGE,
        "{{ range 99999 }}{{ index $.big 9999 }}{{ end }}" },
    { EXPRESSION_TEMPLATE, ERR_TOO_LARGE,
        "{{ range 99999 }}{{ if contains \"y\" $.big }}x{{ end }}{{ end }}" },
    { EXPRESSION_TEMPLATE, ERR_TOO_LARGE,
        "{{ range 99999 }}{{ range $.big }}{{ end }}{{ end }}" },
    { EXPRESSION_TEMPLATE, ERR_INVALID, "{{ printf \"%999999999d\" 1 }}" },
    { EXPRESSION_TEMPLATE, ERR_INVALID, "{{ printf \"%.999999999f\" 1 }}" },
    { EXPRESSION_TEMPLATE, ERR_NONE, "{{ printf \"%1000.100f\" 1e308 }}" },
    { EXPRESSION_VALUE, ERR_TOO_LARGE, "0..18446744073709551615" },
    { EXPRESSION_VALUE, ERR_TOO_LARGE, "map(1..99999, map(1..99999, #))" },
    { EXPRESSION_VALUE, ERR_TOO_LARGE, "repeat(repeat('x', 1000000), 1000000)" },
    { EXPRESSION_VALUE, ERR_TOO_LARGE, "unique(1..99999)" },
    { EXPRESSION_VALUE, ERR_TOO_LARGE,
        "replace(repeat('x', 100000), 'x', repeat('y', 1000))" },
    { EXPRESSION_VALUE, ERR_TOO_LARGE, "split(repeat('x', 1000000), '')" },
    { EXPRESSION_VALUE, ERR_TOO_LARGE, "indent(repeat('\\n', 100000), 1000)" },
    { EXPRESSION_VALUE, ERR_TOO_LARGE,
        "json(json(json(json(json(repeat('\"', 100000))))))" },
    { EXPRESSION_VALUE, ERR_NONE, "len(sort(reverse(1..20000)))" },
    { EXPRESSION_VALUE, ERR_TOO_LARGE, "repeat('a', 200) + '!' matches '^(a+)+$'" },
    { EXPRESSION_VALUE, ERR_TOO_LARGE, "repeat('a', 100000) matches '[ab]*[cd]'" },
    { EXPRESSION_VALUE, ERR_TOO_LARGE,
        "repeat('ab', 3000) matches '(.*)(.*)(.*)(.*)[xy]\\\\1'" },
    { EXPRESSION_VALUE, ERR_TOO_LARGE,
        "map(1..1000, repeat('a', 25) + '!' matches '^(a+)+$')" },
    { EXPRESSION_VALUE, ERR_MALFORMED, "'a' matches '((((a{999}){999}){999}){999})'" },
    { EXPRESSION_VALUE, ERR_INVALID, "'a' matches repeat('(', 100)" },
    { EXPRESSION_VALUE, ERR_INVALID, "'a' matches repeat('a', 5000)" },
    { EXPRESSION_VALUE, ERR_NONE, "repeat('a', 100000) matches 'a$'" },
    { EXPRESSION_VALUE, ERR_INVALID, "fromJson(repeat('[', 100000))" },
};

static struct buffer big;

static bool
find(void *self, const struct bytes *path, size_t count, size_t *used,
    struct bytes *value)
{
    (void)self;
    *used = 1;
    *value = buffer_bytes(&big);
    return count > 0 && bytes_equal(path[0], text("big"));
}

START_TEST(a_costly_text_comes_to_a_limit)
{
    static const struct expression_scope scope = { NULL, find };
    struct expression_fault fault;
    struct arena arena = { 0 };
    struct bytes value;
    struct timespec from, to;
    pack_array(&big, 100000);
    for (unsigned i = 0; i < 100000; i++)
        pack_string(&big, "x");
    if (WATCH_MEMORY)
        memory_limit(EVALUATE_MEMORY_MAX);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    struct bytes in = text(costly[_i].text);
    enum err e = costly[_i].form == EXPRESSION_VALUE
                     ? expression_value(
                         in, &scope, &expression_limits_default, &arena, &value, &fault)
                     : expression_template(in, &scope, &expression_limits_default,
                         &arena, &value, &fault);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    ck_assert_msg(ms_between(&from, &to) <= EVALUATE_MAX_MS, "%s took %ld ms",
        costly[_i].text, ms_between(&from, &to));
    ck_assert_msg(
        e == costly[_i].err, "%s: %s, %s", costly[_i].text, err_name(e), fault.message);
    arena_free(&arena);
    buffer_free(&big);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("expression_hostile");
    TCase *tests = tcase_create("expression_hostile");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(
        tests, a_hostile_text_is_read_in_little_time_and_memory, 0, COUNT(texts));
    tcase_add_loop_test(tests, a_costly_text_comes_to_a_limit, 0, COUNT(costly));
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

/* Goal: whatever the text, an answer in little time and memory, and nothing breaks.
 * Method: texts made to be expensive, under a clock and a memory limit; and twenty
 * thousand changes of good texts. */
#include "actors/plan/compile.h"
#include "actors/schedule/zones.h"
#include "base/pack.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const struct compile_limits limits = {
    .text_max = 256 * 1024,
    .steps_max = 1000,
    .payload_max = 1024 * 1024,
};

/* One compilation and what it gave. */
struct compiled {
    enum err err;
    struct arena arena;
    struct buffer plan;
    struct mistakes mistakes;
};

static struct compiled *
compiled_new(struct bytes text, const struct compile_limits *within)
{
    struct compiled *c = calloc(1, sizeof *c);
    ck_assert_ptr_nonnull(c);
    c->err = compile(text, within, &c->arena, &c->plan, &c->mistakes);
    return c;
}

static void
compiled_free(struct compiled *c)
{
    arena_free(&c->arena);
    buffer_free(&c->plan);
    free(c);
}

static const char *const good[] = {
#define GOOD(about, yaml, expected) yaml,
#include "tests/unit/automations_good.def"
};

/* Texts of 256 KiB that cost a careless reader much.  Each is `before`, then `unit` as
 * often as fits, where %u counts. */
static const struct {
    const char *before, *unit;
} hostile[] = {
    { "", "[" },
    { "", "{a: " },
    { "", "- " },
    { "", "? " },
    { "", "[{" },
    { "", "[? a, " },
    { "", "[a: b," },
    { "", "[a," },
    { "[", "," },
    { "{", "a," },
    { "{", "\"a\"," },
    { "&", "x" },
    { "*", "x" },
    { "!", "x" },
    { "", "- &aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa%u a\n" },
    { "", "- &a a\n- *a\n" },
    { "", "%%TAG !a%u! b\n" },
    { "", "%%YAML 1.1\n" },
    { "", "k%u: \n" },
    { "name: x\nsteps:\n", "- a\n" },
    { "name: x\nsteps:\n", "- {a: }\n" },
    { "name: x\nsteps: [", "{z}," },
    { "name: x\nsteps:\n", "- {key: s%u, kind: action, action: x, needs: [s1, s0]}\n" },
    { "name: x\nsteps:\n", "- {kind: action, config: {action_name: x}}\n" },
    { "", "a: 1\n" },
    { "name: ", "x" },
    { "name: \"", "x" },
    { "name: \"", "\\L" },
    { "name: \"", "\\\n" },
    { "name: |\n", " x\n" },
    { "name: >\n", " x\n" },
    { "name: >\n", "\n" },
    { "name:\n", " x\n" },
    { "name: \"\n", " x\n" },
    { "", "---\n" },
    { "", "...\n" },
    { "", "#\n" },
    { "#", "#" },
    { "", "\n" },
    { "", " " },
    { "", "\t" },
    { "", ":" },
    { "", "a:" },
    { "", "\"" },
    { "", "''" },
    { "", "|\n" },
    { "", "\xff" },
    { "a: ", "\xc3\xa9" },
    { "name: x\nsteps:\n- kind: action\n  action: x\n  with: {a: [", "1.," },
    { "name: x\nsteps:\n- kind: action\n  action: x\n  with:\n", "    key%u: 1.5\n" },
    { "a: {", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx%u: {}, " },
    { "{", "{a: 1}: x, " },
    { "name: x\nsteps:\n- kind: set\n  values:\n", "    k%u: \"{{ .inputs.a%u }}\"\n" },
    { "name: x\nsteps:\n- kind: set\n  values:\n", "    k%u: ${{ nosuch%u }}\n" },
    { "name: x\nsteps:\n- kind: set\n  values:\n",
        "    k%u: ${{ steps.s%u.output }}\n" },
    { "name: x\nsteps:\n- kind: set\n  values: {a: \"", "{{ .inputs.x }}" },
    { "name: x\nsteps:\n- kind: set\n  values: {a: \"", "{{ if .inputs.x }}" },
    { "name: x\nsteps:\n- kind: set\n  values: {a: \"{{ ", "(" },
    { "name: x\nsteps:\n- kind: set\n  values: {a: \"${{ ", "!" },
    { "name: x\nsteps:\n- kind: set\n  values: {a: \"${{ ", "inputs[" },
    { "name: x\nsteps:\n- kind: set\n  values: {a: \"${{ inputs", ".a" },
    { "name: x\nsteps:\n- kind: set\n  if: \"true", " && true" },
    { "name: x\nsteps:\n- kind: set\n  if: |\n", "    inputs.a +\n" },
    { "name: x\nsteps:\n- kind: set\n  values: {a: \"", "\\x41{{ " },
    { "name: x\nsteps:\n",
        "- {key: s%u, kind: set, values: {a: \"${{ steps.s0.output }}\"}}\n" },
    { "name: x\nsteps:\n",
        "- {key: s%u, kind: set, values: {a: \"${{ steps.t%u }}\"}}\n" },
    { "name: x\nsteps:\n", "- {key: s%u, kind: set, values: {}, needs: t%u}\n" },
    { "name: x\nsteps:\n", "- {key: s%u, kind: set, values: {}, on_error: s%u1}\n" },
    { "name: x\nsteps:\n", "- {key: s%u, kind: set, values: {}, save_as: s}\n" },
    { "name: x\nsteps:\n",
        "- {kind: parallel, branches: {a: [{kind: parallel, steps: [{kind: each, "
        "items: [1], steps: [{kind: set, values: {}}]}]}]}}\n" },
    { "name: x\nsteps: ", "[{kind: parallel, steps: " },
    { "name: x\nsteps: ", "[{kind: each, items: [1], steps: " },
    { "name: x\nsteps:\n- kind: parallel\n  branches:\n", "    b%u: []\n" },
    { "name: x\njobs:\n", "  j%u: {run: x, needs: j0}\n" },
    { "name: x\njobs: {a: {run: x}, b: {run: x}, c: {run: x}}\nenv:\n",
        "  e%u: \"'\"\n" },
    { "name: x\njobs:\n", "  j%u: {run: \"{{ {{ {{\", nedes: x}\n" },
    { "name: x\nsteps: []\ninputs:\n", "  k%u: {type: string, default: 5}\n" },
    { "name: x\nsteps: []\ninputs:\n", "  k%u: {pattern: \"(a*)*b\"}\n" },
    { "name: x\nsteps: []\nconfig: {}\ndefault_config:\n", "  k%u: {a: 1}\n" },
    { "name: x\nsteps: []\ntriggers:\n",
        "- {key: t%u, kind: schedule, cron: \"* * 30 2 *\"}\n" },
};

/* `before`, then `repeated` as often as fits; returns the size. */
static size_t
fill(char *into, size_t size, const char *before, const char *repeated)
{
    size_t used = (size_t)snprintf(into, size, "%s", before);
    char unit[256];
    for (unsigned i = 0;; i++) {
        const char *at = repeated;
        size_t unit_size = 0;
        for (; *at != '\0'; at++) {
            if (*at == '%' && at[1] == 'u') {
                unit_size += (size_t)snprintf(unit + unit_size, 12, "%u", i);
                at++;
            } else {
                at += *at == '%' && at[1] == '%';
                unit[unit_size++] = *at;
            }
        }
        if (used + unit_size > size)
            return used;
        memcpy(into + used, unit, unit_size);
        used += unit_size;
    }
}

#ifdef __SANITIZE_ADDRESS__
enum { SLOWER = 20, WATCH_MEMORY = 0 };
#elif defined COUNTS_BRANCHES
enum { SLOWER = 5, WATCH_MEMORY = 1 };
#else
enum { SLOWER = 1, WATCH_MEMORY = 1 };
#endif

enum { TIME_MAX_MS = 50 * SLOWER, MEMORY_TIMES_MAX = 16 };

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

START_TEST(a_hostile_text_costs_little_time_and_memory)
{
    static char yaml[256 * 1024];
    struct timespec from, to;
    size_t size = fill(yaml, sizeof yaml, hostile[_i].before, hostile[_i].unit);
    struct compiled *c = calloc(1, sizeof *c);
    ck_assert_ptr_nonnull(c);
    if (WATCH_MEMORY)
        memory_limit(MEMORY_TIMES_MAX * size);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    c->err = compile(bytes_of(yaml, size), &limits, &c->arena, &c->plan, &c->mistakes);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    long ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
    ck_assert_msg(ms <= TIME_MAX_MS, "%s%s took %ld ms", hostile[_i].before,
        hostile[_i].unit, ms);
    ck_assert((c->err == ERR_NONE) == (c->mistakes.count == 0));
    compiled_free(c);
}
END_TEST

/* xorshift64: the same texts in every run. */
static uint64_t chance = 88172645463325252u;

static uint32_t
chance_below(size_t n)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (uint32_t)(chance % n);
}

enum { MUTANT_MAX = 4096 };

static const char *const words[] = { "needs", "kind", "type", "config", "retry",
    "steps", "timeout", "action", "with", "null", "{{ x }}", ".nan", "0x7f", "1e400",
    "&a ", "*a ", "!!str ", "---\n", "\n- ", "? ", "[", "]", "{", "}", ": ", "\n  ",
    "\"", "'", "|\n", "%TAG", "\xff", "\xc3\xa9", "<<: ", "1h", "-1", "[print, print]",
    "\\uD800", "each", "parallel", "branches", "cleanup", "jobs", "items", "on_error",
    "${{ steps.a.output }}", "{{ .context.", " }}", "if", "save_as", "inputs" };

static void
splice(char *yaml, size_t *size, size_t at, size_t out, const char *in, size_t in_size)
{
    if (*size - out + in_size > MUTANT_MAX)
        return;
    char copy[MUTANT_MAX];
    memcpy(copy, in, in_size);
    memmove(yaml + at + in_size, yaml + at + out, *size - at - out);
    memcpy(yaml + at, copy, in_size);
    *size = *size - out + in_size;
}

static void
mutate(char *yaml, size_t *size)
{
    if (*size < 2)
        return;
    size_t at = chance_below(*size), span = 1 + chance_below(20);
    size_t from = chance_below(*size);
    span = span > *size - at ? *size - at : span;
    size_t copied = span > *size - from ? *size - from : span;
    const char *word = words[chance_below(COUNT(words))];
    switch (chance_below(5)) {
    case 0: yaml[at] = (char)chance_below(256); break;
    case 1: yaml[at] = yaml[from]; break;
    case 2: splice(yaml, size, at, span, "", 0); break;
    case 3: splice(yaml, size, at, 0, yaml + from, copied); break;
    default: splice(yaml, size, at, chance_below(2) * span, word, strlen(word)); break;
    }
}

static void
result_holds(const struct compiled *c)
{
    const struct mistakes *m = &c->mistakes;
    if (c->err == ERR_NONE) {
        ck_assert_int_eq(plan_check(buffer_bytes(&c->plan)), ERR_NONE);
        ck_assert_uint_eq(m->total, 0);
        return;
    }
    ck_assert_uint_eq(c->plan.size, 0);
    ck_assert(m->count > 0 && m->count <= m->total);
    ck_assert(c->err == ERR_INVALID || m->count == 1);
    for (size_t i = 0; i < m->count; i++) {
        const struct mistake *a = &m->list[i];
        ck_assert(a->line > 0 && a->column > 0);
        ck_assert(utf8_valid(text(a->path)) && utf8_valid(text(a->message)));
        ck_assert(i == 0 || a[-1].line < a->line
                  || (a[-1].line == a->line && a[-1].column <= a->column));
    }
}

START_TEST(a_changed_text_gives_a_plan_or_mistakes)
{
    enum { MUTANTS = 20000 };
    static char yaml[MUTANT_MAX + 1];
    unsigned plans = 0;
    for (unsigned i = 0; i < MUTANTS; i++) {
        const char *from = good[chance_below(COUNT(good))];
        size_t size = strlen(from), changes = 1 + chance_below(3);
        ck_assert_uint_le(size, MUTANT_MAX);
        memcpy(yaml, from, size);
        for (size_t k = 0; k < changes; k++)
            mutate(yaml, &size);
        /* A copy of its own, so that reading beyond it shows. */
        char *copy = malloc(size + 1);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, yaml, size);
        struct compiled *c = compiled_new(bytes_of(copy, size), &limits);
        plans += c->err == ERR_NONE;
        result_holds(c);
        compiled_free(c);
        free(copy);
    }
    /* Or the changes test nothing. */
    ck_assert_uint_gt(plans, MUTANTS / 50);
    ck_assert_uint_lt(plans, MUTANTS / 2);
}
END_TEST

#define STEPS "name: x\nsteps: [{kind: set, values: {a: 1}}]\n"
#define LONG  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Inputs whose schema, or whose defaults, cost too much to judge. */
START_TEST(inputs_that_take_too_much_work_are_refused_as_a_whole)
{
    static const struct {
        const char *before, *unit, *after;
    } inputs[] = {
        { STEPS "inputs:\n", "  k%u: {pattern: " LONG LONG LONG LONG "}\n", "" },
        { STEPS "inputs:\n  a: {items: {pattern: ^(a+)+$}, default: [", LONG "b,",
            "]}\n" },
    };
    static char yaml[2 * 1024 * 1024];
    struct compile_limits wide = limits;
    wide.text_max = sizeof yaml;
    wide.payload_max = 2 * sizeof yaml;
    for (size_t i = 0; i < COUNT(inputs); i++) {
        size_t behind = strlen(inputs[i].after);
        size_t size =
            fill(yaml, sizeof yaml - behind, inputs[i].before, inputs[i].unit);
        memcpy(yaml + size, inputs[i].after, behind);
        struct compiled *c = compiled_new(bytes_of(yaml, size + behind), &wide);
        const struct mistake *first = &c->mistakes.list[0];
        ck_assert_int_eq(c->err, ERR_INVALID);
        ck_assert_str_eq(first->path, "inputs");
        ck_assert_str_eq(first->message,
            "this takes too much work: expected a smaller schema or value");
        compiled_free(c);
    }
}
END_TEST

START_TEST(who_may_have_no_value_is_told_so_and_no_more)
{
    struct compile_limits none = limits;
    none.text_max = 8;
    struct compiled *c = compiled_new(text("a: b"), &none);
    ck_assert_int_eq(c->err, ERR_INVALID);
    ck_assert_uint_eq(c->mistakes.count, 1);
    ck_assert_str_eq(
        c->mistakes.list[0].message, "too many values: expected at most 0");
    compiled_free(c);
}
END_TEST

/* What is found when a hundred mistakes before it are known is counted, and not kept.
 */
START_TEST(mistakes_behind_a_hundred_are_counted)
{
    static const struct {
        const char *head, *unit, *tail, *last; /* the last mistake that is kept */
        unsigned units, total;
    } rows[] = {
        { "name: x\nsteps:\n", "- {}\n", "",
            "missing: expected what the step does, such as action", 150, 150 },
        { "name: x\nsteps:\n- {key: a, kind: set, values: {}}\n",
            "- {kind: set, values: {}, needs: [aa]}\n", "", "there is no step \"aa\"",
            150, 150 },
        { "a:\n", "- &a x\n", "---\nb\n",
            "the anchor &a: anchors and aliases are not accepted, write it out", 100,
            101 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer yaml = { 0 };
        buffer_print(&yaml, "%s", rows[i].head);
        for (unsigned k = 0; k < rows[i].units; k++)
            buffer_print(&yaml, "%s", rows[i].unit);
        buffer_print(&yaml, "%s", rows[i].tail);
        struct compiled *c = compiled_new(buffer_bytes(&yaml), &limits);
        ck_assert_int_eq(c->err, ERR_INVALID);
        ck_assert_uint_eq(c->mistakes.count, COMPILE_MISTAKES_MAX);
        ck_assert_uint_ge(c->mistakes.total, rows[i].total);
        const char *last = c->mistakes.list[COMPILE_MISTAKES_MAX - 1].message;
        ck_assert_msg(strstr(last, rows[i].last) != NULL, "row %zu: %s", i, last);
        compiled_free(c);
        buffer_free(&yaml);
    }
}
END_TEST

START_TEST(lists_behind_the_last_step_that_may_be_are_not_looked_at)
{
    static const char yaml[] = "name: x\n"
                               "steps:\n"
                               "- key: p\n"
                               "  kind: parallel\n"
                               "  branches:\n"
                               "    one: [{key: a, kind: set, values: {}}]\n"
                               "    two: [{key: b, kind: nonsense}]\n";
    struct compile_limits little = limits;
    little.steps_max = 2;
    struct compiled *c = compiled_new(text(yaml), &little);
    ck_assert_int_eq(c->err, ERR_INVALID);
    ck_assert_uint_eq(c->mistakes.total, 1);
    ck_assert_str_eq(c->mistakes.list[0].message, "expected at most 2 steps, found 3");
    compiled_free(c);
}
END_TEST

/* An automation may be longer than a text that is rendered may be. */
START_TEST(a_template_is_no_longer_than_a_run_will_render)
{
    enum { TEXT_MAX = 256 * 1024 };
    static const char head[] = "name: x\nsteps:\n- {kind: set, values: {v: '{{ 1 }}";
    static char longest[TEXT_MAX + 1];
    struct compile_limits wide = limits;
    wide.text_max = 2 * TEXT_MAX;
    memset(longest, 'a', TEXT_MAX);
    for (unsigned more = 0; more < 2; more++) {
        struct buffer yaml = { 0 };
        int size = (int)(TEXT_MAX - strlen("{{ 1 }}") + more);
        buffer_print(&yaml, "%s%.*s'}}\n", head, size, longest);
        struct compiled *c = compiled_new(buffer_bytes(&yaml), &wide);
        ck_assert_int_eq(c->err, more == 0 ? ERR_NONE : ERR_INVALID);
        if (more > 0)
            ck_assert_str_eq(
                c->mistakes.list[0].message, "a text of more than 262144 bytes");
        compiled_free(c);
        buffer_free(&yaml);
    }
}
END_TEST

START_TEST(zones_are_those_that_there_are)
{
    static const struct zones none;
    static const char *const names[] = { "UTC", "Nowhere" };
    for (size_t i = 0; i < COUNT(names); i++) {
        struct buffer yaml = { 0 };
        struct compiled *c = calloc(1, sizeof *c);
        buffer_print(&yaml,
            "name: x\n"
            "triggers: [{key: t, kind: schedule, cron: 0 0 * * *, timezone: %s}]\n"
            "steps: [{key: a, kind: set, values: {}}]\n",
            names[i]);
        c->err = compile_with_zones(
            buffer_bytes(&yaml), &limits, &none, &c->arena, &c->plan, &c->mistakes);
        ck_assert_int_eq(c->err, i == 0 ? ERR_NONE : ERR_INVALID);
        if (i > 0)
            ck_assert_str_eq(c->mistakes.list[0].path, "triggers[0].timezone");
        compiled_free(c);
        buffer_free(&yaml);
    }
}
END_TEST

static Suite *
hostile_suite(void)
{
    Suite *suite = suite_create("compile, hostile");
    TCase *tests = tcase_create("compile, hostile");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(
        tests, a_hostile_text_costs_little_time_and_memory, 0, (int)COUNT(hostile));
    tcase_add_test(tests, a_changed_text_gives_a_plan_or_mistakes);
    tcase_add_test(tests, inputs_that_take_too_much_work_are_refused_as_a_whole);
    tcase_add_test(tests, who_may_have_no_value_is_told_so_and_no_more);
    tcase_add_test(tests, mistakes_behind_a_hundred_are_counted);
    tcase_add_test(tests, lists_behind_the_last_step_that_may_be_are_not_looked_at);
    tcase_add_test(tests, a_template_is_no_longer_than_a_run_will_render);
    tcase_add_test(tests, zones_are_those_that_there_are);
    suite_add_tcase(suite, tests);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(hostile_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

/* Goal: a manifest is taken as it is meant, or refused at its place with what was
 * expected; nothing in one costs time or harms. */
#include "actors/keeper/manifest.h"
#include "base/buffer.h"
#include "tests/unit/suites.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct manifest manifest;
static struct fault fault;

static enum err
take(const char *yaml)
{
    fault.detail[0] = '\0';
    return manifest_read(text(yaml), &arena, &manifest, &fault);
}

static void
expect_refused(const char *yaml, const char *why)
{
    ck_assert_msg(take(yaml) != ERR_NONE, "%s", yaml);
    ck_assert_str_eq(fault.detail, why);
}

/* "-" stands for nothing. */
static void
expect_inferred(const char *runtime, const char *install, const char *start)
{
    char yaml[300];
    snprintf(yaml, sizeof yaml, "name: a\nruntime: { %s }\n", runtime);
    ck_assert_msg(take(yaml) == ERR_NONE, "%s: %s", runtime, fault.detail);
    ck_assert_str_eq(manifest.install == NULL ? "-" : manifest.install, install);
    ck_assert_str_eq(manifest.start, start);
}

static void
tear_down(void)
{
    arena_free(&arena);
}

START_TEST(the_manifest_of_the_seed_is_taken)
{
    ck_assert_int_eq(take("name: math-worker\n"
                          "runtime:\n"
                          "  kind: python\n"
                          "  package_manager: pip\n"
                          "  entry: math_worker.py\n"
                          "scripts:\n"
                          "  install: \"pip install -r requirements.txt\"\n"
                          "  start: \"python math_worker.py\"\n"),
        ERR_NONE);
    ck_assert_str_eq(manifest.name, "math-worker");
    ck_assert_ptr_null(manifest.setup);
    ck_assert_str_eq(manifest.install, "pip install -r requirements.txt");
    ck_assert_str_eq(manifest.start, "python math_worker.py");
    ck_assert_uint_eq(manifest.env_count, 0);
}
END_TEST

START_TEST(every_key_of_the_reference_is_known)
{
    ck_assert_int_eq(take("name: a.b_c-9\ndescription: It adds\nlanguage: c\n"
                          "runtime: { base_image: 'debian:12' }\n"
                          "scripts: { setup: a, install: b, start: c }\n"
                          "env: { PORT: 8080, ON: true, EMPTY: , TEXT: \"a: b\\n\" }\n"
                          "dependencies: { mail: ^1.2 }\n"
                          "resources: { cpus: 2, memory: 2048 }\n"
                          "iii: 0.11\ndeploy: { a: [b] }\nmanifest: 1\ntags: [x]\n"
                          "config: { a: b }\nentry: [c]\n"),
        ERR_NONE);
    ck_assert_str_eq(manifest.setup, "a");
    ck_assert_uint_eq(manifest.env_count, 4);
    ck_assert_str_eq(manifest.env[0].name, "PORT");
    ck_assert_str_eq(manifest.env[0].value, "8080");
    ck_assert_str_eq(manifest.env[2].value, "");
    ck_assert_str_eq(manifest.env[3].value, "a: b\n");
}
END_TEST

START_TEST(what_is_not_said_follows_from_the_runtime)
{
    expect_inferred(
        "kind: typescript, entry: src/a.ts", "npm install", "npx tsx src/a.ts");
    expect_inferred("kind: typescript, package_manager: pnpm, entry: a.ts",
        "pnpm install", "pnpm exec tsx a.ts");
    expect_inferred("kind: node, entry: a.js", "npm install", "node a.js");
    expect_inferred("kind: bun, entry: a.ts", "bun install", "bun run a.ts");
    expect_inferred("kind: rust", "cargo build --release", "cargo run --release");
    ck_assert_int_eq(take("name: a\nruntime: { kind: python, entry: m }\n"), ERR_NONE);
    ck_assert_str_eq(manifest.start, ".venv/bin/python -m m");
    ck_assert_int_eq(take("name: a\nruntime: { kind: python, entry: m.py }\n"), 0);
    ck_assert_str_eq(manifest.start, ".venv/bin/python m.py");
    ck_assert_int_eq(take("name: a\nruntime: { kind: node, entry: a.js }\n"
                          "scripts: { install: make }\n"),
        ERR_NONE);
    ck_assert_str_eq(manifest.install, "make");
    ck_assert_int_eq(take("name: a\nruntime: { kind: node }\n"
                          "scripts: { start: ./a }\n"),
        ERR_NONE);
    ck_assert_ptr_null(manifest.install);
}
END_TEST

START_TEST(a_mistake_is_told_with_its_place_and_key)
{
    expect_refused("", "line 1, column 1: nothing: expected a map");
    expect_refused("- a", "line 1, column 1: expected a map, with the key name");
    expect_refused("scripts: { start: a }",
        "line 1, column 1: name: missing: expected the name of the worker");
    expect_refused("name: a\nscripts:\n  strat: b\n",
        "line 3, column 3: scripts.strat: unknown key \"strat\": did you mean "
        "\"start\"?");
    expect_refused("name: a\nscripts: { start: b }\nports: [1]\n",
        "line 3, column 1: ports: unknown key \"ports\"");
    expect_refused("name: a\n",
        "line 1, column 1: scripts.start: missing: expected a line for the shell, or "
        "runtime with kind and entry");
    expect_refused("name: a\nruntime: { kind: node }",
        "line 2, column 10: runtime.entry: missing: expected the file to start");
    expect_refused("name: a\nruntime: { kind: node, package_manager: pip, entry: b }",
        "line 2, column 41: runtime.package_manager: expected one that goes with this "
        "kind");
    expect_refused("name: ../a\nscripts: { start: b }",
        "line 1, column 7: name: expected 1 to 31 letters, digits, dots, dashes or "
        "underscores, found \"../a\"");
    expect_refused("name: ..\nscripts: { start: b }",
        "line 1, column 7: name: expected a letter or a digit first");
    expect_refused("name: a\nscripts: { start: b }\nenv: { 'A=B': c }",
        "line 3, column 8: env[\"A=B\"]: expected the name of a variable: letters, "
        "digits and underscores, of which the first is no digit");
    expect_refused("name: a\nscripts: { start: b }\nenv: { A: [c] }",
        "line 3, column 11: env.A: expected one value of at most 16384 bytes");
    expect_refused("name: a\nname: b\nscripts: { start: b }",
        "line 2, column 1: name: the key \"name\" is already given on line 1");
    expect_refused("name: a\nscripts: { start: b }\nenv: { A: \"b\\0c\" }",
        "line 3, column 11: env.A: a NUL: no program can be handed one");
}
END_TEST

START_TEST(an_entry_is_nothing_but_a_path_to_the_shell)
{
    static const char *const hostile[] = { "a;b", "$(a)", "a b", "`a`", "a\\nb", "a'b",
        "a&b", "a|b", ">a", "*" };
    for (size_t i = 0; i < COUNT(hostile); i++) {
        char yaml[200];
        snprintf(yaml, sizeof yaml,
            "name: a\nruntime:\n  kind: node\n  entry: \"%s\"\n", hostile[i]);
        ck_assert_msg(take(yaml) == ERR_INVALID, "%s", yaml);
        ck_assert_msg(strstr(fault.detail, "line 4, column 10: runtime.entry") != NULL,
            "%s", fault.detail);
    }
}
END_TEST

START_TEST(a_hostile_text_is_refused_early)
{
    struct buffer yaml = { 0 };
    buffer_print(&yaml, "name: a\nscripts: { start: b }\nenv:\n");
    for (int i = 0; i < MANIFEST_ENV_MAX + 1; i++)
        buffer_print(&yaml, "  A%d: b\n", i);
    buffer_append(&yaml, "", 1);
    expect_refused((const char *)yaml.data,
        "line 68, column 3: env.A64: too many variables: expected at most 64");
    buffer_clear(&yaml);
    while (yaml.size <= MANIFEST_TEXT_MAX)
        buffer_append(&yaml, "[", 1);
    ck_assert_int_eq(
        manifest_read(buffer_bytes(&yaml), &arena, &manifest, &fault), ERR_TOO_LARGE);
    ck_assert_str_eq(fault.detail, "65537 bytes: expected at most 65536");
    yaml.size--;
    ck_assert_int_eq(
        manifest_read(buffer_bytes(&yaml), &arena, &manifest, &fault), ERR_INVALID);
    buffer_free(&yaml);
    ck_assert_int_eq(take("a: &a [*a, *a]"), ERR_INVALID);
    ck_assert_int_eq(take("name: \xff"), ERR_INVALID);
    ck_assert_int_eq(take("name: !!python/object:os.system a"), ERR_INVALID);
    ck_assert_int_eq(take("name: [a"), ERR_INVALID);
    ck_assert_int_eq(take("name: { a: { b: c } }"), ERR_INVALID);
    ck_assert_int_eq(take("scripts: a\nenv: b\nname: a"), ERR_INVALID);
}
END_TEST

START_TEST(a_project_has_one_manifest)
{
    char folder[128], path[200];
    folder_fresh(folder);
    ck_assert_int_eq(manifest_find(folder, &arena, &manifest, &fault), ERR_NOT_FOUND);
    snprintf(path, sizeof path, "%s/iii.worker.yaml", folder);
    FILE *out = fopen(path, "w");
    fputs("name: a\nscripts: { start: b, strat: c }\n", out);
    fclose(out);
    ck_assert_int_eq(manifest_find(folder, &arena, &manifest, &fault), ERR_INVALID);
    ck_assert_ptr_nonnull(
        strstr(fault.detail, "iii.worker.yaml: line 2, column 22: scripts.strat"));
    snprintf(path, sizeof path, "%s/capstan.worker.yaml", folder);
    fclose(fopen(path, "w"));
    ck_assert_int_eq(manifest_find(folder, &arena, &manifest, &fault), ERR_CONFLICT);
    folder_drop(folder);
}
END_TEST

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    TCase *tests = tcase_create("manifest");
    tcase_add_checked_fixture(tests, NULL, tear_down);
    tcase_add_test(tests, the_manifest_of_the_seed_is_taken);
    tcase_add_test(tests, every_key_of_the_reference_is_known);
    tcase_add_test(tests, what_is_not_said_follows_from_the_runtime);
    tcase_add_test(tests, a_mistake_is_told_with_its_place_and_key);
    tcase_add_test(tests, an_entry_is_nothing_but_a_path_to_the_shell);
    tcase_add_test(tests, a_hostile_text_is_refused_early);
    tcase_add_test(tests, a_project_has_one_manifest);
    Suite *suite = suite_create("manifest");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

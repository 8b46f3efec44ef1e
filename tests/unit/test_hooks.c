/* Goal: a gateway knows of which project a hook is once a call of it was taken, and
 * keeps no more of them than it may. */
#include "gateway/hooks.h"
#include "tests/unit/gateway_suites.h"

#include <stdio.h>

static struct hooks hooks;

static struct bytes
handle_of(unsigned n)
{
    static char name[16];
    snprintf(name, sizeof name, "hook%u", n);
    return text(name);
}

static bool
is_of(unsigned n, const char *project)
{
    struct id id = hooks_project(&hooks, handle_of(n)),
              wanted = id_of_name(text(project));
    return id_equal(&id, &wanted);
}

static void
learn(unsigned n, const char *project)
{
    struct id id = id_of_name(text(project));
    hooks_learn(&hooks, handle_of(n), &id);
}

START_TEST(a_hook_is_of_the_project_that_took_it_last)
{
    hooks_open(&hooks);
    struct id nobody = hooks_project(&hooks, handle_of(1));
    ck_assert(id_is_zero(&nobody));
    learn(1, "a");
    learn(2, "b");
    ck_assert(is_of(1, "a"));
    ck_assert(is_of(2, "b"));
    learn(1, "b");
    ck_assert(is_of(1, "b"));
    hooks_close(&hooks);
}
END_TEST

START_TEST(what_was_learned_first_is_forgotten_first)
{
    hooks_open(&hooks);
    for (unsigned n = 0; n <= HOOKS_MAX; n++)
        learn(n, "a");
    struct id first = hooks_project(&hooks, handle_of(0));
    ck_assert(id_is_zero(&first));
    ck_assert(is_of(1, "a"));
    ck_assert(is_of(HOOKS_MAX, "a"));
    hooks_close(&hooks);
}
END_TEST

Suite *
hooks_suite(void)
{
    Suite *suite = suite_create("hooks");
    TCase *tests = tcase_create("hooks");
    tcase_add_test(tests, a_hook_is_of_the_project_that_took_it_last);
    tcase_add_test(tests, what_was_learned_first_is_forgotten_first);
    suite_add_tcase(suite, tests);
    return suite;
}

/* Goal: a step may speak of another exactly if that one is over before it, whatever the
 * graph.  Method: random graphs with bodies, in which each step speaks of one other;
 * what is refused is compared with a closure that is computed the slow way. */
#include "actors/plan/compile.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS_MAX = 24, GRAPHS = 2000, NONE = -1 };

struct graph {
    int count;
    int parent[STEPS_MAX]; /* a `parallel` before it, or NONE */
    bool parallel[STEPS_MAX];
    bool needs[STEPS_MAX][STEPS_MAX];
    bool over[STEPS_MAX][STEPS_MAX]; /* the first begins after the second is over */
    int about[STEPS_MAX];            /* the step that it speaks of */
};

/* xorshift64: the same graphs in every run. */
static uint64_t chance = 88172645463325252u;

static int
below(int n)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (int)(chance % (uint64_t)n);
}

/* Steps need earlier ones of their list, so that there is no circle. */
static void
graph_draw(struct graph *g)
{
    *g = (struct graph){ .count = 3 + below(STEPS_MAX - 3) };
    int open = NONE, left = 0;
    for (int i = 0; i < g->count; i++) {
        g->parent[i] = left > 0 ? open : NONE;
        left -= left > 0;
        if (g->parent[i] == NONE && i + 1 < g->count && below(4) == 0) {
            g->parallel[i] = true;
            open = i;
            left = 1 + below(g->count - i - 1);
        }
        for (int k = 0; k < i; k++)
            g->needs[i][k] = g->parent[k] == g->parent[i] && below(3) == 0;
        g->about[i] = below(g->count);
    }
}

static void
graph_close(struct graph *g)
{
    bool closed[STEPS_MAX][STEPS_MAX];
    memcpy(closed, g->needs, sizeof closed);
    for (int k = 0; k < g->count; k++)
        for (int i = 0; i < g->count; i++)
            for (int j = 0; j < g->count; j++)
                closed[i][j] |= closed[i][k] && closed[k][j];
    for (int i = 0; i < g->count; i++)
        for (int j = 0; j < g->count; j++) {
            int around_i = g->parent[i], around_j = g->parent[j];
            g->over[i][j] =
                closed[i][j] || (around_i != NONE && closed[around_i][j])
                || (around_j != NONE && closed[i][around_j])
                || (around_i != NONE && around_j != NONE && closed[around_i][around_j]);
        }
}

static void
step_print(const struct graph *g, int i, struct buffer *out)
{
    const char *indent = g->parent[i] == NONE ? "" : "    ", *before = "";
    buffer_print(out, "%s- key: s%d\n%s  needs: [", indent, i, indent);
    for (int k = 0; k < g->count; k++)
        if (g->needs[i][k]) {
            buffer_print(out, "%ss%d", before, k);
            before = ", ";
        }
    buffer_print(
        out, "]\n%s  if: steps.s%d.status == 'completed'\n", indent, g->about[i]);
    if (g->parallel[i])
        buffer_print(out, "  kind: parallel\n  steps:\n");
    else
        buffer_print(out, "%s  kind: set\n%s  values: {}\n", indent, indent);
}

/* How many steps before `i` stand in the same list. */
static int
position(const struct graph *g, int i)
{
    int before = 0;
    for (int k = 0; k < i; k++)
        before += g->parent[k] == g->parent[i];
    return before;
}

static bool
refused(const struct mistakes *mistakes, const struct graph *g, int i)
{
    char path[64];
    if (g->parent[i] == NONE)
        snprintf(path, sizeof path, "steps[%d].if", position(g, i));
    else
        snprintf(path, sizeof path, "steps[%d].steps[%d].if", position(g, g->parent[i]),
            position(g, i));
    size_t m = 0;
    while (m < mistakes->count && strcmp(mistakes->list[m].path, path) != 0)
        m++;
    return m < mistakes->count;
}

START_TEST(a_step_speaks_only_of_what_is_over)
{
    static const struct compile_limits limits = { 1 << 20, 1000, 1 << 20 };
    static struct mistakes mistakes;
    struct graph g;
    struct buffer yaml = { 0 }, plan = { 0 };
    struct arena arena = { 0 };
    for (unsigned n = 0; n < GRAPHS; n++) {
        graph_draw(&g);
        graph_close(&g);
        buffer_clear(&yaml);
        buffer_clear(&plan);
        buffer_print(&yaml, "name: x\nsteps:\n");
        for (int i = 0; i < g.count; i++)
            step_print(&g, i, &yaml);
        enum err e = compile(buffer_bytes(&yaml), &limits, &arena, &plan, &mistakes);
        size_t expected = 0;
        for (int i = 0; i < g.count; i++) {
            bool over = g.over[i][g.about[i]];
            expected += !over;
            ck_assert_msg(refused(&mistakes, &g, i) == !over,
                "s%d speaks of s%d, which is %sover:\n%.*s", i, g.about[i],
                over ? "" : "not ", (int)yaml.size, (const char *)yaml.data);
        }
        ck_assert_uint_eq(mistakes.total, expected);
        ck_assert_int_eq(e, expected == 0 ? ERR_NONE : ERR_INVALID);
        arena_reset(&arena);
    }
    buffer_free(&yaml);
    buffer_free(&plan);
    arena_free(&arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("compile, graphs");
    TCase *tests = tcase_create("graphs");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_step_speaks_only_of_what_is_over);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

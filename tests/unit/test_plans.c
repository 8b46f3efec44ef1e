/* Goal: what is kept of plans is what they say, of the last of them, and on its own. */
#include "actors/plan/plans.h"

#include <check.h>

static struct plan_step
step(const char *key)
{
    return (struct plan_step){
        .key = text(key),
        .kind = STEP_ACTION,
        .action = text("print"),
        .queue = text("default"),
        .labels = bytes_of("\x90", 1),
        .parameters = bytes_of("\x80", 1),
        .attempts_max = 1,
        .backoff = BACKOFF_NONE,
    };
}

/* b needs a. */
static void
chain_write(struct buffer *out)
{
    static const uint32_t a[] = { 0 };
    struct plan plan = { .name = text("chain"), .concurrency = PLAN_ALLOW };
    struct plan_step steps[] = { step("a"), step("b") };
    steps[1].needs = a;
    steps[1].needs_count = 1;
    plan_write(&plan, steps, 2, NULL, 0, out);
}

static struct plan_name
numbered(uint32_t version)
{
    return (struct plan_name){ { { 1 } }, { { 2 } }, version };
}

START_TEST(the_plans_that_were_used_last_are_kept)
{
    struct buffer out = { 0 };
    struct plans *plans = plans_new();
    struct plan_name first = numbered(1), other = first;
    chain_write(&out);
    for (uint32_t version = 1; version <= PLANS_KEPT; version++) {
        struct plan_name name = numbered(version);
        ck_assert_ptr_null(plans_find(plans, &name));
        ck_assert_ptr_nonnull(plans_keep(plans, &name, buffer_bytes(&out)));
    }
    struct kept_plan *kept = plans_find(plans, &first);
    ck_assert_ptr_eq(plans_find(plans, &first), kept);
    for (uint32_t version = PLANS_KEPT + 1; version < 2 * PLANS_KEPT; version++) {
        struct plan_name name = numbered(version);
        plans_keep(plans, &name, buffer_bytes(&out));
    }
    plans_trim(plans);
    ck_assert_ptr_eq(plans_find(plans, &first), kept);
    struct plan_name second = numbered(2), last = numbered(2 * PLANS_KEPT - 1);
    ck_assert_ptr_null(plans_find(plans, &second));
    ck_assert_ptr_nonnull(plans_find(plans, &last));
    other.project.bytes[3] = 1;
    ck_assert_ptr_null(plans_find(plans, &other));
    other = first;
    other.automation.bytes[3] = 1;
    ck_assert_ptr_null(plans_find(plans, &other));
    plans_free(&plans);
    plans_free(&plans);
    buffer_free(&out);
}
END_TEST

START_TEST(a_kept_plan_borrows_nothing_and_reads_each_step_once)
{
    struct buffer out = { 0 };
    struct plans *plans = plans_new();
    struct plan_name name = numbered(1);
    chain_write(&out);
    struct kept_plan *kept = plans_keep(plans, &name, buffer_bytes(&out));
    memset(out.data, 0xff, out.size);
    buffer_free(&out);
    ck_assert(bytes_equal(kept->plan.name, text("chain")));
    const struct plan_step *step = plans_step(kept, 1);
    ck_assert(bytes_equal(step->key, text("b")));
    ck_assert_uint_eq(step->needs_count, 1);
    ck_assert_ptr_eq(plans_step(kept, 1), step);
    name.version = 2;
    ck_assert_ptr_null(plans_keep(plans, &name, text("plan")));
    ck_assert_ptr_null(plans_find(plans, &name));
    plans_free(&plans);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("plans");
    TCase *tests = tcase_create("plans");
    tcase_add_test(tests, the_plans_that_were_used_last_are_kept);
    tcase_add_test(tests, a_kept_plan_borrows_nothing_and_reads_each_step_once);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

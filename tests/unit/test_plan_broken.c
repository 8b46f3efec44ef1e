/* Goal: each thing that a plan must keep to is checked: what breaks one of them alone
 * is no plan.  Method: a plan that holds, and one change at a time; plan_write ends the
 * process, and is left by a jump. */
#include "actors/plan/plan.h"
#include "actors/plan/plan_kinds.h"
#include "base/buffer.h"

#include <check.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

enum { STEPS = 6 };

static uint8_t long_text[PLAN_NAME_MAX + 1];
static uint8_t many_labels[3 + 2 * (PLAN_LABELS_MAX + 1)];
static const uint32_t first[] = { 1 }, third[] = { 3 }, fourth[] = { 4 },
                      fifth[] = { 5 };

static struct plan_step
action(const char *key)
{
    return (struct plan_step){ .key = text(key),
        .kind = STEP_ACTION,
        .action = text("print"),
        .queue = text("default"),
        .labels = text("\x90"),
        .parameters = text("\x80"),
        .attempts_max = 1,
        .backoff = BACKOFF_NONE };
}

static void
nested_in(struct plan_step *step, uint32_t parent)
{
    step->nested = true;
    step->parent = parent;
}

/* 0 both, a parallel: 1 x, 2 y;  3 saved, handled by 4 rescue;  5 last */
static void
fill(struct plan_step s[STEPS])
{
    static const char *const keys[] = { "both", "x", "y", "saved", "rescue", "last" };
    for (size_t i = 0; i < STEPS; i++)
        s[i] = action(keys[i]);
    s[0].kind = STEP_PARALLEL;
    s[0].body_first = 1;
    s[0].body_count = 2;
    nested_in(&s[1], 0);
    nested_in(&s[2], 0);
    s[3].on_error = ON_ERROR_STEP;
    s[3].handler = 4;
    s[4].handles = true;
}

static sigjmp_buf before;

static void
jump(int signal)
{
    siglongjmp(before, signal);
}

/* Does plan_write find that it holds? */
static bool
holds(const struct plan *plan, const struct plan_step *s, uint32_t count,
    const struct plan_trigger *triggers, uint32_t trigger_count)
{
    static struct buffer out;
    static bool written;
    written = false;
    ck_assert_ptr_ne(signal(SIGABRT, jump), SIG_ERR);
    if (sigsetjmp(before, 1) == 0) {
        plan_write(plan, s, count, triggers, trigger_count, &out);
        written = true;
    }
    signal(SIGABRT, SIG_DFL);
    ck_assert_int_eq(
        plan_check(buffer_bytes(&out)), written ? ERR_NONE : ERR_MALFORMED);
    buffer_free(&out);
    return written;
}

static void
key_long(struct plan_step *s)
{
    s[5].key = bytes_of(long_text, PLAN_KEY_MAX + 1);
}

static void
key_no_text(struct plan_step *s)
{
    s[5].key = text("\xff");
}

static void
name_long(struct plan_step *s)
{
    s[5].name = bytes_of(long_text, PLAN_NAME_MAX + 1);
}

static void
name_no_text(struct plan_step *s)
{
    s[5].name = text("\xff");
}

static void
saved_long(struct plan_step *s)
{
    s[5].save_as = bytes_of(long_text, PLAN_KEY_MAX + 1);
}

static void
environment_long(struct plan_step *s)
{
    s[5].environment = bytes_of(long_text, PLAN_KEY_MAX + 1);
}

static void
labels_two(struct plan_step *s)
{
    s[5].labels = text("\x90\x90");
}

static void
labels_many(struct plan_step *s)
{
    s[5].labels = bytes_of(many_labels, sizeof many_labels);
}

static void
retry_on_two(struct plan_step *s)
{
    s[5].retry_on = text("\x90\x90");
}

static void
template_list(struct plan_step *s)
{
    s[5].templated = true;
    s[5].parameters = text("\x90");
}

static void
keys_same(struct plan_step *s)
{
    s[5].key = s[3].key;
    s[5].save_as = text("elsewhere");
}

static void
circle(struct plan_step *s)
{
    s[3].needs = fifth;
    s[5].needs = third;
    s[3].needs_count = s[5].needs_count = 1;
}

static void
need_inside(struct plan_step *s)
{
    s[5].needs = first;
    s[5].needs_count = 1;
}

static void
need_handler(struct plan_step *s)
{
    s[5].needs = fourth;
    s[5].needs_count = 1;
}

static void
handler_itself(struct plan_step *s)
{
    s[3].handler = 3;
}

static void
handler_handled(struct plan_step *s)
{
    s[4].on_error = ON_ERROR_STEP;
    s[4].handler = 5;
}

static void
handler_inside(struct plan_step *s)
{
    s[1].handles = true;
    s[5].on_error = ON_ERROR_STEP;
    s[5].handler = 1;
}

static void
handler_in_cleanup(struct plan_step *s)
{
    s[4].cleanup = true;
}

static void
handler_of_two(struct plan_step *s)
{
    s[5].on_error = ON_ERROR_STEP;
    s[5].handler = 4;
}

static void
handler_of_none(struct plan_step *s)
{
    s[5].handles = true;
}

static void
cleanup_inside(struct plan_step *s)
{
    s[1].cleanup = true;
}

static void (*const breaks[])(struct plan_step *s) = {
    key_long,
    key_no_text,
    name_long,
    name_no_text,
    saved_long,
    environment_long,
    labels_two,
    labels_many,
    retry_on_two,
    template_list,
    keys_same,
    circle,
    need_inside,
    need_handler,
    handler_itself,
    handler_handled,
    handler_inside,
    handler_in_cleanup,
    handler_of_two,
    handler_of_none,
    cleanup_inside,
};

START_TEST(a_broken_step_is_found)
{
    struct plan plan = { .name = text("broken"), .concurrency = PLAN_ALLOW };
    struct plan_step s[STEPS];
    fill(s);
    ck_assert(holds(&plan, s, STEPS, NULL, 0));
    breaks[_i](s);
    ck_assert(!holds(&plan, s, STEPS, NULL, 0));
}
END_TEST

START_TEST(a_broken_top_is_found)
{
    struct plan plan = { .name = text("broken"), .concurrency = PLAN_ALLOW };
    struct plan_step s[STEPS];
    fill(s);
    plan.name = bytes_of(long_text, PLAN_NAME_MAX);
    plan.handle = bytes_of(long_text, PLAN_KEY_MAX);
    ck_assert(holds(&plan, s, STEPS, NULL, 0));
    plan.name.size++;
    ck_assert(!holds(&plan, s, STEPS, NULL, 0));
    plan.name.size--;
    plan.handle.size++;
    ck_assert(!holds(&plan, s, STEPS, NULL, 0));
}
END_TEST

START_TEST(a_broken_trigger_is_found)
{
    struct plan plan = { .name = text("broken"), .concurrency = PLAN_ALLOW };
    struct plan_trigger trigger = { .key = text("manual"), .kind = text("manual") };
    struct plan_step s[STEPS];
    fill(s);
    trigger.name = bytes_of(long_text, PLAN_NAME_MAX);
    ck_assert(holds(&plan, s, STEPS, &trigger, 1));
    trigger.name.size++;
    ck_assert(!holds(&plan, s, STEPS, &trigger, 1));
    trigger.name = text("\xff");
    ck_assert(!holds(&plan, s, STEPS, &trigger, 1));
}
END_TEST

/* Two each, 0 with 2 and 3, 1 with 4; 2 is a parallel that reaches into the second. */
START_TEST(a_parallel_does_not_reach_into_another_each)
{
    struct plan plan = { .name = text("broken"), .concurrency = PLAN_ALLOW };
    struct plan_each each = {
        .items = text("\x90"), .concurrency = 1, .as = text("i")
    };
    struct buffer config = { 0 };
    struct plan_step s[5] = { action("a"), action("b"), action("c"), action("d"),
        action("e") };
    plan.fixed_count = 2;
    fields_write(&plan_each_shape, &each, NULL, &config);
    s[0].kind = s[1].kind = STEP_EACH;
    s[0].config = s[1].config = buffer_bytes(&config);
    s[0].body_first = 2;
    s[0].body_count = 2;
    s[1].body_first = 4;
    s[1].body_count = 1;
    s[2].kind = STEP_PARALLEL;
    s[2].body_first = 3;
    s[2].body_count = 1;
    nested_in(&s[2], 0);
    nested_in(&s[3], 2);
    nested_in(&s[4], 1);
    ck_assert(holds(&plan, s, 5, NULL, 0));
    s[2].body_count = 2;
    ck_assert(!holds(&plan, s, 5, NULL, 0));
    buffer_free(&config);
}
END_TEST

int
main(void)
{
    memset(long_text, 'n', sizeof long_text);
    memcpy(many_labels, "\xdc\0\x11", 3);
    for (unsigned i = 0; i <= PLAN_LABELS_MAX; i++) {
        many_labels[3 + 2 * i] = 0xa1;
        many_labels[4 + 2 * i] = (uint8_t)('a' + i);
    }
    Suite *suite = suite_create("broken plans");
    TCase *all = tcase_create("broken plans");
    tcase_add_loop_test(all, a_broken_step_is_found, 0, (int)COUNT(breaks));
    tcase_add_test(all, a_broken_top_is_found);
    tcase_add_test(all, a_broken_trigger_is_found);
    tcase_add_test(all, a_parallel_does_not_reach_into_another_each);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

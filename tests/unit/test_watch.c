/* Goal: a hint reaches those who watch its run, and only them. */
#include "base/clock.h"
#include "gateway/watch.h"
#include "tests/unit/gateway_suites.h"

enum { EYES = 60, RUNS = 7 };

static struct eye {
    struct watch watch;
    unsigned seen;
    bool once;
} eyes[EYES];
static struct watches *watches;
static struct id runs[RUNS];

static void
changed(struct watch *watch, const struct run_changed *hint)
{
    struct eye *eye = LIST_OF(watch, struct eye, watch);
    ck_assert(id_equal(&watch->run, &hint->run));
    eye->seen++;
    if (eye->once)
        watch_clear(watches, watch);
}

static void
leaving(struct watch *watch)
{
    LIST_OF(watch, struct eye, watch)->seen++;
    watch_clear(watches, watch);
}

static void
hint(size_t run)
{
    watches_hear(watches, &(struct run_changed){ .run = runs[run] });
}

START_TEST(a_hint_is_seen_by_those_who_watch_the_run)
{
    watches = watches_new();
    for (size_t i = 0; i < RUNS; i++)
        runs[i] = id_fresh(0);
    for (size_t i = 0; i < EYES; i++) {
        eyes[i].watch = (struct watch){
            .run = runs[i % RUNS], .changed = changed, .leaving = leaving
        };
        eyes[i].once = i % 2 == 0;
        watch_set(watches, &eyes[i].watch);
    }
    hint(3);
    hint(3);
    for (size_t i = 0; i < EYES; i++)
        ck_assert_uint_eq(eyes[i].seen, i % RUNS != 3 ? 0 : eyes[i].once ? 1 : 2);
    /* Take them out first, last and in the middle. */
    for (size_t i = 0; i < EYES; i += 3)
        watch_clear(watches, &eyes[i].watch);
    for (size_t i = 0; i < RUNS; i++)
        hint(i);
    watches_leave(watches);
    for (size_t i = 0; i < EYES; i++) {
        unsigned before = i % RUNS != 3 ? 0 : eyes[i].once ? 1 : 2;
        bool there = i % 3 != 0 && !(eyes[i].once && i % RUNS == 3);
        ck_assert_uint_eq(eyes[i].seen, before + (!there ? 0 : eyes[i].once ? 1 : 2));
        ck_assert(!eyes[i].watch.set);
    }
    hint(1);
    watches_free(&watches);
}
END_TEST

Suite *
watch_suite(void)
{
    Suite *suite = suite_create("watch");
    TCase *tests = tcase_create("watch");
    tcase_add_test(tests, a_hint_is_seen_by_those_who_watch_the_run);
    suite_add_tcase(suite, tests);
    return suite;
}

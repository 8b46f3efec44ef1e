/* Goal: however often a run fails, is cancelled and goes on, from wherever, it ends,
 * and every count of it is that of its steps. Method: chance decides what workers
 * report and what people do; at each end the row is counted anew, and trace_close
 * replays all of it. */
#include "actors/scheduler/run.h"
#include "tests/simulation/chance.h"
#include "tests/traces/scheduler_story.h"
#include "tests/traces/suites.h"

enum { SEEDS = 100, WORDS_MAX = 1500, OFFERS_KEPT = 64 };
enum { E_AT_ONCE = 2 }; /* concurrency of the plan's step e */

/* With what happens to an each when an item of it fails. */
#define PLAN(on_item_error)                                                            \
    "steps:\n"                                                                         \
    "  - { key: a, kind: action, action: x }\n"                                        \
    "  - key: p\n    kind: parallel\n    steps:\n"                                     \
    "      - { key: p1, kind: action, action: x }\n"                                   \
    "      - { key: p2, kind: set, values: {}, needs: [p1] }\n"                        \
    "      - { key: p3, kind: action, action: x, on_error: continue }\n"               \
    "  - { key: h, kind: action, action: x, on_error: { step: mend } }\n"              \
    "  - { key: mend, kind: action, action: x }\n"                                     \
    "  - key: e\n    kind: each\n    items: [1, 2, 3, 4, 5]\n    concurrency: "        \
    "2\n" on_item_error "    steps:\n"                                                 \
    "      - { key: x, kind: action, action: x, if: item % 2 == 1,\n"                  \
    "          on_error: { step: xm } }\n"                                             \
    "      - { key: xm, kind: action, action: x }\n"                                   \
    "      - key: in\n        kind: each\n        items: [1, '${{ item }}']\n"         \
    "        steps: [{ key: y, kind: action, action: x }]\n"                           \
    "  - { key: z, kind: action, action: x, retry: { max_attempts: 2 } }\n"            \
    "cleanup:\n"                                                                       \
    "  - { key: c, kind: action, action: x }\n"

static const char *const plans[] = { PLAN(""), PLAN("    on_item_error: continue\n") };

struct life {
    struct story s;
    struct chance chance;
    struct held offers[OFFERS_KEPT];
    size_t offer_count, seen;
    uint64_t epoch;
    unsigned by_hand; /* items that somebody may have begun since it last went on */
};

/* What was offered since the last look. */
static void
look(struct life *l)
{
    const struct trace *t = &l->s.trace;
    for (; l->seen < t->kept_count; l->seen++) {
        const struct message *m = &t->kept[l->seen % TRACE_KEPT_MAX];
        if (m->code == JOB_OFFERED && l->offer_count < OFFERS_KEPT)
            l->offers[l->offer_count++] = (struct held){ 1, m->job_offered.step,
                m->job_offered.attempt, m->job_offered.offer, 1 };
    }
}

static void
report_one(struct life *l)
{
    size_t at = chance_below(&l->chance, l->offer_count);
    struct held held = l->offers[at];
    l->offers[at] = l->offers[--l->offer_count];
    if (chance_hits(&l->chance, 8500))
        story_completed(&l->s, held);
    else
        story_failed(&l->s, held);
}

static void
read_row(struct life *l, struct run *run, struct arena *arena)
{
    struct id id = story_run(1);
    ck_assert(run_read(run, l->s.trace.journal, NULL, arena, &l->s.trace.project, &id));
}

struct counted {
    uint32_t over, done, failed, open;
};

static void
count_step(struct run *run, uint32_t step, struct counted *c)
{
    const struct step_row *row = run_step(run, step);
    bool over = step_status_over(row->status);
    c->over += over;
    c->done += row->status == STEP_DONE;
    c->failed += row->status == STEP_BROKEN;
    c->open += !over && row->status != STEP_PENDING;
    if (run_plan_step(run, step).kind != STEP_EACH || row->items == 0)
        return;
    const struct expansion *in = layout_expansion(&run->layout, row->first);
    for (uint32_t item = 0; item < row->items_begun; item++)
        for (uint32_t i = 0; i < in->row.body_count; i++)
            count_step(run, layout_item(in, item) + i, c);
}

static void
every_count_is_that_of_the_steps(struct life *l)
{
    struct arena arena = { 0 };
    struct counted c = { 0 };
    struct run run;
    read_row(l, &run, &arena);
    for (uint32_t i = 0; i < run.plan.fixed_count; i++)
        count_step(&run, i, &c);
    ck_assert_uint_eq(run.row.steps_over, c.over);
    ck_assert_uint_eq(run.row.steps_done, c.done);
    ck_assert_uint_eq(run.row.steps_failed, c.failed);
    ck_assert_uint_eq(run.row.steps_open, c.open);
    arena_free(&arena);
}

/* Has an action of the item, or of what lies in it, begun? */
static bool
is_under_way(struct run *run, const struct expansion *in, uint32_t item)
{
    bool any = false;
    for (uint32_t i = 0; i < in->row.body_count; i++) {
        uint32_t step = layout_item(in, item) + i;
        const struct step_row *row = run_step(run, step);
        bool each = run_plan_step(run, step).kind == STEP_EACH;
        any |= !each && row->status != STEP_PENDING && !step_status_over(row->status);
        if (!each || row->items == 0)
            continue;
        const struct expansion *inner = layout_expansion(&run->layout, row->first);
        for (uint32_t of = 0; of < row->items_begun; of++)
            any |= is_under_way(run, inner, of);
    }
    return any;
}

static void
no_more_items_go_on_than_may(struct life *l)
{
    struct arena arena = { 0 };
    struct run run;
    unsigned count = 0;
    read_row(l, &run, &arena);
    uint32_t e = 0;
    while (!bytes_equal(run_plan_step(&run, e).key, text("e")))
        e++;
    const struct step_row *row = run_step(&run, e);
    if (row->items > 0) {
        const struct expansion *in = layout_expansion(&run.layout, row->first);
        for (uint32_t item = 0; item < row->items_begun; item++)
            count += is_under_way(&run, in, item);
    }
    ck_assert_uint_le(count, E_AT_ONCE + l->by_hand);
    arena_free(&arena);
}

static enum run_status
status_of(struct life *l)
{
    struct arena arena = { 0 };
    struct run run;
    read_row(l, &run, &arena);
    enum run_status status = (enum run_status)run.row.status;
    arena_free(&arena);
    return status;
}

static void
retry(struct life *l)
{
    static const char *const from[] = { "", "", "", "a", "p", "e", "z" };
    const char *step = from[chance_below(&l->chance, COUNT(from))];
    l->by_hand = 0;
    trace_give(&l->s.trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_RETRY,
            .run_retry = { .request = 11, .run = story_run(1), .step = text(step) } });
}

/* By hand: a step is skipped, or has an output. */
static void
meddle(struct life *l)
{
    static const char *const keys[] = { "a", "p", "p1", "p2", "p3", "h", "mend", "e",
        "e[0].x", "e[0].xm", "e[1].in", "e[2].xm", "e[2].in[0].y", "e[4].in", "z",
        "c" };
    struct bytes key = text(keys[chance_below(&l->chance, COUNT(keys))]);
    l->by_hand++;
    struct message skip = { .code = STEP_SKIP,
        .step_skip = { .request = 12, .run = story_run(1), .step = key } };
    struct message set = { .code = STEP_OVERRIDE,
        .step_override = {
            .request = 13, .run = story_run(1), .step = key, .output = text("\x07") } };
    trace_give(
        &l->s.trace, ACTOR_gateway, 0, chance_hits(&l->chance, 5000) ? skip : set);
}

static void
do_something(struct life *l)
{
    look(l);
    if (chance_hits(&l->chance, 200)) {
        story_cancel(&l->s, 1, "");
    } else if (chance_hits(&l->chance, 500)) {
        meddle(l);
    } else if (chance_hits(&l->chance, 200)) {
        trace_crash(&l->s.trace);
        story_lease_begins(&l->s, ++l->epoch, 2);
    } else if (l->offer_count > 0) {
        report_one(l);
    } else {
        trace_wait(&l->s.trace, 1000);
        look(l);
        /* Nobody has a job of it, and it waits for nothing else. */
        ck_assert(l->offer_count > 0 || run_status_final(status_of(l)));
    }
}

START_TEST(a_run_that_goes_on_again_and_again_ends_with_every_count_right)
{
    struct life l = { .epoch = 1 };
    unsigned words = 0;
    chance_open(&l.chance, (uint64_t)_i + 1, (enum chance_stream)0);
    story_make(&l.s);
    story_open(&l.s);
    story_learn(&l.s, 1, plans[_i % 2]);
    story_start(&l.s, 1, "");
    while (status_of(&l) != RUN_DONE && words++ < WORDS_MAX) {
        if (run_status_final(status_of(&l))) {
            every_count_is_that_of_the_steps(&l);
            if (chance_hits(&l.chance, 2000))
                meddle(&l);
            every_count_is_that_of_the_steps(&l);
            retry(&l);
            every_count_is_that_of_the_steps(&l);
        }
        do_something(&l);
        no_more_items_go_on_than_may(&l);
        trace_skip(&l.s.trace);
    }
    ck_assert_int_eq(status_of(&l), RUN_DONE);
    every_count_is_that_of_the_steps(&l);
    story_close(&l.s);
}
END_TEST

Suite *
scheduler_resume_suite(void)
{
    Suite *suite = suite_create("resume");
    TCase *tcase = tcase_create("resume");
    tcase_add_loop_test(tcase,
        a_run_that_goes_on_again_and_again_ends_with_every_count_right, 0, SEEDS);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* Goal: a plan reads as it was written, for ever, and nothing else reads as a plan. */
#include "actors/plan/plan.h"
#include "actors/plan/plan_kinds.h"
#include "actors/plan/plan_parts.h"
#include "base/pack.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const uint8_t no_texts[] = { 0x90 }, empty_map[] = { 0x80 };
static const uint8_t two_texts[] = { 0x92, 0xa1, 'a', 0xa1, 'b' };

static struct plan_step
step(const char *key)
{
    return (struct plan_step){
        .key = text(key),
        .kind = STEP_ACTION,
        .action = text("print"),
        .queue = text("default"),
        .labels = bytes_of(no_texts, sizeof no_texts),
        .parameters = bytes_of(empty_map, sizeof empty_map),
        .attempts_max = 1,
        .backoff = BACKOFF_NONE,
    };
}

static struct plan
plan_named(const char *name)
{
    return (struct plan){ .name = text(name), .concurrency = PLAN_ALLOW };
}

/* d needs b and c, which need a. */
static void
diamond_write(struct buffer *out)
{
    static const uint32_t a[] = { 0 }, b_c[] = { 1, 2 };
    struct plan plan = plan_named("diamond");
    struct plan_step steps[] = { step("a"), step("b"), step("c"), step("d") };
    struct plan_trigger triggers[] = {
        { .key = text("manual"), .kind = text("manual"), .enabled = true },
        { .key = text("hourly"),
            .name = text("Each hour"),
            .kind = text("schedule"),
            .interval_ms = 3600000 },
    };
    steps[1].needs = steps[2].needs = a;
    steps[1].needs_count = steps[2].needs_count = 1;
    steps[3].needs = b_c;
    steps[3].needs_count = 2;
    plan.handle = text("the-diamond");
    plan.description = text("two ways at once");
    plan.timeout_ms = 60000;
    plan.tags = bytes_of(two_texts, sizeof two_texts);
    steps[3].name = text("The end");
    steps[3].labels = plan.tags;
    steps[3].environment = text("env_1");
    steps[3].attempts_max = 5;
    steps[3].backoff = BACKOFF_EXPONENTIAL;
    steps[3].delay_ms = 1000;
    steps[3].max_delay_ms = 60000;
    steps[3].timeout_ms = 30000;
    plan_write(&plan, steps, 4, triggers, 2, out);
}

static void
bytes_are(struct bytes got, const char *expected)
{
    ck_assert_msg(bytes_equal(got, text(expected)), "expected %s, got %.*s", expected,
        (int)got.size, (const char *)got.data);
}

START_TEST(what_is_written_is_read)
{
    struct buffer out = { 0 };
    struct arena arena = { 0 };
    struct plan plan;
    diamond_write(&out);
    ck_assert_int_eq(plan_check(buffer_bytes(&out)), ERR_NONE);
    ck_assert_int_eq(plan_open(buffer_bytes(&out), &plan), ERR_NONE);
    bytes_are(plan.name, "diamond");
    bytes_are(plan.handle, "the-diamond");
    bytes_are(plan.description, "two ways at once");
    ck_assert_int_eq(plan.concurrency, PLAN_ALLOW);
    ck_assert_uint_eq(plan.timeout_ms, 60000);
    ck_assert_uint_eq(plan.step_count, 4);
    ck_assert_uint_eq(plan.trigger_count, 2);
    ck_assert(bytes_equal(plan.tags, bytes_of(two_texts, sizeof two_texts)));
    bytes_are(plan.inputs, "\xc0");
    bytes_are(plan.default_inputs, "\xc0");
    struct plan_step d = plan_step_at(&plan, 3, &arena);
    bytes_are(d.key, "d");
    bytes_are(d.name, "The end");
    bytes_are(d.action, "print");
    bytes_are(d.queue, "default");
    bytes_are(d.environment, "env_1");
    ck_assert(bytes_equal(d.labels, plan.tags));
    bytes_are(d.parameters, "\x80");
    ck_assert_uint_eq(d.attempts_max, 5);
    ck_assert_int_eq(d.backoff, BACKOFF_EXPONENTIAL);
    ck_assert_uint_eq(d.delay_ms, 1000);
    ck_assert_uint_eq(d.max_delay_ms, 60000);
    ck_assert_uint_eq(d.timeout_ms, 30000);
    struct plan_trigger hourly = plan_trigger_at(&plan, 1);
    bytes_are(hourly.key, "hourly");
    bytes_are(hourly.name, "Each hour");
    bytes_are(hourly.kind, "schedule");
    ck_assert_uint_eq(hourly.interval_ms, 3600000);
    ck_assert(!hourly.enabled);
    ck_assert(plan_trigger_at(&plan, 0).enabled);
    arena_free(&arena);
    buffer_free(&out);
}
END_TEST

static struct bytes
config_of(const struct shape *shape, const void *record, struct arena *arena)
{
    struct buffer out = { 0 };
    fields_write(shape, record, NULL, &out);
    struct bytes config = arena_copy(arena, buffer_bytes(&out));
    buffer_free(&out);
    return config;
}

static struct plan_step
step_of(const char *key, enum step_kind kind, struct bytes config)
{
    return (struct plan_step){
        .key = text(key),
        .kind = kind,
        .config = config,
        .attempts_max = 1,
        .backoff = BACKOFF_NONE,
    };
}

static void
nest(struct plan_step *steps, uint32_t parent, uint32_t first, uint32_t count)
{
    steps[parent].body_first = first;
    steps[parent].body_count = count;
    for (uint32_t i = first; i < first + count; i++)
        if (!steps[i].nested) {
            steps[i].nested = true;
            steps[i].parent = parent;
        }
}

enum { BODIES = 10 };

/*   0 both, a parallel: 1 inner, a parallel: 2 x
 *                       3 all, an each: 6 y, 7 deep, an each: 9 z; 8 w
 *   4 saved, handled by 5 rescue */
static void
bodies_fill(struct plan_step *steps, struct arena *arena)
{
    static const uint8_t items[] = { 0x91, 0x01 };
    struct plan_each each = {
        .items = bytes_of(items, sizeof items),
        .concurrency = 7,
        .as = text("item"),
    };
    struct plan_set set = { .values = bytes_of(empty_map, sizeof empty_map) };
    struct bytes each_config = config_of(&plan_each_shape, &each, arena);
    struct bytes set_config = config_of(&plan_set_shape, &set, arena);
    steps[0] = step_of("both", STEP_PARALLEL, (struct bytes){ 0 });
    steps[1] = step_of("inner", STEP_PARALLEL, (struct bytes){ 0 });
    steps[2] = step_of("x", STEP_SET, set_config);
    steps[3] = step_of("all", STEP_EACH, each_config);
    steps[4] = step("saved");
    steps[5] = step_of("rescue", STEP_SET, set_config);
    steps[6] = step_of("y", STEP_SET, set_config);
    steps[7] = step_of("deep", STEP_EACH, each_config);
    steps[8] = step_of("w", STEP_SET, set_config);
    steps[9] = step_of("z", STEP_SET, set_config);
    nest(steps, 1, 2, 1);
    nest(steps, 0, 1, 3);
    nest(steps, 3, 6, 3);
    nest(steps, 7, 9, 1);
    steps[4].on_error = ON_ERROR_STEP;
    steps[4].handler = 5;
    steps[5].handles = true;
}

static struct plan
bodies_plan(void)
{
    struct plan plan = plan_named("bodies");
    plan.fixed_count = 6;
    return plan;
}

/* A plan with something in each field that the whole language added. */
static void
full_write(struct buffer *out, struct arena *arena)
{
    struct plan_step steps[BODIES];
    struct plan_event event = {
        .event_type = text("github.*"), .debounce_ms = 5, .group = text("{{ .x }}")
    };
    struct plan_trigger trigger = {
        .key = text("pushed"),
        .kind = text("event"),
        .config = config_of(&plan_event_shape, &event, arena),
        .inputs = bytes_of(empty_map, sizeof empty_map),
        .concurrency = PLAN_QUEUE,
        .runs_max = 3,
    };
    struct plan plan = bodies_plan();
    plan.concurrency = PLAN_QUEUE;
    plan.runs_max = 2;
    plan.queued_max = 9;
    plan.concurrency_key = text("{{ .inputs.k }}");
    plan.failures_max = 4;
    plan.config = plan.output = bytes_of(empty_map, sizeof empty_map);
    plan.run_name = text("run of {{ .event.x }}");
    bodies_fill(steps, arena);
    steps[4].condition = text("inputs.x > 1");
    steps[4].save_as = text("result");
    steps[4].templated = true;
    steps[4].jitter = 20;
    steps[4].retry_on = bytes_of(two_texts, sizeof two_texts);
    steps[4].on_timeout = ON_TIMEOUT_CONTINUE;
    plan_write(&plan, steps, BODIES, &trigger, 1, out);
}

START_TEST(the_top_and_the_triggers_are_read_as_they_were_written)
{
    struct buffer out = { 0 };
    struct arena arena = { 0 };
    struct plan read;
    struct plan_event event;
    full_write(&out, &arena);
    ck_assert_int_eq(plan_open(buffer_bytes(&out), &read), ERR_NONE);
    ck_assert_uint_eq(read.runs_max, 2);
    ck_assert_uint_eq(read.queued_max, 9);
    bytes_are(read.concurrency_key, "{{ .inputs.k }}");
    ck_assert_uint_eq(read.failures_max, 4);
    ck_assert(read.triggers_limit && plan_single(&read));
    ck_assert_uint_eq(read.fixed_count, 6);
    bytes_are(read.config, "\x80");
    bytes_are(read.output, "\x80");
    bytes_are(read.run_name, "run of {{ .event.x }}");
    struct plan_trigger t = plan_trigger_at(&read, 0);
    plan_config_read(&plan_event_shape, t.config, &event);
    ck_assert_uint_eq(event.debounce_ms, 5);
    bytes_are(event.group, "{{ .x }}");
    bytes_are(t.inputs, "\x80");
    ck_assert_int_eq(t.concurrency, PLAN_QUEUE);
    ck_assert_uint_eq(t.runs_max, 3);
    arena_free(&arena);
    buffer_free(&out);
}
END_TEST

START_TEST(steps_are_found_by_key_and_by_what_they_save)
{
    struct buffer out = { 0 };
    struct arena arena = { 0 };
    struct plan read;
    full_write(&out, &arena);
    ck_assert_int_eq(plan_open(buffer_bytes(&out), &read), ERR_NONE);
    ck_assert_uint_eq(plan_find_step(&read, text("z")), 9);
    ck_assert_uint_eq(plan_find_step(&read, text("result")), PLAN_NO_STEP);
    ck_assert_uint_eq(plan_find_saved(&read, text("result")), 4);
    ck_assert_uint_eq(plan_find_saved(&read, text("saved")), PLAN_NO_STEP);
    ck_assert_uint_eq(plan_find_saved(&read, text("x")), 2);
    ck_assert_uint_eq(plan_find_saved(&read, text("nosuch")), PLAN_NO_STEP);
    read.by_key = (struct bytes){ 0 }; /* as the first releases wrote it */
    ck_assert_uint_eq(plan_find_step(&read, text("z")), 9);
    ck_assert_uint_eq(plan_find_step(&read, text("nosuch")), PLAN_NO_STEP);
    ck_assert_str_eq(step_kind_name((enum step_kind)99), "unknown");
    arena_free(&arena);
    buffer_free(&out);
}
END_TEST

START_TEST(all_of_a_step_is_read_as_it_was_written)
{
    struct buffer out = { 0 };
    struct arena arena = { 0 };
    struct plan read;
    struct plan_each each;
    full_write(&out, &arena);
    ck_assert_int_eq(plan_open(buffer_bytes(&out), &read), ERR_NONE);
    struct plan_step s = plan_step_at(&read, 4, &arena);
    bytes_are(s.condition, "inputs.x > 1");
    bytes_are(s.save_as, "result");
    ck_assert(s.templated);
    ck_assert_uint_eq(s.jitter, 20);
    ck_assert(bytes_equal(s.retry_on, bytes_of(two_texts, sizeof two_texts)));
    ck_assert_int_eq(s.on_timeout, ON_TIMEOUT_CONTINUE);
    ck_assert_int_eq(s.on_error, ON_ERROR_STEP);
    ck_assert_uint_eq(s.handler, 5);
    ck_assert(!s.nested && s.parent == PLAN_NO_STEP);
    ck_assert(plan_step_at(&read, 5, &arena).handles);
    s = plan_step_at(&read, 3, &arena);
    ck_assert(s.nested);
    ck_assert_uint_eq(s.parent, 0);
    ck_assert_uint_eq(s.body_first, 6);
    ck_assert_uint_eq(s.body_count, 3);
    plan_config_read(&plan_each_shape, s.config, &each);
    ck_assert_uint_eq(each.concurrency, 7);
    arena_free(&arena);
    buffer_free(&out);
}
END_TEST

/* Each changes one thing that bodies, handlers and configs must keep to. */
static void
break_parent(struct plan_step *steps)
{
    steps[2].parent = 0;
}

static void
break_range(struct plan_step *steps)
{
    steps[0].body_count = 2;
}

static void
break_overlap(struct plan_step *steps)
{
    steps[3].body_count = 4;
}

static void
break_orphan(struct plan_step *steps)
{
    steps[3].body_count = 2;
}

static void
break_need(struct plan_step *steps)
{
    static const uint32_t outside[] = { 4 };
    steps[6].needs = outside;
    steps[6].needs_count = 1;
}

static void
break_cleanup(struct plan_step *steps)
{
    steps[2].cleanup = true;
}

static void
break_handler(struct plan_step *steps)
{
    steps[5].handles = false;
}

static void
break_handled_twice(struct plan_step *steps)
{
    steps[0].on_error = ON_ERROR_STEP;
    steps[0].handler = 5;
}

static void
break_handler_inside(struct plan_step *steps)
{
    steps[4].handler = 2;
    steps[2].handles = true;
    steps[5].handles = false;
}

static void
break_config(struct plan_step *steps)
{
    steps[6].config = bytes_of(no_texts, sizeof no_texts);
}

static void
break_saved(struct plan_step *steps)
{
    steps[4].save_as = text("x");
}

static void (*const body_breakers[])(struct plan_step *steps) = {
    break_parent,
    break_range,
    break_overlap,
    break_orphan,
    break_need,
    break_cleanup,
    break_handler,
    break_handled_twice,
    break_handler_inside,
    break_config,
    break_saved,
};

START_TEST(bodies_that_do_not_hold_are_never_written)
{
    struct plan_step steps[BODIES];
    struct arena arena = { 0 };
    struct buffer out = { 0 };
    struct plan plan = bodies_plan();
    bodies_fill(steps, &arena);
    body_breakers[_i](steps);
    plan_write(&plan, steps, BODIES, NULL, 0, &out);
}
END_TEST

START_TEST(each_changed_byte_of_bodies_is_harmless)
{
    struct plan_step steps[BODIES];
    struct arena arena = { 0 };
    struct buffer out = { 0 };
    struct plan plan = bodies_plan(), read;
    bodies_fill(steps, &arena);
    plan_write(&plan, steps, BODIES, NULL, 0, &out);
    for (size_t i = 0; i < out.size; i++) {
        uint8_t kept = out.data[i];
        for (unsigned bit = 1; bit < 256; bit *= 2) {
            out.data[i] = kept ^ (uint8_t)bit;
            if (plan_check(buffer_bytes(&out)) != ERR_NONE)
                continue;
            ck_assert_int_eq(plan_open(buffer_bytes(&out), &read), ERR_NONE);
            for (uint32_t k = 0; k < read.step_count; k++) {
                struct plan_step s = plan_step_at(&read, k, &arena);
                ck_assert_uint_eq(plan_find_step(&read, s.key), k);
                ck_assert_uint_eq(plan_find_saved(&read, s.save_as), k);
            }
        }
        out.data[i] = kept;
        arena_reset(&arena);
    }
    arena_free(&arena);
    buffer_free(&out);
}
END_TEST

START_TEST(runs_that_see_each_other_are_in_one_partition)
{
    static const struct {
        enum plan_concurrency policy, of_trigger;
        uint32_t failures_max, runs_max;
        bool single;
    } rows[] = {
        { PLAN_ALLOW, 0, 0, 0, false },
        { PLAN_ALLOW, PLAN_ALLOW, 0, 0, false },
        { PLAN_QUEUE, 0, 0, 0, true },
        { PLAN_ALLOW, 0, 5, 0, true },
        { PLAN_ALLOW, PLAN_REPLACE, 0, 0, true },
        { PLAN_ALLOW, 0, 0, 1, true },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer out = { 0 };
        struct plan plan = plan_named("x"), read;
        struct plan_step only = step("a");
        struct plan_trigger triggers[] = {
            { .key = text("a"), .kind = text("manual") },
            { .key = text("b"), .kind = text("manual") },
        };
        plan.concurrency = rows[i].policy;
        plan.failures_max = rows[i].failures_max;
        triggers[1].concurrency = rows[i].of_trigger;
        triggers[1].runs_max = rows[i].runs_max;
        plan_write(&plan, &only, 1, triggers, 2, &out);
        ck_assert_int_eq(plan_open(buffer_bytes(&out), &read), ERR_NONE);
        ck_assert_int_eq(plan_single(&read), rows[i].single);
        buffer_free(&out);
    }
}
END_TEST

START_TEST(a_step_knows_what_it_needs_and_what_it_feeds)
{
    struct buffer out = { 0 };
    struct arena arena = { 0 };
    struct plan plan;
    diamond_write(&out);
    ck_assert_int_eq(plan_open(buffer_bytes(&out), &plan), ERR_NONE);
    struct plan_step a = plan_step_at(&plan, 0, &arena);
    struct plan_step d = plan_step_at(&plan, 3, &arena);
    ck_assert_uint_eq(a.needs_count, 0);
    ck_assert_uint_eq(a.feeds_count, 2);
    ck_assert_uint_eq(a.feeds[0], 1);
    ck_assert_uint_eq(a.feeds[1], 2);
    ck_assert_uint_eq(d.needs_count, 2);
    ck_assert_uint_eq(d.needs[0], 1);
    ck_assert_uint_eq(d.needs[1], 2);
    ck_assert_uint_eq(d.feeds_count, 0);
    arena_free(&arena);
    buffer_free(&out);
}
END_TEST

START_TEST(a_plan_may_lie_behind_other_bytes)
{
    struct buffer out = { 0 };
    struct plan plan;
    buffer_append(&out, "xyz", 3);
    diamond_write(&out);
    struct bytes behind = bytes_of(out.data + 3, out.size - 3);
    ck_assert_int_eq(plan_check(behind), ERR_NONE);
    ck_assert_int_eq(plan_open(behind, &plan), ERR_NONE);
    buffer_free(&out);
}
END_TEST

START_TEST(no_part_of_a_plan_is_a_plan)
{
    struct buffer out = { 0 };
    struct plan plan;
    diamond_write(&out);
    for (size_t size = 0; size < out.size; size++) {
        /* A copy of its own, so that reading beyond it shows. */
        uint8_t *copy = malloc(size + 1);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, out.data, size);
        ck_assert_int_eq(plan_open(bytes_of(copy, size), &plan), ERR_MALFORMED);
        ck_assert_int_eq(plan_check(bytes_of(copy, size)), ERR_MALFORMED);
        free(copy);
    }
    buffer_append(&out, "", 1);
    ck_assert_int_eq(plan_open(buffer_bytes(&out), &plan), ERR_MALFORMED);
    buffer_free(&out);
}
END_TEST

static void
read_all(struct bytes in)
{
    struct arena arena = { 0 };
    struct plan plan;
    ck_assert_int_eq(plan_open(in, &plan), ERR_NONE);
    for (uint32_t i = 0; i < plan.step_count; i++)
        plan_step_at(&plan, i, &arena);
    for (uint32_t i = 0; i < plan.trigger_count; i++)
        plan_trigger_at(&plan, i);
    arena_free(&arena);
}

/* A plan that was not checked: is there a step that cannot be read? */
static bool
is_broken(struct bytes in)
{
    struct arena arena = { 0 };
    struct plan_step step;
    struct plan plan;
    bool broken = plan_open(in, &plan) != ERR_NONE;
    for (uint32_t i = 0; !broken && i < plan.step_count; i++)
        broken = !plan_step_read(&plan, i, &arena, &step);
    arena_free(&arena);
    return broken;
}

START_TEST(each_changed_byte_is_harmless)
{
    struct buffer out = { 0 };
    size_t broken = 0;
    diamond_write(&out);
    for (size_t i = 0; i < out.size; i++) {
        uint8_t kept = out.data[i];
        for (unsigned value = 0; value < 256; value++) {
            out.data[i] = (uint8_t)value;
            if (plan_check(buffer_bytes(&out)) == ERR_NONE)
                read_all(buffer_bytes(&out));
            else
                broken += is_broken(buffer_bytes(&out));
        }
        out.data[i] = kept;
    }
    ck_assert_uint_gt(broken, 0);
    buffer_free(&out);
}
END_TEST

START_TEST(another_layout_is_not_read)
{
    struct buffer out = { 0 };
    struct plan plan;
    diamond_write(&out);
    out.data[4] = 2;
    ck_assert_int_eq(plan_open(buffer_bytes(&out), &plan), ERR_MALFORMED);
    buffer_free(&out);
}
END_TEST

/* A plan is opened for each fact of a run; what grows with its steps is looked at once,
 * when it comes in. */
START_TEST(the_orders_of_steps_are_checked_but_not_at_each_opening)
{
    static const uint8_t never_used = 0xc1; /* of msgpack's types */
    struct buffer out = { 0 };
    struct plan plan;
    diamond_write(&out);
    ck_assert_int_eq(plan_open(buffer_bytes(&out), &plan), ERR_NONE);
    ck_assert_uint_gt(plan.by_key.size, 4);
    out.data[plan.by_key.data + 2 - out.data] = never_used;
    ck_assert_int_eq(plan_open(buffer_bytes(&out), &plan), ERR_NONE);
    ck_assert_int_eq(plan_check(buffer_bytes(&out)), ERR_MALFORMED);
    buffer_free(&out);
}
END_TEST

START_TEST(a_thousand_steps_are_read_one_by_one)
{
    enum { STEPS = 1000 };
    static char keys[STEPS][8];
    static struct plan_step steps[STEPS];
    static uint32_t needs[STEPS];
    struct buffer out = { 0 };
    struct arena arena = { 0 };
    struct plan plan = plan_named("long");
    for (uint32_t i = 0; i < STEPS; i++) {
        snprintf(keys[i], sizeof keys[i], "s%u", i);
        steps[i] = step(keys[i]);
        needs[i] = i - 1;
        steps[i].needs = &needs[i];
        steps[i].needs_count = i > 0;
    }
    plan_write(&plan, steps, STEPS, NULL, 0, &out);
    ck_assert_int_eq(plan_open(buffer_bytes(&out), &plan), ERR_NONE);
    for (uint32_t i = STEPS; i-- > 0; arena_reset(&arena)) {
        struct plan_step s = plan_step_at(&plan, i, &arena);
        bytes_are(s.key, keys[i]);
        ck_assert_uint_eq(s.needs_count, i > 0);
        ck_assert_uint_eq(s.feeds_count, i + 1 < STEPS);
        ck_assert(i == 0 || s.needs[0] == i - 1);
        ck_assert(i + 1 == STEPS || s.feeds[0] == i + 1);
    }
    arena_free(&arena);
    buffer_free(&out);
}
END_TEST

/* Plans that no compiler may write: each ends the process. */
static void
write_circle(struct plan_step *steps)
{
    static const uint32_t first[] = { 0 }, second[] = { 1 };
    steps[0].needs = second;
    steps[1].needs = first;
    steps[0].needs_count = steps[1].needs_count = 1;
}

static void
write_same_keys(struct plan_step *steps)
{
    steps[1].key = steps[0].key;
}

static void
write_no_attempt(struct plan_step *steps)
{
    steps[0].attempts_max = 0;
}

static void
write_unsorted_labels(struct plan_step *steps)
{
    static const uint8_t labels[] = { 0x92, 0xa1, 'b', 0xa1, 'a' };
    steps[0].labels = bytes_of(labels, sizeof labels);
}

static void
write_parameters_of_no_map(struct plan_step *steps)
{
    steps[0].parameters = bytes_of(no_texts, sizeof no_texts);
}

static void
write_need_beyond_the_end(struct plan_step *steps)
{
    static const uint32_t third[] = { 2 };
    steps[0].needs = third;
    steps[0].needs_count = 1;
}

static void (*const breakers[])(struct plan_step *steps) = {
    write_circle,
    write_same_keys,
    write_no_attempt,
    write_unsorted_labels,
    write_parameters_of_no_map,
    write_need_beyond_the_end,
};

START_TEST(a_plan_that_does_not_hold_is_never_written)
{
    struct buffer out = { 0 };
    struct plan plan = plan_named("broken");
    struct plan_step steps[] = { step("a"), step("b") };
    breakers[_i](steps);
    plan_write(&plan, steps, 2, NULL, 0, &out);
}
END_TEST

/* One config that holds, and the same with one field wrong. */
#define LIST text("\x90")
#define MAP  text("\x80")
#define WAIT(...)                                                                      \
    &(struct plan_wait)                                                                \
    {                                                                                  \
        .event_type = text("e"), __VA_ARGS__                                           \
    }
#define ASK(...)                                                                       \
    &(struct plan_interaction)                                                         \
    {                                                                                  \
        .protocol = text("p"), __VA_ARGS__                                             \
    }
#define CHILD(...)                                                                     \
    &(struct plan_child)                                                               \
    {                                                                                  \
        .automation = text("a"), __VA_ARGS__                                           \
    }
#define CHECK(given, ...)                                                              \
    &(struct plan_check)                                                               \
    {                                                                                  \
        .checks = given, __VA_ARGS__                                                   \
    }
#define EACH(given, most, name, on)                                                    \
    &(struct plan_each)                                                                \
    {                                                                                  \
        .items = given, .concurrency = most, .as = name, .go_on = on                   \
    }

START_TEST(a_config_of_a_step_holds_or_is_no_plan)
{
    const struct {
        uint32_t kind;
        const struct shape *shape;
        const void *record;
        bool holds;
    } rows[] = {
        { STEP_WAIT, &plan_wait_shape, WAIT(.match = MAP, .mapping = MAP), true },
        { STEP_WAIT, &plan_wait_shape, WAIT(.match = text("\xc0")), true },
        { STEP_WAIT, &plan_wait_shape, &(struct plan_wait){ .fresh = 0 }, false },
        { STEP_WAIT, &plan_wait_shape, WAIT(.fresh = 2), false },
        { STEP_WAIT, &plan_wait_shape, WAIT(.match = LIST), false },
        { STEP_WAIT, &plan_wait_shape, WAIT(.mapping = LIST), false },
        { STEP_INTERACTION, &plan_interaction_shape, ASK(.spec = MAP), true },
        { STEP_INTERACTION, &plan_interaction_shape, ASK(.spec = text("\xa1x")), true },
        { STEP_INTERACTION, &plan_interaction_shape, ASK(.spec = LIST), false },
        { STEP_INTERACTION, &plan_interaction_shape,
            &(struct plan_interaction){ .all_of = 0 }, false },
        { STEP_INTERACTION, &plan_interaction_shape, ASK(.targets = MAP), false },
        { STEP_INTERACTION, &plan_interaction_shape, ASK(.all_of = 2), false },
        { STEP_INTERACTION, &plan_interaction_shape, ASK(.escalate_to = MAP), false },
        { STEP_INTERACTION, &plan_interaction_shape, ASK(.reject_fails = 2), false },
        { STEP_CHILD, &plan_child_shape, CHILD(.inputs = MAP), true },
        { STEP_CHILD, &plan_child_shape, &(struct plan_child){ .wait = 0 }, false },
        { STEP_CHILD, &plan_child_shape, CHILD(.inputs = LIST), false },
        { STEP_CHILD, &plan_child_shape, CHILD(.wait = 2), false },
        { STEP_CHILD, &plan_child_shape, CHILD(.orphan = 2), false },
        { STEP_CHECK, &plan_check_shape, CHECK(LIST, .targets = LIST), true },
        { STEP_CHECK, &plan_check_shape, CHECK(MAP, .on_fail = 0), false },
        { STEP_CHECK, &plan_check_shape, CHECK(LIST, .on_fail = 3), false },
        { STEP_CHECK, &plan_check_shape, CHECK(LIST, .targets = MAP), false },
        { STEP_EACH, &plan_each_shape, EACH(LIST, 1, text("item"), 1), true },
        { STEP_EACH, &plan_each_shape, EACH(LIST, 1, text("item"), 2), false },
        { STEP_EACH, &plan_each_shape, EACH(MAP, 1, text("item"), 0), false },
        { STEP_EACH, &plan_each_shape, EACH(LIST, 0, text("item"), 0), false },
        { STEP_EACH, &plan_each_shape, EACH(LIST, 1, text(""), 0), false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer config = { 0 };
        struct plan_step s = step("a");
        fields_write(rows[i].shape, rows[i].record, NULL, &config);
        s.kind = rows[i].kind;
        s.config = buffer_bytes(&config);
        ck_assert_msg(plan_step_config_holds(&s) == rows[i].holds, "row %zu", i);
        buffer_free(&config);
    }
}
END_TEST

START_TEST(a_config_of_a_trigger_holds_or_is_no_plan)
{
    const struct {
        const char *kind;
        const struct shape *shape;
        const void *record;
        bool holds;
    } rows[] = {
        { "schedule", &plan_schedule_shape, &(struct plan_schedule){ .dst = 0 }, true },
        { "schedule", &plan_schedule_shape, &(struct plan_schedule){ .dst = 3 },
            false },
        { "schedule", &plan_schedule_shape, &(struct plan_schedule){ .misfire = 3 },
            false },
        { "http", &plan_http_shape, &(struct plan_http){ .scheme = 3 }, true },
        { "http", &plan_http_shape, &(struct plan_http){ .scheme = 4 }, false },
        { "http", &plan_http_shape, &(struct plan_http){ .match = LIST }, false },
        { "event", &plan_event_shape, &(struct plan_event){ .event_type = text("e") },
            true },
        { "event", &plan_event_shape, &(struct plan_event){ .batch_max = 0 }, false },
        { "event", &plan_event_shape,
            &(struct plan_event){ .event_type = text("e"), .match = LIST }, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer config = { 0 };
        struct plan_trigger t = { .kind = text(rows[i].kind), .interval_ms = 1 };
        fields_write(rows[i].shape, rows[i].record, NULL, &config);
        t.config = buffer_bytes(&config);
        ck_assert_msg(plan_trigger_config_holds(&t) == rows[i].holds, "row %zu", i);
        buffer_free(&config);
    }
}
END_TEST

static const struct {
    enum step_backoff backoff;
    uint64_t delay_ms, max_delay_ms;
    uint32_t attempt;
    uint64_t expected_ms;
} delays[] = {
    { BACKOFF_NONE, 0, 0, 1, 0 },
    { BACKOFF_NONE, 500, 0, 1, 500 },
    { BACKOFF_NONE, 500, 0, 99, 500 },
    { BACKOFF_LINEAR, 500, 0, 1, 500 },
    { BACKOFF_LINEAR, 500, 0, 3, 1500 },
    { BACKOFF_LINEAR, 500, 1200, 3, 1200 },
    { BACKOFF_EXPONENTIAL, 500, 0, 1, 500 },
    { BACKOFF_EXPONENTIAL, 500, 0, 2, 1000 },
    { BACKOFF_EXPONENTIAL, 500, 0, 5, 8000 },
    { BACKOFF_EXPONENTIAL, 500, 3000, 5, 3000 },
    { BACKOFF_EXPONENTIAL, 500, 0, 9, 128000 },
    { BACKOFF_EXPONENTIAL, 1, 86400000, 27, 67108864 },
    { BACKOFF_EXPONENTIAL, 500, 0, 99, 3600000 },
    { BACKOFF_EXPONENTIAL, 7200000, 0, 4, 7200000 },
    { BACKOFF_EXPONENTIAL, 0, 0, 99, 0 },
    { BACKOFF_EXPONENTIAL, 1, 86400000, UINT32_MAX, 86400000 },
    { BACKOFF_LINEAR, 86400000, 86400000, UINT32_MAX, 86400000 },
};

START_TEST(delays_grow_as_asked_and_end_at_their_limit)
{
    struct plan_step s = step("a");
    s.backoff = delays[_i].backoff;
    s.delay_ms = delays[_i].delay_ms;
    s.max_delay_ms = delays[_i].max_delay_ms;
    ck_assert_uint_eq(plan_delay_ms(&s, delays[_i].attempt), delays[_i].expected_ms);
}
END_TEST

static Suite *
plan_suite(void)
{
    Suite *suite = suite_create("plan");
    TCase *tests = tcase_create("plan");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, what_is_written_is_read);
    tcase_add_test(tests, a_config_of_a_step_holds_or_is_no_plan);
    tcase_add_test(tests, a_config_of_a_trigger_holds_or_is_no_plan);
    tcase_add_test(tests, the_top_and_the_triggers_are_read_as_they_were_written);
    tcase_add_test(tests, steps_are_found_by_key_and_by_what_they_save);
    tcase_add_test(tests, all_of_a_step_is_read_as_it_was_written);
    tcase_add_test(tests, each_changed_byte_of_bodies_is_harmless);
    tcase_add_loop_test_raise_signal(tests, bodies_that_do_not_hold_are_never_written,
        SIGABRT, 0, (int)COUNT(body_breakers));
    tcase_add_test(tests, runs_that_see_each_other_are_in_one_partition);
    tcase_add_test(tests, a_step_knows_what_it_needs_and_what_it_feeds);
    tcase_add_test(tests, a_plan_may_lie_behind_other_bytes);
    tcase_add_test(tests, no_part_of_a_plan_is_a_plan);
    tcase_add_test(tests, each_changed_byte_is_harmless);
    tcase_add_test(tests, another_layout_is_not_read);
    tcase_add_test(tests, the_orders_of_steps_are_checked_but_not_at_each_opening);
    tcase_add_test(tests, a_thousand_steps_are_read_one_by_one);
    tcase_add_loop_test_raise_signal(tests, a_plan_that_does_not_hold_is_never_written,
        SIGABRT, 0, (int)COUNT(breakers));
    tcase_add_loop_test(
        tests, delays_grow_as_asked_and_end_at_their_limit, 0, (int)COUNT(delays));
    suite_add_tcase(suite, tests);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(plan_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

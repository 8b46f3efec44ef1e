/* Goal: an automation becomes its plan, or hears everything that is wrong with it at
 * once.  Method: the tables of good and wrong texts, told word for word. */
#include "actors/plan/compile.h"
#include "actors/plan/plan_kinds.h"
#include "base/duration.h"
#include "base/pack.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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

/* line:column path: message, one per line; the error first if it says more. */
static void
mistakes_print(const struct compiled *c, struct buffer *out)
{
    if (c->err != ERR_INVALID)
        buffer_print(out, "%s\n", err_name(c->err));
    for (size_t i = 0; i < c->mistakes.count; i++) {
        const struct mistake *m = &c->mistakes.list[i];
        buffer_print(out, "%u:%u %s: %s\n", m->line, m->column, m->path, m->message);
    }
}

static void
print_named(struct buffer *out, const char *name, struct bytes b)
{
    if (b.size > 0)
        buffer_print(out, " %s=%.*s", name, (int)b.size, (const char *)b.data);
}

static void
print_number(struct buffer *out, const char *name, uint64_t number)
{
    if (number > 0)
        buffer_print(out, " %s=%" PRIu64, name, number);
}

static void
print_hex(struct buffer *out, const char *name, struct bytes b)
{
    buffer_print(out, " %s=", name);
    for (size_t i = 0; i < b.size; i++)
        buffer_print(out, "%02x", b.data[i]);
}

static void
print_indexes(
    struct buffer *out, const char *name, const uint32_t *indexes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        buffer_print(out, "%s%u", i == 0 ? name : ",", indexes[i]);
}

static void payload_print(struct buffer *out, struct cursor *c);

static void
items_print(struct buffer *out, struct cursor *c, size_t count, bool map)
{
    buffer_print(out, map ? "{" : "[");
    for (size_t i = 0; i < count; i++) {
        buffer_print(out, "%s", i > 0 ? ", " : "");
        payload_print(out, c);
        if (!map)
            continue;
        buffer_print(out, ": ");
        payload_print(out, c);
    }
    buffer_print(out, map ? "}" : "]");
}

/* For people; what a parameter is to the byte is told by those printed as hexadecimal.
 */
static void
payload_print(struct buffer *out, struct cursor *c)
{
    enum pack_type type = cursor_type(c);
    struct bytes b;
    if (type == PACK_TEXT) {
        b = cursor_text(c);
        buffer_print(out, "'%.*s'", (int)b.size, (const char *)b.data);
    } else if (type == PACK_ARRAY) {
        items_print(out, c, cursor_array(c), false);
    } else if (type == PACK_MAP) {
        items_print(out, c, cursor_map(c), true);
    } else if (type == PACK_UNSIGNED) {
        buffer_print(out, "%" PRIu64, cursor_u64(c));
    } else if (type == PACK_BOOL) {
        buffer_print(out, cursor_bool(c) ? "true" : "false");
    } else {
        b = cursor_skip(c);
        buffer_print(out, "%s", type == PACK_NIL ? "nil" : "…");
    }
}

static void
print_payload(struct buffer *out, const char *name, struct bytes payload)
{
    struct cursor c = cursor_over(payload);
    if (payload.size == 0 || cursor_type(&c) == PACK_NIL)
        return;
    buffer_print(out, " %s=", name);
    payload_print(out, &c);
}

/* The fields of a config that say something. */
static void
config_print(const struct shape *shape, struct bytes config, struct buffer *out)
{
    static uint64_t record[64];
    if (shape == NULL || config.size == 0)
        return;
    ck_assert_uint_le(shape->size, sizeof record);
    plan_config_read(shape, config, record);
    buffer_print(out, " (");
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        const void *at = (const char *)record + field->offset;
        if (field->type == FIELD_u32)
            print_number(out, field->name, *(const uint32_t *)at);
        else if (field->type == FIELD_u64)
            print_number(out, field->name, *(const uint64_t *)at);
        else if (field->type == FIELD_text)
            print_named(out, field->name, *(const struct bytes *)at);
        else
            print_payload(out, field->name, *(const struct bytes *)at);
    }
    buffer_print(out, " )");
}

static const struct shape *
shape_of_step(enum step_kind kind)
{
    static const struct shape *const shapes[] = {
        [STEP_SLEEP] = &plan_sleep_shape,
        [STEP_WAIT] = &plan_wait_shape,
        [STEP_INTERACTION] = &plan_interaction_shape,
        [STEP_CHILD] = &plan_child_shape,
        [STEP_CHECK] = &plan_check_shape,
        [STEP_EACH] = &plan_each_shape,
        [STEP_SET] = &plan_set_shape,
        [STEP_AGENT] = &plan_agent_shape,
    };
    return shapes[kind];
}

static const struct shape *
shape_of_trigger(struct bytes kind)
{
    return bytes_equal(kind, text("schedule")) ? &plan_schedule_shape
           : bytes_equal(kind, text("http"))   ? &plan_http_shape
           : bytes_equal(kind, text("event"))  ? &plan_event_shape
                                               : NULL;
}

/* Where it is among others, if not simply in the row of steps. */
static void
place_print(const struct plan_step *s, struct buffer *out)
{
    if (s->nested)
        buffer_print(out, " in=%u", s->parent);
    if (s->body_count > 0)
        buffer_print(out, " body=%u+%u", s->body_first, s->body_count);
    if (s->handler != PLAN_NO_STEP)
        buffer_print(out, " handler=%u", s->handler);
    buffer_print(
        out, "%s%s", s->handles ? " handles" : "", s->cleanup ? " cleanup" : "");
}

static void
policy_print(const struct plan_step *s, struct buffer *out)
{
    static const char *const backoffs[] = { "?", "none", "linear", "exponential" };
    static const char *const timeouts[] = { "", "skip", "continue", "escalate" };
    static const char *const errors[] = { "", "continue", "step" };
    if (s->attempts_max > 1)
        buffer_print(
            out, " attempts=%u backoff=%s", s->attempts_max, backoffs[s->backoff]);
    print_number(out, "delay", s->delay_ms);
    print_number(out, "max_delay", s->max_delay_ms);
    print_number(out, "jitter", s->jitter);
    print_payload(out, "retry_on", s->retry_on);
    print_number(out, "timeout", s->timeout_ms);
    print_named(out, "on_timeout", text(timeouts[s->on_timeout]));
    print_named(out, "on_error", text(errors[s->on_error]));
}

static void
step_print(const struct plan_step *s, struct buffer *out)
{
    buffer_print(out, "step");
    print_named(out, "key", s->key);
    print_named(out, "name", s->name);
    if (s->kind != STEP_ACTION)
        buffer_print(out, " kind=%s", step_kind_name(s->kind));
    print_named(out, "action", s->action);
    print_named(out, "queue", s->queue);
    print_named(out, "environment", s->environment);
    if (s->labels.size > 1)
        print_payload(out, "labels", s->labels);
    if (s->templated)
        print_payload(out, "templates", s->parameters);
    else if (s->parameters.size > 1)
        print_hex(out, "parameters", s->parameters);
    config_print(shape_of_step(s->kind), s->config, out);
    print_named(out, "if", s->condition);
    if (!bytes_equal(s->save_as, s->key))
        print_named(out, "save_as", s->save_as);
    policy_print(s, out);
    place_print(s, out);
    print_indexes(out, " needs=", s->needs, s->needs_count);
    print_indexes(out, " feeds=", s->feeds, s->feeds_count);
    buffer_print(out, "\n");
}

static void
trigger_print(const struct plan_trigger *t, struct buffer *out)
{
    buffer_print(out, "trigger");
    print_named(out, "key", t->key);
    print_named(out, "name", t->name);
    print_named(out, "kind", t->kind);
    print_number(out, "interval", t->interval_ms);
    print_named(out, "cron", t->cron);
    print_named(out, "timezone", t->timezone);
    config_print(shape_of_trigger(t->kind), t->config, out);
    print_payload(out, "inputs", t->inputs);
    print_number(out, "concurrency", t->concurrency);
    print_number(out, "runs_max", t->runs_max);
    buffer_print(out, t->enabled ? " on\n" : " off\n");
}

static void
top_print(const struct plan *plan, struct buffer *out)
{
    buffer_print(out, "plan");
    print_named(out, "name", plan->name);
    print_named(out, "handle", plan->handle);
    print_named(out, "description", plan->description);
    buffer_print(out, " concurrency=%d", (int)plan->concurrency);
    if (plan->concurrency == PLAN_QUEUE)
        print_number(out, "runs_max", plan->runs_max);
    print_number(out, "queued_max", plan->queued_max);
    print_named(out, "group", plan->concurrency_key);
    print_number(out, "failures_max", plan->failures_max);
    print_number(out, "timeout", plan->timeout_ms);
    if (plan->fixed_count < plan->step_count)
        print_number(out, "fixed", plan->fixed_count);
    print_payload(out, "inputs", plan->inputs);
    print_payload(out, "default_inputs", plan->default_inputs);
    print_payload(out, "tags", plan->tags);
    print_payload(out, "config", plan->config);
    print_payload(out, "output", plan->output);
    print_named(out, "run_name", plan->run_name);
    buffer_print(out, "\n");
}

static void
plan_print(struct bytes in, struct buffer *out)
{
    struct plan plan;
    struct arena arena = { 0 };
    ck_assert_int_eq(plan_check(in), ERR_NONE);
    ck_assert_int_eq(plan_open(in, &plan), ERR_NONE);
    top_print(&plan, out);
    for (uint32_t i = 0; i < plan.step_count; i++) {
        struct plan_step s = plan_step_at(&plan, i, &arena);
        step_print(&s, out);
    }
    for (uint32_t i = 0; i < plan.trigger_count; i++) {
        struct plan_trigger t = plan_trigger_at(&plan, i);
        trigger_print(&t, out);
    }
    arena_free(&arena);
}

static void
result_print(const struct compiled *c, struct buffer *out)
{
    if (c->err == ERR_NONE)
        plan_print(buffer_bytes(&c->plan), out);
    else
        mistakes_print(c, out);
}

static void
result_is(const char *about, const char *yaml, const char *expected)
{
    struct buffer got = { 0 };
    struct compiled *c = compiled_new(text(yaml), &limits);
    result_print(c, &got);
    ck_assert_msg(bytes_equal(buffer_bytes(&got), text(expected)),
        "%s\n--- expected\n%s--- got\n%.*s", about, expected, (int)got.size,
        (const char *)got.data);
    ck_assert_msg(c->err == ERR_NONE || c->plan.size == 0, "%s: half a plan", about);
    buffer_free(&got);
    compiled_free(c);
}

struct golden {
    const char *about, *yaml, *expected;
};

static const struct golden wrong[] = {
#define WRONG(about, yaml, expected) { about, yaml, expected },
#include "tests/unit/automations_wrong.def"
};

static const struct golden good[] = {
#define GOOD(about, yaml, expected) { about, yaml, expected },
#include "tests/unit/automations_good.def"
};

START_TEST(all_mistakes_are_told_with_their_places)
{
    result_is(wrong[_i].about, wrong[_i].yaml, wrong[_i].expected);
}
END_TEST

START_TEST(a_good_text_becomes_its_plan)
{
    result_is(good[_i].about, good[_i].yaml, good[_i].expected);
}
END_TEST

START_TEST(a_character_that_yaml_does_not_have_is_refused)
{
    /* The table holds C strings: this text has a NUL. */
    static const char yaml[] = "name: x\0\n";
    struct compiled *c = compiled_new(bytes_of(yaml, sizeof yaml - 1), &limits);
    ck_assert_int_eq(c->err, ERR_MALFORMED);
    ck_assert_uint_eq(c->mistakes.count, 1);
    ck_assert_uint_eq(c->mistakes.list[0].column, 8);
    ck_assert_str_eq(
        c->mistakes.list[0].message, "not YAML: control characters are not allowed");
    compiled_free(c);
}
END_TEST

static struct bytes
example_read(const char *name, char *into, size_t size)
{
    char path[512];
    const char *folder = getenv("CAPSTAN_SOURCE");
    snprintf(path, sizeof path, "%s/examples/%s", folder == NULL ? "." : folder, name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    size_t got = fread(into, 1, size, file);
    fclose(file);
    return bytes_of(into, got);
}

START_TEST(the_smoke_test_of_the_examples_is_the_first_good_text)
{
    char read[4096];
    struct bytes yaml = example_read("worker-smoke-test.yaml", read, sizeof read);
    ck_assert(bytes_equal(yaml, text(good[0].yaml)));
}
END_TEST

static const char *const examples[] = { "worker-smoke-test.yaml", "release-graph.yaml",
    "nightly-report.yaml", "flat-dialect.yaml", "triage-issues.yaml",
    "nightly-triage.yaml", "order-payment.yaml", "fan-out.yaml", "book-trip.yaml",
    "collect-votes.yaml", "ci.yaml" };

START_TEST(each_example_compiles)
{
    char read[16384];
    struct buffer why = { 0 };
    struct compiled *c =
        compiled_new(example_read(examples[_i], read, sizeof read), &limits);
    mistakes_print(c, &why);
    ck_assert_msg(c->err == ERR_NONE, "%s: %.*s", examples[_i], (int)why.size,
        (const char *)why.data);
    buffer_free(&why);
    compiled_free(c);
}
END_TEST

START_TEST(the_same_text_gives_the_same_bytes)
{
    struct compiled *a = compiled_new(text(good[_i].yaml), &limits);
    struct compiled *b = compiled_new(text(good[_i].yaml), &limits);
    ck_assert(bytes_equal(buffer_bytes(&a->plan), buffer_bytes(&b->plan)));
    compiled_free(a);
    compiled_free(b);
}
END_TEST

/* Layout 1, as it was released: this plan must be readable for ever. */
static const uint8_t layout_1[] = {
    0x70,
    0x6c,
    0x61,
    0x6e,
    0x01,
    0x00,
    0x00,
    0x00,
    0x01,
    0x00,
    0x00,
    0x00,
    0x01,
    0x00,
    0x00,
    0x00,
    0x45,
    0x00,
    0x00,
    0x00,
    0x57,
    0x00,
    0x00,
    0x00,
    0x13,
    0x00,
    0x00,
    0x00,
    0x57,
    0x00,
    0x00,
    0x00,
    0x13,
    0x00,
    0x00,
    0x00,
    0x83,
    0x01,
    0xb1,
    0x77,
    0x6f,
    0x72,
    0x6b,
    0x65,
    0x72,
    0x2d,
    0x73,
    0x6d,
    0x6f,
    0x6b,
    0x65,
    0x2d,
    0x74,
    0x65,
    0x73,
    0x74,
    0x03,
    0xd9,
    0x2c,
    0x53,
    0x65,
    0x6e,
    0x64,
    0x20,
    0x6f,
    0x6e,
    0x65,
    0x20,
    0x70,
    0x72,
    0x69,
    0x6e,
    0x74,
    0x20,
    0x61,
    0x63,
    0x74,
    0x69,
    0x6f,
    0x6e,
    0x20,
    0x74,
    0x6f,
    0x20,
    0x61,
    0x20,
    0x63,
    0x6f,
    0x6e,
    0x6e,
    0x65,
    0x63,
    0x74,
    0x65,
    0x64,
    0x20,
    0x77,
    0x6f,
    0x72,
    0x6b,
    0x65,
    0x72,
    0x2e,
    0x04,
    0x01,
    0x89,
    0x01,
    0xa5,
    0x70,
    0x72,
    0x69,
    0x6e,
    0x74,
    0x02,
    0xad,
    0x50,
    0x72,
    0x69,
    0x6e,
    0x74,
    0x20,
    0x6d,
    0x65,
    0x73,
    0x73,
    0x61,
    0x67,
    0x65,
    0x03,
    0x01,
    0x04,
    0xa5,
    0x70,
    0x72,
    0x69,
    0x6e,
    0x74,
    0x05,
    0xa7,
    0x64,
    0x65,
    0x66,
    0x61,
    0x75,
    0x6c,
    0x74,
    0x07,
    0xc4,
    0x01,
    0x90,
    0x08,
    0xc4,
    0x23,
    0x81,
    0xa7,
    0x6d,
    0x65,
    0x73,
    0x73,
    0x61,
    0x67,
    0x65,
    0xb9,
    0x48,
    0x65,
    0x6c,
    0x6c,
    0x6f,
    0x20,
    0x66,
    0x72,
    0x6f,
    0x6d,
    0x20,
    0x41,
    0x63,
    0x6d,
    0x65,
    0x20,
    0x70,
    0x6c,
    0x61,
    0x74,
    0x66,
    0x6f,
    0x72,
    0x6d,
    0x2e,
    0x09,
    0x01,
    0x0a,
    0x01,
    0x83,
    0x01,
    0xa6,
    0x6d,
    0x61,
    0x6e,
    0x75,
    0x61,
    0x6c,
    0x03,
    0xa6,
    0x6d,
    0x61,
    0x6e,
    0x75,
    0x61,
    0x6c,
    0x04,
    0x01,
};

START_TEST(a_plan_of_the_first_layout_is_read_for_ever)
{
    struct buffer got = { 0 };
    plan_print(bytes_of(layout_1, sizeof layout_1), &got);
    ck_assert(bytes_equal(buffer_bytes(&got), text(good[0].expected)));
    buffer_free(&got);
}
END_TEST

START_TEST(a_plan_is_appended)
{
    struct arena arena = { 0 };
    struct buffer out = { 0 };
    struct mistakes mistakes;
    buffer_append(&out, "abc", 3);
    ck_assert_int_eq(
        compile(text(good[0].yaml), &limits, &arena, &out, &mistakes), ERR_NONE);
    ck_assert_uint_eq(mistakes.total, 0);
    ck_assert_mem_eq(out.data, "abc", 3);
    ck_assert_int_eq(plan_check(bytes_of(out.data + 3, out.size - 3)), ERR_NONE);
    ck_assert_int_eq(
        compile(text(wrong[4].yaml), &limits, &arena, &out, &mistakes), ERR_INVALID);
    ck_assert_uint_gt(mistakes.total, 0);
    buffer_free(&out);
    arena_free(&arena);
}
END_TEST

START_TEST(a_text_beyond_its_limit_is_not_read)
{
    struct compile_limits little = limits;
    size_t size = strlen(good[0].yaml);
    little.text_max = size;
    struct compiled *c = compiled_new(text(good[0].yaml), &little);
    ck_assert_int_eq(c->err, ERR_NONE);
    compiled_free(c);
    little.text_max = size - 1;
    c = compiled_new(text(good[0].yaml), &little);
    ck_assert_int_eq(c->err, ERR_TOO_LARGE);
    ck_assert_uint_eq(c->mistakes.count, 1);
    compiled_free(c);
}
END_TEST

START_TEST(steps_and_parameters_have_limits)
{
    static const char yaml[] =
        "name: x\n"
        "steps:\n"
        "- {key: a, kind: action, action: x, with: {m: 0123456}}\n"
        "- {key: b, kind: action, action: x, with: {m: hello}}\n";
    struct compile_limits little = limits;
    struct buffer got = { 0 };
    little.steps_max = 1;
    struct compiled *c = compiled_new(text(yaml), &little);
    mistakes_print(c, &got);
    compiled_free(c);
    little = limits;
    little.payload_max = 8;
    c = compiled_new(text(yaml), &little);
    mistakes_print(c, &got);
    compiled_free(c);
    buffer_append(&got, "", 1);
    ck_assert_str_eq((const char *)got.data,
        "3:1 steps: expected at most 1 steps, found 2\n"
        "3:47 steps[0].with.m: \"0123456\" is a number that begins with 0: quote it if "
        "it "
        "is text\n"
        "3:47 steps[0].with.m: \"0123456\" is a number that begins with 0: quote it if "
        "it "
        "is text\n"
        "4:43 steps[1].with: takes 9 bytes as msgpack: expected at most 8\n");
    buffer_free(&got);
}
END_TEST

/* `count` jobs in a row, each of which needs the one before. */
static struct bytes
chain(struct buffer *out, unsigned count)
{
    buffer_print(out, "name: x\njobs:\n  j0: { run: x }\n");
    for (unsigned i = 1; i < count; i++)
        buffer_print(out, "  j%u: { run: x, needs: j%u }\n", i, i - 1);
    return buffer_bytes(out);
}

START_TEST(jobs_have_limits)
{
    struct compile_limits little = limits;
    struct buffer yaml = { 0 }, got = { 0 };
    little.steps_max = 1;
    struct compiled *c = compiled_new(chain(&yaml, 2), &little);
    mistakes_print(c, &got);
    compiled_free(c);
    little = limits;
    little.payload_max = 40;
    c = compiled_new(buffer_bytes(&yaml), &little);
    mistakes_print(c, &got);
    compiled_free(c);
    buffer_clear(&yaml);
    buffer_print(&yaml, "name: x\nenv: { A: \"%01500d\" }\njobs:\n", 1);
    for (unsigned i = 0; i < 30; i++)
        buffer_print(&yaml, "  j%u: { run: x }\n", i);
    little = limits;
    little.text_max = yaml.size;
    c = compiled_new(buffer_bytes(&yaml), &little);
    mistakes_print(c, &got);
    compiled_free(c);
    buffer_append(&got, "", 1);
    ck_assert_str_eq((const char *)got.data,
        "3:3 jobs: expected at most 1 steps, found 2\n"
        "4:7 jobs.j1: takes 58 bytes as msgpack: expected at most 40\n"
        "4:3 jobs: the commands with their env are too large: expected at most 32944 "
        "bytes\n");
    buffer_free(&yaml);
    buffer_free(&got);
}
END_TEST

START_TEST(of_a_long_chain_a_job_hears_of_the_nearest)
{
    struct compile_limits little = limits;
    struct buffer yaml = { 0 };
    struct arena arena = { 0 };
    struct plan plan;
    little.text_max = 3 * chain(&yaml, 80).size;
    struct compiled *c = compiled_new(buffer_bytes(&yaml), &little);
    ck_assert_int_eq(c->err, ERR_NONE);
    ck_assert_int_eq(plan_open(buffer_bytes(&c->plan), &plan), ERR_NONE);
    struct bytes last = plan_step_at(&plan, 79, &arena).parameters;
    ck_assert_ptr_nonnull(memmem(last.data, last.size, "\"j78\"", 5));
    ck_assert_ptr_nonnull(memmem(last.data, last.size, "\"j60\"", 5));
    ck_assert_ptr_null(memmem(last.data, last.size, "\"j0\"", 4));
    arena_free(&arena);
    compiled_free(c);
    buffer_free(&yaml);
}
END_TEST

START_TEST(the_first_hundred_mistakes_are_kept_and_all_are_counted)
{
    struct buffer yaml = { 0 };
    buffer_print(&yaml, "name: x\nsteps: [{key: a, kind: action, action: x}]\n");
    for (unsigned i = 0; i < 500; i++)
        buffer_print(&yaml, "wrong%u: 1\n", i);
    struct compiled *c = compiled_new(buffer_bytes(&yaml), &limits);
    ck_assert_int_eq(c->err, ERR_INVALID);
    ck_assert_uint_eq(c->mistakes.total, 500);
    ck_assert_uint_eq(c->mistakes.count, COMPILE_MISTAKES_MAX);
    for (uint32_t i = 0; i < COMPILE_MISTAKES_MAX; i++)
        ck_assert_uint_eq(c->mistakes.list[i].line, i + 3);
    compiled_free(c);
    buffer_free(&yaml);
}
END_TEST

START_TEST(mistakes_found_late_take_the_place_of_those_behind_them)
{
    /* That the first key is there twice is found when its map ends. */
    struct buffer yaml = { 0 };
    buffer_print(&yaml, "name: x\nname: y\nsteps:\n");
    for (unsigned i = 0; i < 200; i++)
        buffer_print(&yaml, "- &a%u x\n", i);
    struct compiled *c = compiled_new(buffer_bytes(&yaml), &limits);
    ck_assert_uint_eq(c->mistakes.total, 401);
    ck_assert_str_eq(c->mistakes.list[0].path, "name");
    ck_assert_uint_eq(c->mistakes.list[0].line, 2);
    ck_assert_str_eq(c->mistakes.list[99].path, "steps[49]");
    compiled_free(c);
    buffer_free(&yaml);
}
END_TEST

static const struct {
    const char *text;
    bool good;
    uint64_t ms;
    const char *printed;
} durations[] = {
    { "30s", true, 30000, "30s" },
    { "5m", true, 300000, "5m" },
    { "1h30m", true, 5400000, "1h30m" },
    { "500ms", true, 500, "500ms" },
    { "1.5h", true, 5400000, "1h30m" },
    { "0.25s", true, 250, "250ms" },
    { "0s", true, 0, "0s" },
    { "90s", true, 90000, "1m30s" },
    { "1h1m1s1ms", true, 3661001, "1h1m1s1ms" },
    { "1.000000000s", true, 1000, "1s" },
    { "", false, 0, NULL },
    { "5", false, 0, NULL },
    { "s", false, 0, NULL },
    { ".5s", false, 0, NULL },
    { "1.s", false, 0, NULL },
    { "-5s", false, 0, NULL },
    { "+5s", false, 0, NULL },
    { "5 s", false, 0, NULL },
    { "1d", false, 0, NULL },
    { "5us", false, 0, NULL },
    { "0.5ms", false, 0, NULL },
    { "0.0001s", false, 0, NULL },
    { "1.0000000000s", false, 0, NULL },
    { "9007199254740992ms", true, 9007199254740992, "2501999792h59m992ms" },
    { "9007199254740993ms", false, 0, NULL },
    { "99999999999999999999999h", false, 0, NULL },
    { "9007199254740992h", false, 0, NULL },
};

START_TEST(durations_are_read_as_people_write_them)
{
    uint64_t ms = 0;
    char printed[DURATION_TEXT_SIZE];
    ck_assert_msg(duration_read(text(durations[_i].text), &ms) == durations[_i].good,
        "%s", durations[_i].text);
    if (!durations[_i].good)
        return;
    ck_assert_uint_eq(ms, durations[_i].ms);
    duration_print(ms, printed);
    ck_assert_str_eq(printed, durations[_i].printed);
}
END_TEST

static Suite *
compile_suite(void)
{
    Suite *suite = suite_create("compile");
    TCase *tests = tcase_create("compile");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(
        tests, all_mistakes_are_told_with_their_places, 0, (int)COUNT(wrong));
    tcase_add_loop_test(tests, a_good_text_becomes_its_plan, 0, (int)COUNT(good));
    tcase_add_test(tests, a_character_that_yaml_does_not_have_is_refused);
    tcase_add_test(tests, the_smoke_test_of_the_examples_is_the_first_good_text);
    tcase_add_loop_test(tests, each_example_compiles, 0, (int)COUNT(examples));
    tcase_add_loop_test(tests, the_same_text_gives_the_same_bytes, 0, (int)COUNT(good));
    tcase_add_test(tests, a_plan_of_the_first_layout_is_read_for_ever);
    tcase_add_test(tests, a_plan_is_appended);
    tcase_add_test(tests, a_text_beyond_its_limit_is_not_read);
    tcase_add_test(tests, steps_and_parameters_have_limits);
    tcase_add_test(tests, jobs_have_limits);
    tcase_add_test(tests, of_a_long_chain_a_job_hears_of_the_nearest);
    tcase_add_test(tests, the_first_hundred_mistakes_are_kept_and_all_are_counted);
    tcase_add_test(tests, mistakes_found_late_take_the_place_of_those_behind_them);
    tcase_add_loop_test(
        tests, durations_are_read_as_people_write_them, 0, (int)COUNT(durations));
    suite_add_tcase(suite, tests);
    return suite;
}

int
main(void)
{
    SRunner *runner = srunner_create(compile_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

#include "tests/traces/scheduler_story.h"

#include "actors/plan/compile.h"
#include "actors/scheduler/kinds.h"
#include "base/json_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct id
story_run(unsigned number)
{
    const uint8_t chance[10] = { (uint8_t)(number >> 8), (uint8_t)number };
    return id_make(1000 + number, chance, 0);
}

struct id
story_session(unsigned number)
{
    char name[16];
    snprintf(name, sizeof name, "session %u", number);
    return id_of_name(text(name));
}

void
story_make(struct story *s)
{
    *s = (struct story){ .automation = id_of_name(text("flow")) };
    trace_make(&s->trace, &scheduler_actor);
    trace_name(&s->trace, &s->automation, "A");
    for (unsigned i = 1; i <= 4; i++) {
        struct id run = story_run(i), session = story_session(i);
        char name[16];
        snprintf(name, sizeof name, "R%u", i);
        trace_name(&s->trace, &run, name);
        snprintf(name, sizeof name, "S%u", i);
        trace_name(&s->trace, &session, name);
    }
}

void
story_open(struct story *s)
{
    trace_open(&s->trace);
    story_lease_begins(s, 1, 2);
    trace_skip(&s->trace);
}

void
story_close(struct story *s)
{
    trace_close(&s->trace);
}

static size_t
lane_name(struct story *s, uint64_t number)
{
    size_t i = 0;
    while (i < s->lane_count && s->lanes[i] != number)
        i++;
    ck_assert_uint_lt(i, STORY_LANES_MAX);
    if (i == s->lane_count)
        s->lanes[s->lane_count++] = number;
    return i + 1;
}

/* Lanes are hashes: by name they can be read. */
static void
name_lanes(struct story *s)
{
    struct buffer *said = s->trace.said, named = { 0 };
    buffer_append(said, "", 1);
    const char *at = (const char *)said->data, *lane;
    while ((lane = strstr(at, " lane=")) != NULL) {
        char *end;
        uint64_t number = strtoull(lane + 6, &end, 10);
        buffer_append(&named, at, (size_t)(lane - at));
        buffer_print(&named, " lane=L%zu", lane_name(s, number));
        at = end;
    }
    buffer_append_bytes(&named, text(at));
    buffer_clear(said);
    buffer_append_bytes(said, buffer_bytes(&named));
    buffer_free(&named);
}

void
story_expect(struct story *s, const char *said)
{
    name_lanes(s);
    trace_expect(&s->trace, said);
}

void
story_expect_only(struct story *s, const char *word, const char *said)
{
    name_lanes(s);
    trace_expect_only(&s->trace, word, said);
}

void
story_learn(struct story *s, uint32_t version, const char *about)
{
    story_learn_as(s, "flow", version, about);
}

void
story_open_with(struct story *s, const char *about)
{
    story_make(s);
    story_open(s);
    story_learn(s, 1, about);
    trace_skip(&s->trace);
}

struct id
story_automation(const char *name)
{
    return id_of_name(text(name));
}

/* Is it decided in the second of two partitions? */
static bool
lives_elsewhere(const struct id *automation)
{
    return hash_of(id_bytes(automation)).bytes[0] % 2 == 1;
}

const char *
story_elsewhere(void)
{
    static char name[16];
    for (unsigned i = 0;; i++) {
        snprintf(name, sizeof name, "far%u", i);
        struct id id = story_automation(name);
        if (lives_elsewhere(&id))
            return name;
    }
}

/* `written` stands for `meant`, of the same length, in the plan. */
static void
learn(struct story *s, const char *name, uint32_t version, const char *about,
    const char *written, const char *meant)
{
    const struct compile_limits limits = {
        .text_max = 1 << 20, .steps_max = 1000, .payload_max = 1 << 20
    };
    struct arena arena = { 0 };
    struct mistakes mistakes = { 0 };
    struct buffer yaml = { 0 }, plan = { 0 };
    buffer_print(&yaml, "schema_version: \"1\"\nname: %s\n%s", name, about);
    enum err err = compile(buffer_bytes(&yaml), &limits, &arena, &plan, &mistakes);
    ck_assert_msg(err == ERR_NONE, "%s",
        mistakes.count > 0 ? mistakes.list[0].message : "not compiled");
    if (written != NULL) {
        char *at = memmem(plan.data, plan.size, written, strlen(written));
        ck_assert_ptr_nonnull(at);
        memcpy(at, meant, strlen(written));
    }
    trace_give(&s->trace, ACTOR_registry, 0,
        (struct message){ .code = PLAN_OFFERED,
            .plan_offered = { .automation = story_automation(name),
                .name = text(name),
                .version = version,
                .plan = buffer_bytes(&plan) } });
    arena_free(&arena);
    buffer_free(&yaml);
    buffer_free(&plan);
}

void
story_learn_as(struct story *s, const char *name, uint32_t version, const char *about)
{
    learn(s, name, version, about, NULL, NULL);
}

void
story_learn_other(
    struct story *s, const char *about, const char *written, const char *meant)
{
    ck_assert_uint_eq(strlen(written), strlen(meant));
    learn(s, "flow", 1, about, written, meant);
}

void
story_start(struct story *s, unsigned run, const char *key)
{
    story_start_with(s, run, key, (struct bytes){ 0 });
}

void
story_start_with(struct story *s, unsigned run, const char *key, struct bytes inputs)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_START,
            .run_start = { .request = 7,
                .run = story_run(run),
                .automation = text("flow"),
                .key = text(key),
                .inputs = inputs,
                .source = text("api") } });
}

void
story_cancel(struct story *s, unsigned run, const char *reason)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = RUN_CANCEL,
            .run_cancel = {
                .request = 8, .run = story_run(run), .reason = text(reason) } });
}

void
story_lease_begins(struct story *s, uint64_t epoch, uint32_t resync)
{
    trace_give(&s->trace, ACTOR_lease, 0,
        (struct message){ .code = HELLO,
            .envelope = { .epoch = epoch },
            .hello = { .resync = resync } });
}

void
story_leased(struct story *s, struct held held)
{
    trace_give(&s->trace, ACTOR_lease, 0,
        (struct message){ .code = JOB_LEASED,
            .job_leased = { .run = story_run(held.run),
                .step = held.step,
                .attempt = held.attempt,
                .offer = held.offer,
                .session = story_session(held.session),
                .worker = text("worker") } });
}

static void
over(struct story *s, enum message_code code, struct held held)
{
    struct message m = { .code = code };
    m.job_lost = (struct job_lost){ .run = story_run(held.run),
        .step = held.step,
        .attempt = held.attempt,
        .offer = held.offer,
        .session = story_session(held.session) };
    trace_give(&s->trace, ACTOR_lease, 0, m);
}

void
story_lost(struct story *s, struct held held)
{
    over(s, JOB_LOST, held);
}

void
story_returned(struct story *s, struct held held)
{
    over(s, JOB_RETURNED, held);
}

void
story_reported(struct story *s, struct held held, struct bytes output)
{
    trace_give(&s->trace, ACTOR_lease, 0,
        (struct message){ .code = JOB_REPORTED,
            .job_reported = { .run = story_run(held.run),
                .step = held.step,
                .attempt = held.attempt,
                .offer = held.offer,
                .session = story_session(held.session),
                .outcome = OUTCOME_COMPLETED,
                .output = output } });
}

static void
report(struct story *s, struct held held, enum outcome outcome, const char *worker)
{
    struct job_reported reported = { .run = story_run(held.run),
        .step = held.step,
        .attempt = held.attempt,
        .offer = held.offer,
        .session = story_session(held.session),
        .outcome = outcome,
        .gateway = 3,
        .worker = text(worker) };
    if (outcome == OUTCOME_COMPLETED)
        reported.output = text("\xa2ok");
    else
        reported.error_type = text("Oops");
    trace_give(&s->trace, ACTOR_lease, 0,
        (struct message){ .code = JOB_REPORTED, .job_reported = reported });
}

void
story_completed(struct story *s, struct held held)
{
    report(s, held, OUTCOME_COMPLETED, "");
}

void
story_told(struct story *s, struct held held, bool failed)
{
    report(s, held, failed ? OUTCOME_FAILED : OUTCOME_COMPLETED, "worker");
}

void
story_failed(struct story *s, struct held held)
{
    report(s, held, OUTCOME_FAILED, "");
}

void
story_stopped(struct story *s, struct held held)
{
    report(s, held, OUTCOME_CANCELLED, "");
}

void
story_fatal(struct story *s, struct held held)
{
    report(s, held, OUTCOME_FATAL, "");
}

static void
expect_json(struct bytes payload, const char *json)
{
    struct buffer printed = { 0 };
    if (payload.size > 0)
        ck_assert_int_eq(msgpack_to_json(payload, &printed), ERR_NONE);
    buffer_append(&printed, "", 1);
    ck_assert_str_eq((const char *)printed.data, json);
    buffer_free(&printed);
}

void
story_expect_offered(struct story *s, const char *json)
{
    expect_json(trace_sent(&s->trace, JOB_OFFERED)->job_offered.parameters, json);
}

void
story_expect_output(struct story *s, const char *json)
{
    expect_json(trace_sent(&s->trace, RUN_CHANGED)->run_changed.output, json);
}

struct id
story_interaction(struct story *s, unsigned run, uint32_t step, uint32_t attempt)
{
    struct id of = story_run(run), id = interaction_id(&of, step, attempt, false);
    trace_name(&s->trace, &id, "I");
    return id;
}

void
story_respond(struct story *s, struct id interaction, const char *by, const char *value)
{
    trace_give(&s->trace, ACTOR_gateway, 0,
        (struct message){ .code = INTERACTION_RESPOND,
            .interaction_respond = { .request = 9,
                .interaction = interaction,
                .value = text(value),
                .principal = text(by) } });
}

void
story_matched(struct story *s, struct held held, uint64_t number, struct bytes data)
{
    trace_give(&s->trace, ACTOR_trigger, 0,
        (struct message){ .code = WAIT_MATCHED,
            .wait_matched = { .run = story_run(held.run),
                .step = held.step,
                .attempt = held.attempt,
                .number = number,
                .type = text("order.paid"),
                .data = data } });
}

void
story_known(struct story *s, struct held held, bool open)
{
    trace_give(&s->trace, ACTOR_trigger, 0,
        (struct message){ .code = WAIT_KNOWN,
            .wait_known = { story_run(held.run), held.step, held.attempt, open } });
}

#include "tests/traces/trigger_story.h"

#include "actors/trigger/state.h"
#include "actors/trigger/trigger.h"
#include "base/json_read.h"

#include <check.h>
#include <stdio.h>

struct id
story_automation(unsigned n)
{
    uint8_t chance[10] = { [5] = (uint8_t)n };
    return id_make(n, chance, 0);
}

struct id
story_run(unsigned n)
{
    uint8_t chance[10] = { [5] = (uint8_t)n, [6] = (uint8_t)(n >> 8) };
    return id_make(500, chance, n % 2);
}

void
story_make(struct trace *t)
{
    char name[16];
    trace_make(t, &trigger_actor);
    t->config.schedulers = 2;
    t->without_sizes = true;
    t->now_ms = STORY_BEGIN_MS;
    for (unsigned i = 1; i <= 3; i++) {
        struct id id = story_automation(i);
        snprintf(name, sizeof name, "AUT%u", i);
        trace_name(t, &id, name);
    }
    for (unsigned i = 1; i <= 9; i++) {
        struct id id = story_run(i);
        snprintf(name, sizeof name, "RUN%u", i);
        trace_name(t, &id, name);
    }
}

void
story_widen(struct trace *t)
{
    struct trigger_state *s = t->state;
    for (uint32_t i = 0; i < t->config.schedulers; i++)
        s->windows[i].pace.window = WINDOW_MAX;
}

void
story_open(struct trace *t)
{
    story_make(t);
    trace_open(t);
}

/* Texts and records that plans and messages borrow: each test is a process. */
static struct arena kept;

struct bytes
story_json(const char *json)
{
    struct buffer out = { 0 };
    struct fault fault;
    if (json == NULL)
        return (struct bytes){ 0 };
    ck_assert_int_eq(json_to_msgpack(text(json), &out, NULL, &fault), ERR_NONE);
    struct bytes value = arena_copy(&kept, buffer_bytes(&out));
    buffer_free(&out);
    return value;
}

struct plan_trigger
story_trigger(
    const char *key, const char *kind, const struct shape *shape, const void *config)
{
    struct plan_trigger trigger = {
        .key = text(key), .kind = text(kind), .enabled = true
    };
    struct buffer out = { 0 };
    if (config == NULL)
        return trigger;
    fields_write(shape, config, NULL, &out);
    trigger.config = arena_copy(&kept, buffer_bytes(&out));
    buffer_free(&out);
    return trigger;
}

void
story_offer(struct trace *t, unsigned n, uint64_t revision, uint32_t status,
    const struct plan_trigger *triggers, uint32_t count)
{
    static const uint8_t empty_map[] = { 0x80 }, empty_list[] = { 0x90 };
    struct plan plan = { .name = text("a"), .concurrency = PLAN_ALLOW };
    struct plan_step step = {
        .key = text("print"),
        .kind = STEP_ACTION,
        .action = text("print"),
        .queue = text("default"),
        .labels = bytes_of(empty_list, 1),
        .parameters = bytes_of(empty_map, 1),
        .save_as = text("print"),
        .attempts_max = 1,
        .backoff = BACKOFF_NONE,
        .handler = PLAN_NO_STEP,
        .parent = PLAN_NO_STEP,
    };
    struct buffer out = { 0 };
    plan_write(&plan, &step, 1, triggers, count, &out);
    struct triggers_offered offered = {
        .automation = story_automation(n),
        .name = text("a"),
        .version = 1,
        .plan = buffer_bytes(&out),
        .revision = revision,
        .status = status,
    };
    trace_give(t, ACTOR_registry, 0,
        (struct message){ .code = TRIGGERS_OFFERED, .triggers_offered = offered });
    buffer_free(&out);
}

void
story_subscribe(
    struct trace *t, unsigned n, const char *key, const struct plan_event *config)
{
    struct plan_trigger trigger =
        story_trigger(key, "event", &plan_event_shape, config);
    story_offer(t, n, 1, AUTOMATION_ACTIVE, &trigger, 1);
}

void
story_publish(struct trace *t, const char *id, const char *type, const char *json)
{
    struct event_publish publish = {
        .request = 7,
        .id = id == NULL ? (struct bytes){ 0 } : text(id),
        .type = text(type),
        .data = story_json(json),
    };
    trace_give(t, ACTOR_gateway, 0,
        (struct message){ .code = EVENT_PUBLISH, .event_publish = publish });
}

void
story_wait(struct trace *t, unsigned run, const char *type, const char *match,
    const char *condition, uint64_t since_ms, uint64_t after)
{
    struct wait_offered offered = {
        .run = story_run(run),
        .step = 3,
        .attempt = 1,
        .event_type = text(type),
        .match = story_json(match),
        .condition = condition == NULL ? (struct bytes){ 0 } : text(condition),
        .since_ms = since_ms,
        .after = after,
    };
    trace_give(t, ACTOR_scheduler, run % 2,
        (struct message){ .code = WAIT_OFFERED, .wait_offered = offered });
}

void
story_withdraw(struct trace *t, unsigned run)
{
    struct wait_withdrawn withdrawn = {
        .run = story_run(run), .step = 3, .attempt = 1
    };
    trace_give(t, ACTOR_scheduler, run % 2,
        (struct message){ .code = WAIT_WITHDRAWN, .wait_withdrawn = withdrawn });
}

void
story_take_match(struct trace *t, unsigned run)
{
    struct match_taken taken = { story_run(run), 3, 1 };
    trace_give(t, ACTOR_scheduler, run % 2,
        (struct message){ .code = MATCH_TAKEN, .match_taken = taken });
}

void
story_take_fire(struct trace *t, const char *refusal)
{
    const struct trigger_fired *fired = &trace_sent(t, TRIGGER_FIRED)->trigger_fired;
    struct message taken = { .code = FIRE_TAKEN,
        .fire_taken = { .automation = fired->automation,
            .trigger = fired->trigger,
            .slot_ms = fired->slot_ms,
            .event = fired->event,
            .run = fired->run } };
    struct message refused = { .code = FIRE_REFUSED,
        .fire_refused = { .automation = fired->automation,
            .trigger = fired->trigger,
            .slot_ms = fired->slot_ms,
            .event = fired->event,
            .run = fired->run,
            .refusal = text(refusal == NULL ? "" : refusal) } };
    trace_give(t, ACTOR_scheduler, id_partition(&fired->run),
        refusal == NULL ? taken : refused);
}

size_t
story_count(struct trace *t, enum message_code code)
{
    size_t count = 0;
    ck_assert_uint_le(t->kept_count, TRACE_KEPT_MAX);
    for (size_t i = 0; i < t->kept_count; i++)
        count += t->kept[i].code == code;
    t->kept_count = 0;
    return count;
}

struct settling {
    struct trace *t;
    uint64_t event; /* 0: any */
    struct fire fire;
    struct id run;
    bool found;
};

static bool
find_fire(void *self, struct bytes key, struct bytes value)
{
    enum { HEAD = 1 + 4 };
    struct settling *settling = self;
    struct bytes run = bytes_of(key.data + HEAD, ID_SIZE);
    kept_take(settling->t->journal, value, &fire_shape, &kept, &settling->fire);
    settling->found =
        id_equal(&settling->fire.project, &settling->t->project)
        && (settling->event == 0 || settling->fire.event == settling->event);
    settling->fire.trigger = arena_copy(&kept, settling->fire.trigger);
    settling->run = row_take_id(&run);
    return !settling->found;
}

bool
story_settle(struct trace *t, uint64_t event)
{
    struct settling settling = { .t = t, .event = event };
    struct row_key from = row_key('F'), to = row_key_after(&from);
    journal_scan(t->journal, row_key_bytes(&from), row_key_bytes(&to), false, find_fire,
        &settling);
    if (!settling.found)
        return false;
    struct fire_taken taken = { .automation = settling.fire.automation,
        .trigger = settling.fire.trigger,
        .slot_ms = settling.fire.slot_ms,
        .event = settling.fire.event,
        .run = settling.run };
    trace_give(t, ACTOR_scheduler, id_partition(&settling.run),
        (struct message){ .code = FIRE_TAKEN, .fire_taken = taken });
    return true;
}

void
story_settle_all(struct trace *t)
{
    while (story_settle(t, 0))
        ;
}

struct searching {
    const char *word;
    size_t count;
};

static bool
search_record(void *self, const struct record *record)
{
    struct searching *searching = self;
    const char *word = searching->word;
    searching->count +=
        memmem(record->facts.data, record->facts.size, word, strlen(word)) != NULL;
    return true;
}

size_t
story_records_with(const struct trace *t, const char *word)
{
    struct searching searching = { .word = word };
    journal_replay(t->journal, 1, search_record, &searching);
    return searching.count;
}

/* Beside each lies how often it was put. */
uint64_t
story_blobs(const struct trace *t)
{
    struct journal_sum sum;
    struct fault fault;
    ck_assert_int_eq(journal_sum(t->journal, &sum, &fault), ERR_NONE);
    return sum.blobs / 2;
}

/* It is dropped until it is gone, and put there again as often. */
size_t
story_puts(const struct trace *t, struct bytes payload)
{
    struct hash hash = hash_of(payload);
    struct bytes blob;
    size_t count = 0;
    while (journal_get_blob(t->journal, &hash, &kept, &blob) == ERR_NONE) {
        journal_drop_blob(t->journal, &hash);
        ck_assert_int_eq(journal_commit(t->journal, true), ERR_NONE);
        count++;
    }
    for (size_t i = 0; i < count; i++)
        journal_put_blob(t->journal, payload);
    ck_assert_int_eq(journal_commit(t->journal, true), ERR_NONE);
    return count;
}

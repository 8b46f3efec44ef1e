/* trigger_story - what the traces of the trigger actor are made of. */
#ifndef TESTS_TRACES_TRIGGER_STORY_H
#define TESTS_TRACES_TRIGGER_STORY_H
#include "actors/plan/plan_kinds.h"
#include "actors/trigger/entries.h"
#include "tests/support/trace.h"

enum { STORY_BEGIN_MS = 1000000 };

/* A trace with two schedulers; automations are named AUT1 … AUT3. */
void story_open(struct trace *t);
/* The same before it is opened. */
void story_make(struct trace *t);
/* Schedulers have been quick for long, in this life: many fires may be out. */
void story_widen(struct trace *t);
struct id story_automation(unsigned n);
/* A run of partition n % 2 for a wait, named RUN<n>. */
struct id story_run(unsigned n);

/* JSON as msgpack, for as long as the test runs. */
struct bytes story_json(const char *json);

/* Triggers as the compiler writes them; `config` may be NULL. */
struct plan_trigger story_trigger(
    const char *key, const char *kind, const struct shape *shape, const void *config);
/* Offer automation n with these; revision and status as given. */
void story_offer(struct trace *t, unsigned n, uint64_t revision, uint32_t status,
    const struct plan_trigger *triggers, uint32_t count);
/* One event trigger, active, as revision 1. */
void story_subscribe(
    struct trace *t, unsigned n, const char *key, const struct plan_event *config);

void story_publish(struct trace *t, const char *id, const char *type, const char *json);
void story_wait(struct trace *t, unsigned run, const char *type, const char *match,
    const char *condition, uint64_t since_ms, uint64_t after);
void story_withdraw(struct trace *t, unsigned run);
void story_take_match(struct trace *t, unsigned run);
/* The scheduler takes the last fire, or refuses it. */
void story_take_fire(struct trace *t, const char *refusal);
/* It takes one that is not settled, of this event of the project (0: any); false: there
 * is none. */
bool story_settle(struct trace *t, uint64_t event);
void story_settle_all(struct trace *t);
/* How many messages of this code have left since the last time that was asked. */
size_t story_count(struct trace *t, enum message_code code);

/* How many records have this word in them. */
size_t story_records_with(const struct trace *t, const char *word);
/* How many payloads lie beside the journal. */
uint64_t story_blobs(const struct trace *t);
/* How often this one was put there and not given up. */
size_t story_puts(const struct trace *t, struct bytes payload);
#endif

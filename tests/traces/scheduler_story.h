/* scheduler_story - a scheduler in a trace, and what is said to it, in a few words.
 *
 * Ids print as R1, R2 (runs), S1, S2 (worker sessions), A (the automation), lanes as
 * L1, L2 in the order in which they appear.
 */
#ifndef TESTS_TRACES_SCHEDULER_STORY_H
#define TESTS_TRACES_SCHEDULER_STORY_H
#include "actors/scheduler/scheduler.h"
#include "tests/support/trace.h"

#include <check.h>

enum { STORY_LANES_MAX = 16 };

/* One step of a plan, in YAML. */
#define STEP(key, more)                                                                \
    "  - { key: " key ", kind: action, config: { action_name: x }" more " }\n"

struct story {
    struct trace trace;
    struct id automation;
    uint64_t lanes[STORY_LANES_MAX];
    size_t lane_count;
};

/* One attempt of one step of one run, under one offer, held by one session. */
struct held {
    unsigned run;
    uint32_t step, attempt, offer;
    unsigned session;
};

/* Between the two the configuration may be changed. */
void story_make(struct story *s);
/* A lease actor is there; nothing has been said. */
void story_open(struct story *s);
void story_close(struct story *s);

struct id story_run(unsigned number);
struct id story_session(unsigned number);

/* Everything said since the last time, as trace_expect, with lanes by name. */
void story_expect(struct story *s, const char *said);
/* Only lines that hold `word`. */
void story_expect_only(struct story *s, const char *word, const char *said);

/* A version of the automation "flow": the text from "steps:" on, or what may stand
 * before that. */
void story_learn(struct story *s, uint32_t version, const char *text);
/* The same of another automation; its id is that of its name. */
void
story_learn_as(struct story *s, const char *name, uint32_t version, const char *text);
/* Version 1 of "flow" as another release might have compiled it: `written` in the text
 * is `meant`, of the same length, in the plan, whatever compile() would say of that. */
void story_learn_other(
    struct story *s, const char *about, const char *written, const char *meant);
/* Made and opened, and version 1 of "flow" is known; nothing has been said. */
void story_open_with(struct story *s, const char *text);
struct id story_automation(const char *name);
/* A name whose automation, if its runs see each other, is decided in partition 1 of 2.
 */
const char *story_elsewhere(void);
void story_start(struct story *s, unsigned run, const char *key);
/* `inputs` is msgpack. */
void
story_start_with(struct story *s, unsigned run, const char *key, struct bytes inputs);
void story_cancel(struct story *s, unsigned run, const char *reason);

/* What the lease actor says. */
void story_lease_begins(struct story *s, uint64_t epoch, uint32_t resync);
void story_leased(struct story *s, struct held held);
void story_lost(struct story *s, struct held held);
void story_returned(struct story *s, struct held held);
void story_completed(struct story *s, struct held held);
/* The same, or failed, while its lease was held by "worker" as far as the lease actor
 * knows. */
void story_told(struct story *s, struct held held, bool failed);
void story_failed(struct story *s, struct held held);
void story_stopped(struct story *s, struct held held);
void story_fatal(struct story *s, struct held held);

/* Completed with this output, msgpack. */
void story_reported(struct story *s, struct held held, struct bytes output);
/* The parameters of the last job that was offered, and the output that the last hint
 * tells, as JSON. */
void story_expect_offered(struct story *s, const char *json);
void story_expect_output(struct story *s, const char *json);

/* What people and the trigger actor say; the interaction prints as I. */
struct id
story_interaction(struct story *s, unsigned run, uint32_t step, uint32_t attempt);
/* `value` is msgpack: "\xc3" is true. */
void story_respond(
    struct story *s, struct id interaction, const char *by, const char *value);
void
story_matched(struct story *s, struct held held, uint64_t number, struct bytes data);
void story_known(struct story *s, struct held held, bool open);
#endif

/* view_engine - schedulers in traces, and the view that looks at their journals.
 *
 * Runs are numbered; run n lives in partition n % partitions and is newer than run
 * n - 1.  Time begins with the year 2026.
 */
#ifndef TESTS_UNIT_VIEW_ENGINE_H
#define TESTS_UNIT_VIEW_ENGINE_H
#include "actors/view/view.h"
#include "tests/support/trace.h"

#include <check.h>

enum { ENGINE_PARTITIONS_MAX = 3 };

struct engine {
    struct trace traces[ENGINE_PARTITIONS_MAX];
    bool away[ENGINE_PARTITIONS_MAX]; /* cannot be read */
    struct view view;
    struct message answer;
    struct buffer shown; /* the document as JSON, closed by a NUL */
};

void engine_open(struct engine *e, uint32_t partitions);
void engine_close(struct engine *e);
void engine_wait(struct engine *e, uint64_t ms);

struct id engine_automation(const char *name);
struct id engine_run(const struct engine *e, unsigned number);
struct trace *engine_trace_of(struct engine *e, unsigned run);

/* Steps in YAML, see STEP. */
#define STEP(key, more)                                                                \
    "  - { key: " key ", kind: action, config: { action_name: x }" more " }\n"
void engine_learn(struct engine *e, const char *name, const char *steps);
void engine_start(struct engine *e, unsigned run, const char *name);
void engine_start_with(
    struct engine *e, unsigned run, const char *name, const char *key, struct bytes in);
void engine_cancel(struct engine *e, unsigned run);

/* What becomes of the job of a step. */
struct job {
    unsigned run;
    uint32_t step, attempt, offer;
};
void engine_leased(struct engine *e, struct job job);
void engine_returned(struct engine *e, struct job job);
void engine_lost(struct engine *e, struct job job);
void engine_printed(struct engine *e, struct job job, const char *chunk);
void engine_completed(struct engine *e, struct job job, struct bytes output);
void engine_failed(struct engine *e, struct job job);

/* Ask, and read the answer: `answer` and `shown`. */
const char *engine_ask(struct engine *e, struct message question);
const char *engine_run_get(struct engine *e, unsigned run);
const char *
engine_events(struct engine *e, unsigned run, uint64_t after, uint32_t limit);
const char *engine_logs(struct engine *e, unsigned run, uint64_t after, uint32_t limit);
/* The text of this field of `shown`, at any depth, in `out`; "" if there is none. */
const char *
engine_field(const struct engine *e, const char *name, char *out, size_t size);
#endif

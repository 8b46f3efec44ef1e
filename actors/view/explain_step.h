/* explain_step - one thing that a run waits for. */
#ifndef ACTORS_VIEW_EXPLAIN_STEP_H
#define ACTORS_VIEW_EXPLAIN_STEP_H
#include "actors/view/run_rows.h"
#include "actors/view/sheet.h"

/* The most blocking first; the names are an API. */
enum stall_code {
#define STALL(code) STALL_##code,
#include "actors/view/stall.def"
    STALL_COUNT
};
const char *stall_name(enum stall_code code);

/* What is empty, 0 or NULL is not known, or does not apply. */
struct stall {
    enum stall_code code;
    struct bytes key; /* of the step */
    uint32_t attempt;
    uint64_t since_ms, due_ms;
    struct bytes hint;                /* a command that may help */
    struct bytes status, stop_reason; /* finished */
    struct bytes cancelled_by, cancel_reason;
    struct bytes error_type, error_message;
    struct bytes queue, action, labels, environment; /* of a job */
    struct bytes worker;
    struct id session;
    struct bytes event_type, source, match, condition;
    struct id interaction, child;
    struct bytes protocol, title, prompt, targets;
    struct bytes automation; /* of a child */
    struct bytes behind;     /* msgpack array of run ids: those that go first */
    uint64_t ahead;          /* queued runs before it */
    bool ahead_known;        /* else there are more */
    struct bytes queue_reason;
};

/* Of the run as a whole; false: only its steps tell. */
bool stall_of_run(struct run_rows *run, struct stall *stall);
/* Of a step that is under way; false: it waits for nothing that lasts. */
bool stall_of_step(struct run_rows *run, uint32_t step, struct stall *stall);
/* Nothing that lasts was found. */
void stall_moving(struct run_rows *run, struct stall *stall);

/* A sentence, in the arena of the run. */
struct bytes stall_reason(struct run_rows *run, const struct stall *stall);
void stall_detail(struct sheet *detail, const struct stall *stall);
#endif

/* kinds - what each kind of step does: one row a kind, one file a noun.
 *
 * Whatever its kind, a step is started, may be tried again, and ends once: by
 * complete_step, skip_step, fail_step or its run's end.
 */
#ifndef ACTORS_SCHEDULER_KINDS_H
#define ACTORS_SCHEDULER_KINDS_H
#include "actors/scheduler/state.h"

struct kind_rules {
    /* The step has started, or its next attempt is due. */
    void (*begin)(struct turn *turn, uint32_t step, const struct plan_step *plan);
    /* The moment has come that it gave as due_ms; NULL: it gives none. */
    void (*due)(struct turn *turn, uint32_t step, const struct plan_step *plan);
    /* The step is to end although it is under way: say so to who else knows of it.
     * NULL: nobody does, or rows tell. */
    void (*withdraw)(struct turn *turn, uint32_t step, const char *reason);
};
const struct kind_rules *kind_rules(enum step_kind kind);

/* step.c */
/* Start a step that is ready, or skip it. */
void begin_step(struct turn *turn, uint32_t step);
/* `output` is msgpack; nothing: the output is that of the action, or nil. */
void complete_step(struct turn *turn, uint32_t step, const struct plan_step *plan,
    struct bytes output);
/* `passes`: what needs it goes on. */
void skip_step(struct turn *turn, uint32_t step, const struct plan_step *plan,
    const char *reason, bool passes);
struct failure {
    struct bytes type, message;
};
void fail_step(struct turn *turn, uint32_t step, const struct plan_step *plan,
    struct failure failure);
/* The same if no attempt is left. */
void fail_or_retry(struct turn *turn, uint32_t step, const struct plan_step *plan,
    struct failure failure);
/* The step has waited for too long: WAIT_TIMED_OUT; and then what the step says. */
void say_timed_out(struct turn *turn, uint32_t step, const struct plan_step *plan);
void time_out_step(struct turn *turn, uint32_t step, const struct plan_step *plan,
    const char *message);
/* A step cannot be done as its templates say: `wrong` names the place. */
void fail_template(
    struct turn *turn, uint32_t step, const struct plan_step *plan, struct bytes wrong);
/* How long to wait before the attempt after `attempt`: jitter is the same whenever it
 * is asked for. */
uint64_t retry_delay_ms(const struct turn *turn, uint32_t step,
    const struct plan_step *plan, uint32_t attempt);
/* Does the policy of retries take this type of error? */
bool may_retry_type(const struct plan_step *plan, struct bytes type);
/* It waits for something no more, for it came; what follows is said next. */
void resume_step(struct turn *turn, uint32_t step, const struct plan_step *plan,
    const char *by, uint64_t number);

/* job.c */
void attempt_begin(struct turn *turn, uint32_t step, const struct plan_step *plan);
void attempt_due(struct turn *turn, uint32_t step, const struct plan_step *plan);
void attempt_withdraw(struct turn *turn, uint32_t step, const char *reason);
/* sleep.c */
void sleep_begin(struct turn *turn, uint32_t step, const struct plan_step *plan);
void sleep_due(struct turn *turn, uint32_t step, const struct plan_step *plan);
/* wait.c */
void wait_begin(struct turn *turn, uint32_t step, const struct plan_step *plan);
void wait_due(struct turn *turn, uint32_t step, const struct plan_step *plan);
/* A look_fn: what was said when the step that `self` names, a wait_opened, began to
 * wait. */
bool look_for_wait(void *self, const struct message *fact);
/* interaction.c */
void interaction_begin(struct turn *turn, uint32_t step, const struct plan_step *plan);
void interaction_due(struct turn *turn, uint32_t step, const struct plan_step *plan);
/* What an interaction or the gate of a check asks, its templates not yet evaluated. */
struct question {
    struct bytes protocol, title, prompt, targets, spec;
    bool all_of, escalated;
    bool literal;        /* the prompt is no template */
    uint64_t expires_ms; /* from now; 0: see `until` */
    struct bytes until;  /* RFC 3339; nothing: never */
};
/* Ask.  False: a template could not be evaluated and the step has failed. */
bool ask_people(struct turn *turn, uint32_t step, const struct plan_step *plan,
    const struct question *question);
/* check.c */
void check_begin(struct turn *turn, uint32_t step, const struct plan_step *plan);
/* The gate that was opened in the record `asked` was answered. */
void check_answered(struct turn *turn, uint32_t step, const struct plan_step *plan,
    uint64_t asked, bool approved);
/* inside.c: parallel and each */
void each_begin(struct turn *turn, uint32_t step, const struct plan_step *plan);
void inside_begin(struct turn *turn, uint32_t step, const struct plan_step *plan);
void inside_due(struct turn *turn, uint32_t step, const struct plan_step *plan);
/* Something has changed in a parallel or an each: begin more, or end it. */
void move_inside(struct turn *turn, uint32_t step);
/* operate.c: go on with ending a parallel or an each as somebody has said. */
void end_withdrawn(struct turn *turn, uint32_t step);
/* child.c */
void child_begin(struct turn *turn, uint32_t step, const struct plan_step *plan);
void child_due(struct turn *turn, uint32_t step, const struct plan_step *plan);
/* set.c */
void set_begin(struct turn *turn, uint32_t step, const struct plan_step *plan);
void agent_begin(struct turn *turn, uint32_t step, const struct plan_step *plan);
#endif

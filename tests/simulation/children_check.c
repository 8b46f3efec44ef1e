/* Runs of runs: each call makes one child, which ends; who waits ends after it. */
#include "actors/plan/plan_kinds.h"
#include "actors/scheduler/run.h"
#include "base/wrong.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

#include <inttypes.h>
#include <stdlib.h>

enum { CALLS_MAX = 1024 };

struct call {
    struct id project, run, child;
    uint32_t step, wait, attempt;
};

struct family {
    struct sim *sim;
    struct call calls[CALLS_MAX];
    size_t count;
};

static struct call *
call_of(struct family *f, const struct id *child)
{
    for (size_t i = 0; i < f->count; i++)
        if (id_equal(&f->calls[i].child, child))
            return &f->calls[i];
    return NULL;
}

static void
no_child_is_called_twice(struct family *f, const struct message *fact)
{
    const struct child_called *called = &fact->child_called;
    HOLDS(f->sim, call_of(f, &called->child) == NULL, "step %" PRIu32, called->step);
    if (f->count == CALLS_MAX)
        WRONG("more calls than can be looked at");
    f->calls[f->count++] = (struct call){ fact->envelope.project, called->run,
        called->child, called->step, called->wait, called->attempt };
    sim_probe(PROBE_CALLED_CHILD);
}

static void
note_call(void *self, uint64_t at_ms, const struct message *fact)
{
    (void)at_ms;
    if (fact->code == CHILD_CALLED)
        no_child_is_called_twice(self, fact);
}

static void
a_run_with_a_parent_was_called_by_it(
    void *self, uint64_t at_ms, const struct message *fact)
{
    struct family *f = self;
    const struct run_started *started = &fact->run_started;
    bool creates =
        fact->code == RUN_QUEUED || (fact->code == RUN_STARTED && !started->queued);
    (void)at_ms;
    if (!creates || id_is_zero(&started->parent))
        return;
    const struct call *call = call_of(f, &started->run);
    HOLDS(f->sim,
        call != NULL && id_equal(&call->run, &started->parent)
            && call->step == started->parent_step
            && call->attempt == started->parent_attempt
            && (call->wait != 0) == (started->awaited != 0),
        "nobody called it so");
}

static bool
read_run(const struct sim *sim, const struct call *call, const struct id *id,
    struct run *run, struct arena *arena)
{
    const struct machine *m = machine_named(sim, ACTOR_scheduler, id_partition(id));
    return run_read(run, m->journal, NULL, arena, &call->project, id);
}

static void
who_waits_ends_as_its_child_did(struct family *f, const struct call *call)
{
    struct arena arena = { 0 };
    struct run parent, child;
    if (!read_run(f->sim, call, &call->run, &parent, &arena))
        WRONG("a call by nobody");
    bool there = read_run(f->sim, call, &call->child, &child, &arena);
    HOLDS(f->sim, !there || run_over(&child), "a child goes on");
    const struct step_row *step = run_step(&parent, call->step);
    struct plan_child config;
    plan_config_read(
        &plan_child_shape, run_plan_step(&parent, call->step).config, &config);
    if (id_equal(&step->child, &call->child) && step->status == STEP_DONE)
        HOLDS(f->sim, there && (!config.wait || child.row.status == RUN_DONE),
            "the step is done, the child is not");
    if (call->wait && step->status == STEP_DONE)
        sim_probe(PROBE_CHILD_AWAITED);
    arena_free(&arena);
}

static void
each_scheduler(struct family *f, log_fn *each)
{
    for (size_t i = 0; i < f->sim->machine_count; i++)
        if (f->sim->machines[i]->name == ACTOR_scheduler)
            log_each(f->sim->machines[i], each, f);
}

void
children_judge(struct sim *sim)
{
    struct family *f = sim_room(sizeof *f);
    f->sim = sim;
    each_scheduler(f, note_call);
    each_scheduler(f, a_run_with_a_parent_was_called_by_it);
    for (size_t i = 0; i < f->count; i++)
        who_waits_ends_as_its_child_did(f, &f->calls[i]);
    free(f);
}

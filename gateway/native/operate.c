/* What people do to a run that goes on, or does not. */
#include "base/clock.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"

enum { STEP_MAX = 1000, REASON_MAX = 1000 };

struct bytes
native_asker(struct request *r)
{
    char printed[ID_TEXT_MAX];
    return arena_copy(&r->arena, text(id_print(&r->key->id, "cap_", printed)));
}

/* Read the id of the run, and the body, which has no fields but `names`. */
static bool
read(struct request *r, struct id *run, const char *const *names, struct bytes *body)
{
    return request_id(r, "run_", run) && request_json(r, body)
           && body_only(r, *body, names);
}

static bool
read_step(struct request *r, struct bytes body, struct bytes *step)
{
    if (!body_text(r, body, "step", STEP_MAX, step))
        return false;
    if (step->size > 0)
        return true;
    request_refuse(r, ERR_INVALID, "step must be the key of a step");
    return false;
}

void
native_run_signal(struct request *r)
{
    static const char *const names[] = { "step", "result", NULL };
    struct message *m = request_message(r, RUN_SIGNAL, ACTOR_scheduler);
    struct run_signal *said = &m->run_signal;
    struct bytes body;
    if (!read(r, &said->run, names, &body) || !read_step(r, body, &said->step)
        || !body_value(r, body, "result", &said->result))
        return;
    said->by = native_asker(r);
    native_tell_run(r, m, &said->run);
}

void
native_run_retry(struct request *r)
{
    static const char *const names[] = { "step", "reason", NULL };
    struct message *m = request_message(r, RUN_RETRY, ACTOR_scheduler);
    struct run_retry *said = &m->run_retry;
    struct bytes body;
    if (!read(r, &said->run, names, &body)
        || !body_text(r, body, "step", STEP_MAX, &said->step)
        || !body_text(r, body, "reason", REASON_MAX, &said->reason))
        return;
    said->by = native_asker(r);
    native_tell_run(r, m, &said->run);
}

void
native_step_skip(struct request *r)
{
    static const char *const names[] = { "step", "reason", NULL };
    struct message *m = request_message(r, STEP_SKIP, ACTOR_scheduler);
    struct step_skip *said = &m->step_skip;
    struct bytes body;
    if (!read(r, &said->run, names, &body) || !read_step(r, body, &said->step)
        || !body_text(r, body, "reason", REASON_MAX, &said->reason))
        return;
    said->by = native_asker(r);
    native_tell_run(r, m, &said->run);
}

void
native_step_override(struct request *r)
{
    static const char *const names[] = { "step", "output", "reason", NULL };
    struct message *m = request_message(r, STEP_OVERRIDE, ACTOR_scheduler);
    struct step_override *said = &m->step_override;
    struct bytes body;
    if (!read(r, &said->run, names, &body) || !read_step(r, body, &said->step)
        || !body_value(r, body, "output", &said->output)
        || !body_text(r, body, "reason", REASON_MAX, &said->reason))
        return;
    said->by = native_asker(r);
    native_tell_run(r, m, &said->run);
}

void
native_run_fork(struct request *r)
{
    static const char *const names[] = { "event", "version", "outputs", "inputs",
        NULL };
    struct message *m = request_message(r, RUN_FORK, ACTOR_scheduler);
    struct run_fork *said = &m->run_fork;
    struct bytes body;
    uint32_t event;
    if (!read(r, &said->origin, names, &body)
        || !body_number(r, body, "event", UINT32_MAX, &event)
        || !body_number(r, body, "version", UINT32_MAX, &said->version)
        || !body_map(r, body, "outputs", &said->outputs)
        || !body_map(r, body, "inputs", &said->inputs))
        return;
    said->event = event;
    said->run = id_fresh(id_partition(&said->origin));
    said->by = native_asker(r);
    native_tell_run(r, m, &said->origin);
}

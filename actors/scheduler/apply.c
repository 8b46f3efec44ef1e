#include "actors/scheduler/child.h"
#include "actors/scheduler/groups.h"
#include "actors/scheduler/start.h"
#include "base/counters.h"
#include "base/wrong.h"

#include <assert.h>

enum { NO_STEP = 0, DROPPED_AT_ONCE = 32 };

void
scheduler_put(struct scheduler_state *s, const struct row_key *key, struct bytes value)
{
    /* A row may be no more than its key. */
    static const uint8_t nothing[1] = { 0 };
    journal_put(
        s->journal, row_key_bytes(key), value.size == 0 ? bytes_of(nothing, 1) : value);
}

void
scheduler_drop(struct scheduler_state *s, const struct row_key *key)
{
    journal_delete(s->journal, row_key_bytes(key));
}

struct keys_found {
    struct row_key keys[DROPPED_AT_ONCE];
    uint32_t count;
};

static bool
keep_key(void *self, struct bytes key, struct bytes value)
{
    struct keys_found *found = self;
    struct row_key *kept = &found->keys[found->count++];
    (void)value;
    kept->size = key.size;
    memcpy(kept->bytes, key.data, key.size);
    return found->count < DROPPED_AT_ONCE;
}

void
scheduler_drop_all(struct scheduler_state *s, const struct row_key *key)
{
    struct row_key to = row_key_after(key);
    struct keys_found found;
    do {
        found.count = 0;
        journal_scan(s->journal, row_key_bytes(key), row_key_bytes(&to), false,
            keep_key, &found);
        for (uint32_t i = 0; i < found.count; i++)
            scheduler_drop(s, &found.keys[i]);
    } while (found.count == DROPPED_AT_ONCE);
}

static void
note_timer(struct scheduler_state *s)
{
    struct bytes left = row_key_bytes(&s->timers.key);
    s->timer_ms = UINT64_MAX;
    if (left.size == 0)
        return;
    row_take_u8(&left);
    s->timer_ms = row_take_u64(&left);
}

void
scheduler_find_timer(struct scheduler_state *s)
{
    struct row_key all = row_key('T');
    row_head_find(s->journal, &s->timers, all, &all);
    note_timer(s);
}

static bool
any_row(void *self, struct bytes key, struct bytes value)
{
    (void)key;
    (void)value;
    *(bool *)self = true;
    return false;
}

bool
scheduler_has_rows(const struct scheduler_state *s, const struct row_key *from,
    const struct row_key *to)
{
    bool found = false;
    journal_scan(
        s->journal, row_key_bytes(from), row_key_bytes(to), false, any_row, &found);
    return found;
}

void
scheduler_find_deferred(struct scheduler_state *s)
{
    struct row_key from = row_key('W'), to = row_key_after(&from);
    s->deferred = scheduler_has_rows(s, &from, &to);
}

static struct row_key
timer_key(const struct run *run, uint64_t due_ms, uint32_t step, enum timer_kind kind)
{
    struct row_key key = row_key('T');
    row_key_u64(&key, due_ms);
    row_key_id(&key, &run->project);
    row_key_id(&key, &run->id);
    row_key_u32(&key, step);
    row_key_u8(&key, (uint8_t)kind);
    return key;
}

static void
move_timer(struct scheduler_state *s, const struct run *run, uint32_t step,
    uint64_t before_ms, enum timer_kind before, uint64_t after_ms,
    enum timer_kind after)
{
    if (before_ms == after_ms && before == after)
        return;
    if (after_ms != 0) {
        struct row_key key = timer_key(run, after_ms, step, after);
        scheduler_put(s, &key, (struct bytes){ 0 });
        row_head_put(&s->timers, &key);
    }
    if (before_ms != 0) {
        struct row_key key = timer_key(run, before_ms, step, before);
        struct row_key all = row_key('T');
        scheduler_drop(s, &key);
        row_head_drop(s->journal, &s->timers, &key, &all);
    }
    note_timer(s);
}

static struct row_key
job_key(const struct run *run, uint32_t step, const struct step_row *row)
{
    struct row_key key = row_key('J');
    row_key_u64(&key, row->lane);
    row_key_u64(&key, row->called);
    row_key_id(&key, &run->id);
    row_key_u32(&key, step);
    return key;
}

static bool
has_job(const struct step_row *row)
{
    return (row->status == STEP_OPEN || row->status == STEP_LEASED) && row->called != 0;
}

static bool
job_open(const struct step_row *row)
{
    return row->status == STEP_OPEN && row->called != 0;
}

/* The rows and the lane that a step's job is in, before and after it moved. */
static void
move_job(struct scheduler_state *s, const struct run *run, uint32_t step,
    const struct step_row *before, const struct step_row *after)
{
    bool same = before->offer == after->offer;
    assert(!has_job(before) || !has_job(after) || before->called == after->called);
    if (has_job(before) && !has_job(after)) {
        struct row_key key = job_key(run, step, before);
        scheduler_drop(s, &key);
    }
    if (has_job(after) && !has_job(before)) {
        struct row_key key = job_key(run, step, after);
        scheduler_put(s, &key, id_bytes(&run->project));
    }
    if (job_open(before) && (!job_open(after) || !same))
        lanes_drop(&s->lanes, before->lane, &run->id, step);
    if (job_open(after) && (!job_open(before) || !same))
        lanes_add(&s->lanes, after->lane,
            &(struct lane_job){ run->project, run->id, step, after->called });
}

static enum timer_kind
timer_kind(const struct step_row *row)
{
    return row->status == STEP_DELAYED ? TIMER_RETRY : TIMER_ATTEMPT;
}

static void
move_step(struct scheduler_state *s, const struct fact_about_step *moved)
{
    const struct step_row *before = &moved->before, *after = &moved->after;
    move_timer(s, moved->run, moved->step, before->due_ms, timer_kind(before),
        after->due_ms, timer_kind(after));
    move_job(s, moved->run, moved->step, before, after);
    index_wait(s, moved);
    index_interaction(s, moved);
    index_child(s, moved);
}

static struct row_key
open_key(const struct run *run)
{
    struct row_key key = row_key('O');
    row_key_id(&key, &run->project);
    row_key_newest(&key, &run->id);
    return key;
}

/* One more open run, or one less, among those that began with it. */
static void
count_open(struct scheduler_state *s, const struct run *run, bool more)
{
    struct row_key key = row_key('o'), value = row_key('o');
    row_key_id(&key, &run->project);
    row_key_u64(&key, row_slice(&run->id));
    struct bytes known = journal_get(s->journal, row_key_bytes(&key));
    uint32_t open = known.data == NULL ? 0 : row_take_u32(&known);
    open = more ? open + 1 : open > 0 ? open - 1 : 0;
    value.size = 0;
    row_key_u32(&value, open);
    if (open > 0)
        scheduler_put(s, &key, row_key_bytes(&value));
    else
        scheduler_drop(s, &key);
}

static void
index_open(struct scheduler_state *s, const struct run *run)
{
    struct row_key open = open_key(run);
    scheduler_put(s, &open, (struct bytes){ 0 });
    count_open(s, run, true);
}

static void
index_start(struct scheduler_state *s, const struct run *run)
{
    index_open(s, run);
    struct row_key of = row_key('A');
    row_key_id(&of, &run->project);
    row_key_id(&of, &run->row.automation);
    row_key_newest(&of, &run->id);
    scheduler_put(s, &of, (struct bytes){ 0 });
    if (run->row.key.size > 0) {
        struct row_key key = start_key(&run->project, run->row.key);
        scheduler_put(s, &key, id_bytes(&run->id));
    }
    count(COUNTER_runs_started, 1);
}

static void
index_end(struct scheduler_state *s, const struct run *run)
{
    struct row_key open = open_key(run);
    scheduler_drop(s, &open);
    count_open(s, run, false);
    if (run->row.status != RUN_DONE) {
        struct row_key ended = row_key('X');
        row_key_id(&ended, &run->project);
        row_key_u8(&ended, (uint8_t)run->row.status);
        row_key_newest(&ended, &run->id);
        scheduler_put(s, &ended, (struct bytes){ 0 });
    }
    count(run->row.status == RUN_DONE     ? COUNTER_runs_completed
          : run->row.status == RUN_BROKEN ? COUNTER_runs_failed
                                          : COUNTER_runs_cancelled,
        1);
}

static void
index_resume(struct scheduler_state *s, const struct run *run, enum run_status was)
{
    struct row_key ended = row_key('X');
    row_key_id(&ended, &run->project);
    row_key_u8(&ended, (uint8_t)was);
    row_key_newest(&ended, &run->id);
    index_open(s, run);
    scheduler_drop(s, &ended);
}

/* Every fact about one step has the run first and the step second. */
static bool
about_step(enum message_code code)
{
    const struct shape *shape = &message_shapes[code];
    assert(shape->field_count > 1);
    return strcmp(shape->fields[1].name, "step") == 0
           && shape->fields[1].type == FIELD_u32;
}

void
scheduler_put_down(struct scheduler_state *s)
{
    if (s->in_hand)
        run_write(&s->run);
    s->in_hand = false;
    buffer_clear(&s->written.facts);
    arena_reset(&s->arena);
}

/* The turn is over: nothing borrows from plans any more. */
void
scheduler_settle(void *state)
{
    struct scheduler_state *s = state;
    scheduler_put_down(s);
    plans_trim(s->plans);
}

static bool
creates(const struct message *m)
{
    return m->code == RUN_QUEUED || (m->code == RUN_STARTED && !m->run_started.queued);
}

/* The facts of a turn are mostly about one run: it is read once and written once. */
static struct run *
take_in_hand(struct scheduler_state *s, const struct message *m)
{
    const struct id *id = (const void *)m->body;
    if (s->in_hand && id_equal(&s->run.id, id))
        return &s->run;
    scheduler_put_down(s);
    if (creates(m))
        run_begin(&s->run, s->journal, s->plans, &s->arena, &m->envelope.project,
            &m->run_started);
    else if (!run_read(
                 &s->run, s->journal, s->plans, &s->arena, &m->envelope.project, id))
        WRONG("a fact about a run that does not exist");
    s->run.written = &s->written;
    s->in_hand = true;
    return &s->run;
}

static void
apply_to_step(
    struct scheduler_state *s, struct run *run, uint64_t at_ms, const struct message *m)
{
    uint32_t step = m->step_started.step;
    struct fact_about_step moved = { .run = run,
        .fact = m,
        .at_ms = at_ms,
        .step = step,
        .before = *run_step(run, step) };
    run_follow(run, at_ms, m);
    moved.after = *run_step(run, step);
    move_step(s, &moved);
}

static void
apply_to_run(struct scheduler_state *s, uint64_t at_ms, const struct message *m)
{
    struct run *run = take_in_hand(s, m);
    uint64_t deadline_ms = run->row.deadline_ms;
    uint64_t queued = run->row.queued;
    enum run_status was = (enum run_status)run->row.status;
    bool was_over = run_over(run);

    /* What else is said of a run that is over says nothing of its steps. */
    assert(!was_over || m->code == JOB_PRINTED || m->code == RUN_RESUMED
           || m->code == STEP_OVERRIDDEN || m->code == INTERACTION_DELETED);
    if (about_step(m->code))
        apply_to_step(s, run, at_ms, m);
    else
        run_follow(run, at_ms, m);
    move_timer(
        s, run, NO_STEP, deadline_ms, TIMER_RUN, run->row.deadline_ms, TIMER_RUN);
    if (creates(m))
        index_start(s, run);
    if (run_over(run) && !was_over) {
        index_end(s, run);
        failures_follow(s, run);
        if (run->row.status == RUN_STOPPED)
            cancel_children(s, run);
    }
    if (was_over && !run_over(run))
        index_resume(s, run, was);
    group_follow(s, run, m, was_over, queued);
}

static void
defer(struct scheduler_state *s, const struct message *m)
{
    struct row_key key = row_key_run('W', &m->envelope.project, &m->run_deferred.run);
    if (m->run_deferred.more) {
        scheduler_put(s, &key, (struct bytes){ 0 });
        s->deferred = true;
    } else {
        scheduler_drop(s, &key);
        scheduler_find_deferred(s);
    }
}

/* What a start finds under the name: the later revision holds.  Before there were
 * revisions, the higher version did. */
static void
follow_name(struct name_row *name, const struct plan_learned *plan)
{
    bool starts = plan->status != AUTOMATION_DRAFT
                  && (plan->current == 0 || plan->current == plan->version);
    name->automation = plan->automation;
    if (plan->version > name->latest)
        name->latest = plan->version;
    if (plan->revision < name->revision
        || (plan->revision == 0 && plan->version < name->version))
        return;
    name->revision = plan->revision;
    name->status = plan->status;
    if (starts)
        name->version = plan->version;
}

static struct row_key
key_of_plan(const struct id *project, const struct id *automation, uint32_t version)
{
    struct row_key key = row_key('P');
    row_key_id(&key, project);
    row_key_id(&key, automation);
    row_key_u32(&key, version);
    return key;
}

static void
foresee_ends(
    struct scheduler_state *s, const struct id *project, const struct name_row *name)
{
    struct row_key key = key_of_plan(project, &name->automation, name->version);
    ends_foresee(s, project, journal_get(s->journal, row_key_bytes(&key)));
}

static void
learn_plan(struct scheduler_state *s, const struct message *m)
{
    const struct plan_learned *plan = &m->plan_learned;
    const struct id *project = &m->envelope.project;
    struct name_row name = { 0 };
    struct buffer row = { 0 };

    if (plan->plan.size > 0) {
        struct row_key by_version =
            key_of_plan(project, &plan->automation, plan->version);
        scheduler_put(s, &by_version, plan->plan);
    }
    struct row_key by_id = row_key('I');
    row_key_id(&by_id, project);
    row_key_id(&by_id, &plan->automation);
    scheduler_put(s, &by_id, plan->name);
    struct row_key by_name = row_key('N');
    row_key_id(&by_name, project);
    row_key_text(&by_name, plan->name);
    struct bytes known = journal_get(s->journal, row_key_bytes(&by_name));
    struct cursor in = cursor_over(known);
    if (known.data != NULL
        && fields_read(&in, &name_row_shape, NULL, &name) != ERR_NONE)
        WRONG("a row of a name cannot be read");
    if (plan->revision > name.revision)
        failures_forget(s, project, &plan->automation);
    follow_name(&name, plan);
    fields_write(&name_row_shape, &name, NULL, &row);
    scheduler_put(s, &by_name, buffer_bytes(&row));
    buffer_free(&row);
    if (name.version > 0 && name.status < AUTOMATION_PAUSED)
        foresee_ends(s, project, &name);
}

static void
see_lease(struct scheduler_state *s, uint64_t at_ms, const struct message *m)
{
    struct row_key key = row_key('L'), value = row_key('L');
    s->lease_epoch = m->lease_seen.epoch;
    s->lease_record = journal_last(s->journal);
    s->lease_ms = at_ms;
    row_key_u64(&value, s->lease_epoch);
    row_key_u64(&value, s->lease_record);
    scheduler_put(s, &key, row_key_bytes(&value));
}

static void
told(struct scheduler_state *s, const struct message *m)
{
    const struct job_offered *offered = &m->job_offered;
    struct lane_job job = { m->envelope.project, offered->run, offered->step,
        offered->order };
    count(COUNTER_jobs_offered, 1);
    if (offered->leased != OFFERED_HELD)
        lanes_told(&s->lanes, offered->lane, &job, offered->parameters.size);
}

static void
reset_peer(struct scheduler_state *s, uint64_t at_ms, const struct message *m)
{
    const struct peer_reset *peer = &m->peer_reset;
    s->sweep.greeted_ms = at_ms;
    if (peer->actor == ACTOR_lease) {
        lanes_reset(&s->lanes);
    } else if (peer->actor == ACTOR_trigger) {
        untold_reset(s);
        tellings_reset(s, PEER_TRIGGER);
    } else if (peer->actor == ACTOR_scheduler) {
        tellings_reset(s, peer->instance);
    } else {
        assert(peer->actor == ACTOR_registry);
        tellings_reset(s, PEER_REGISTRY);
    }
}

void
scheduler_apply(void *state, uint64_t at_ms, const struct message *m)
{
    struct scheduler_state *s = state;
    switch (m->code) {
    case PLAN_LEARNED: learn_plan(s, m); return;
    case LEASE_SEEN: see_lease(s, at_ms, m); return;
    case RUN_CHANGED:
    case CHILD_CANCEL:
    case JOB_WITHDRAWN: return;
    case RUN_FORWARDED: apply_forwarded(s, m); return;
    case FORWARD_SETTLED: apply_forward_settled(s, m); return;
    case START_REFUSED: apply_refusal(s, m); return;
    case FIRE_REFUSED: apply_fire_refused(s, m); return;
    case CHILD_ENDED: apply_child_ended(s, m); return;
    case AUTOMATION_FAILING: apply_failing(s, m); return;
    case ENDS_LEARNED: apply_ends_learned(s, m); return;
    case RUN_ENDED: apply_run_ended(s, m); return;
    case TELLING_SETTLED: {
        const struct telling_settled *settled = &m->telling_settled;
        telling_drop(
            s, settled->peer, &settled->subject, (enum telling_kind)settled->kind, 0);
        return;
    }
    case TOLD_AGAIN: tellings_told(s, &m->told_again); return;
    case JOB_OFFERED: told(s, m); return;
    case LEASES_TOLD: s->lanes.retold = false; return;
    case LANE_READ: {
        const struct lane_read *read = &m->lane_read;
        struct lane_job job = { m->envelope.project, read->run, read->step,
            read->record };
        lanes_read(&s->lanes, read->lane, &job, read->more);
        return;
    }
    case WAIT_OFFERED: {
        const struct wait_offered *told = &m->wait_offered;
        untold_note(s, told->order, &told->run, told->step);
        return;
    }
    case WAIT_WITHDRAWN: {
        const struct wait_withdrawn *told = &m->wait_withdrawn;
        untold_note(s, told->order, &told->run, told->step);
        return;
    }
    case WAIT_SETTLED: {
        const struct wait_settled *settled = &m->wait_settled;
        untold_drop(s, settled->order, &settled->run, settled->step);
        return;
    }
    case PEER_RESET: reset_peer(s, at_ms, m); return;
    case RUNS_REMOVED: apply_runs_removed(s, m); return;
    case RUNS_SWEPT: apply_runs_swept(s, at_ms, m); return;
    case RUN_DEFERRED:
        apply_to_run(s, at_ms, m);
        defer(s, m);
        return;
    case INTERACTION_DELETED: {
        struct row_key asked =
            row_key_run('Q', &m->envelope.project, &m->interaction_deleted.interaction);
        apply_to_run(s, at_ms, m);
        scheduler_drop(s, &asked);
        return;
    }
    default: apply_to_run(s, at_ms, m); return;
    }
}

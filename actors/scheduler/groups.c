#include "actors/scheduler/groups.h"

#include "base/hash.h"
#include "base/wrong.h"

struct group
group_of_run(const struct run *run)
{
    return (struct group){ run->project, run->row.automation, run->row.group };
}

struct id
group_id(const struct run_started *started)
{
    struct id none = { { 0 } }, id;
    struct buffer named = { 0 };
    if (started->runs_max == 0)
        return none;
    pack_u64(&named, started->scoped);
    pack_text(&named, started->scoped ? started->trigger : started->group);
    struct hash hash = hash_of(buffer_bytes(&named));
    memcpy(id.bytes, hash.bytes, ID_SIZE);
    buffer_free(&named);
    return id;
}

static struct row_key
group_key(char letter, const struct group *group)
{
    struct row_key key = row_key(letter);
    row_key_id(&key, &group->project);
    row_key_id(&key, &group->automation);
    row_key_id(&key, &group->id);
    return key;
}

struct group_row
group_read(struct journal *journal, const struct group *group)
{
    struct group_row row = { 0 };
    struct row_key key = group_key('C', group);
    struct bytes value = journal_get(journal, row_key_bytes(&key));
    struct cursor in = cursor_over(value);
    if (value.data != NULL
        && fields_read(&in, &group_row_shape, NULL, &row) != ERR_NONE)
        WRONG("a row of a group cannot be read");
    return row;
}

struct walk {
    group_fn *each;
    void *self;
    bool go_on;
};

/* The run is the last part of both keys. */
static bool
show_member(void *self, struct bytes key, struct bytes value)
{
    struct walk *walk = self;
    struct bytes last = bytes_of(key.data + key.size - ID_SIZE, ID_SIZE);
    struct id run = row_take_id(&last);
    (void)value;
    return walk->each(walk->self, &run);
}

void
group_active(
    struct journal *journal, const struct group *group, group_fn *each, void *self)
{
    struct walk walk = { .each = each, .self = self };
    struct row_key from = group_key('U', group), to = row_key_after(&from);
    journal_scan(
        journal, row_key_bytes(&from), row_key_bytes(&to), false, show_member, &walk);
}

/* Those before its head have left: their deleted rows are not passed again. */
void
group_queued(
    struct journal *journal, const struct group *group, group_fn *each, void *self)
{
    struct walk walk = { .each = each, .self = self };
    struct row_key from = group_key('M', group), to = row_key_after(&from);
    row_key_u64(&from, group_read(journal, group).head);
    journal_scan(
        journal, row_key_bytes(&from), row_key_bytes(&to), false, show_member, &walk);
}

/* ---- what facts make of it ---- */

static struct row_key
active_key(const struct run *run, const struct group *group)
{
    struct row_key key = group_key('U', group);
    row_key_id(&key, &run->id);
    return key;
}

static struct row_key
queued_key(const struct run *run, const struct group *group, uint64_t record)
{
    struct row_key key = group_key('M', group);
    row_key_u64(&key, record);
    row_key_id(&key, &run->id);
    return key;
}

static void
group_write(
    struct scheduler_state *s, const struct group *group, const struct group_row *row)
{
    struct row_key key = group_key('C', group), vacancy = group_key('Z', group);
    struct row_key vacancies = row_key('Z');
    struct buffer out = { 0 };
    if (row->queued > 0 && row->active < row->max) {
        scheduler_put(s, &vacancy, (struct bytes){ 0 });
        row_head_put(&s->vacancies, &vacancy);
    } else {
        scheduler_drop(s, &vacancy);
        row_head_drop(s->journal, &s->vacancies, &vacancy, &vacancies);
    }
    if (row->queued == 0 && row->active == 0) {
        scheduler_drop(s, &key);
        return;
    }
    fields_write(&group_row_shape, row, NULL, &out);
    scheduler_put(s, &key, buffer_bytes(&out));
    buffer_free(&out);
}

static void
hold_slot(struct scheduler_state *s, const struct run *run, const struct group *group,
    struct group_row *row)
{
    struct row_key key = active_key(run, group);
    scheduler_put(s, &key, (struct bytes){ 0 });
    row->active++;
}

static void
leave_queue(struct scheduler_state *s, const struct run *run, const struct group *group,
    struct group_row *row, uint64_t record)
{
    struct row_key key = queued_key(run, group, record);
    scheduler_drop(s, &key);
    row->queued--;
}

static void
end_in_group(struct scheduler_state *s, const struct run *run,
    const struct group *group, struct group_row *row, uint64_t queued)
{
    if (queued != 0) {
        leave_queue(s, run, group, row, queued);
        return;
    }
    struct row_key key = active_key(run, group);
    scheduler_drop(s, &key);
    row->active--;
}

void
group_follow(struct scheduler_state *s, const struct run *run,
    const struct message *fact, bool was_over, uint64_t was_queued)
{
    struct group group = group_of_run(run);
    if (id_is_zero(&group.id))
        return;
    bool ends = run_over(run) && !was_over;
    if (fact->code != RUN_STARTED && fact->code != RUN_QUEUED
        && fact->code != RUN_RESUMED && !ends)
        return;
    struct group_row row = group_read(s->journal, &group);
    if (ends) {
        end_in_group(s, run, &group, &row, was_queued);
    } else if (fact->code == RUN_QUEUED) {
        struct row_key key = queued_key(run, &group, run->row.queued);
        scheduler_put(s, &key, (struct bytes){ 0 });
        row.queued++;
        row.max = fact->run_queued.runs_max;
        if (fact->run_queued.concurrency == PLAN_REPLACE)
            row.newest = run->row.queued;
    } else {
        if (was_queued != 0) {
            leave_queue(s, run, &group, &row, was_queued);
            row.head = was_queued;
        } else if (fact->code == RUN_STARTED) {
            row.max = fact->run_started.runs_max;
        }
        hold_slot(s, run, &group, &row);
    }
    group_write(s, &group, &row);
}

void
groups_find_vacancy(struct scheduler_state *s)
{
    struct row_key all = row_key('Z');
    row_head_find(s->journal, &s->vacancies, all, &all);
}

/* ---- the next one ---- */

static bool
keep_run(void *self, const struct id *run)
{
    *(struct id *)self = *run;
    return false;
}

void
on_vacancy(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out)
{
    struct bytes left = row_key_bytes(&state->vacancies.key);
    struct group first;
    struct id run = { { 0 } };
    struct turn turn;
    row_take_u8(&left);
    first.project = row_take_id(&left);
    first.automation = row_take_id(&left);
    first.id = row_take_id(&left);
    group_queued(state->journal, &first, keep_run, &run);
    out->project = first.project;
    if (!turn_open(&turn, state, now_ms, out, &run))
        WRONG("a queue of runs that do not exist");
    if (turn.run.row.queued < group_read(state->journal, &first).newest) {
        end_run(&turn, RUN_STOPPED, text("replaced")); /* its start could not say so */
        turn_close(&turn);
        return;
    }
    turn_say(&turn, &(struct message){ .code = RUN_STARTED,
                        .run_started = {
                            .run = run,
                            .automation = turn.run.row.automation,
                            .name = turn.run.row.name,
                            .version = turn.run.row.version,
                            .source = turn.run.row.source,
                            .trigger = turn.run.row.trigger,
                            .steps = turn.run.row.step_count,
                            .timeout_ms = turn.run.plan.timeout_ms,
                            .title = turn.run.row.title,
                            .queued = 1,
                        } });
    turn_close(&turn);
}

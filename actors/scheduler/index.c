/* Rows beside a run's own: waits that the trigger actor must be told of, what is asked
 * of people, and which event a run had last. */
#include "actors/plan/plan_kinds.h"
#include "actors/scheduler/kinds.h"
#include "base/hash.h"
#include "base/put.h"
#include "base/wrong.h"

static void
put_wait(struct scheduler_state *s, const struct fact_about_step *moved,
    uint64_t record, bool open)
{
    struct row_key key = untold_key(record, &moved->run->id, moved->step);
    struct row_key value = row_key('Y'); /* built as keys are, without the letter */
    value.size = 0;
    row_key_id(&value, &moved->run->project);
    row_key_u32(&value, moved->after.attempt);
    row_key_u8(&value, open);
    scheduler_put(s, &key, row_key_bytes(&value));
    s->untold.more = true;
}

/* The event that a wait had: later waits of the run for such events look behind it. */
static void
note_event(struct scheduler_state *s, const struct fact_about_step *moved)
{
    uint64_t number = moved->fact->wait_resumed.number;
    struct run *run = &s->run;
    struct plan_step plan = run_plan_step(run, moved->step);
    struct plan_wait wait;
    plan_config_read(&plan_wait_shape, plan.config, &wait);
    if (number <= run_last_event(run, wait.event_type))
        return;
    struct row_key key = run_event_key(run, wait.event_type), value = row_key('V');
    value.size = 0;
    row_key_u64(&value, number);
    scheduler_put(s, &key, row_key_bytes(&value));
}

void
index_wait(struct scheduler_state *s, const struct fact_about_step *moved)
{
    const struct step_row *before = &moved->before, *after = &moved->after;
    if (before->untold != after->untold && before->untold != 0)
        untold_drop(s, before->untold, &moved->run->id, moved->step);
    if (before->untold != after->untold && after->untold != 0)
        put_wait(s, moved, after->untold, true);
    if (before->closed.size < after->closed.size)
        put_wait(s, moved, moved->run->record, false);
    if (moved->fact->code == WAIT_RESUMED && moved->fact->wait_resumed.number != 0)
        note_event(s, moved);
}

static struct row_key
asked_key(const struct run *run, const struct interaction_row *row, const struct id *id)
{
    struct row_key key = row_key('B');
    row_key_id(&key, &run->project);
    row_key_u64(&key, row->asked_ms);
    row_key_id(&key, id);
    return key;
}

static void
write_interaction(struct scheduler_state *s, const struct run *run, const struct id *id,
    const struct interaction_row *row)
{
    struct row_key key = row_key_run('Q', &run->project, id);
    struct row_key pending = asked_key(run, row, id);
    struct buffer out = { 0 };
    fields_write(&interaction_row_shape, row, NULL, &out);
    scheduler_put(s, &key, buffer_bytes(&out));
    buffer_free(&out);
    if (row->status == INTERACTION_PENDING)
        scheduler_put(s, &pending, (struct bytes){ 0 });
    else
        scheduler_drop(s, &pending);
}

static void
ask(struct scheduler_state *s, const struct fact_about_step *moved)
{
    struct interaction_row row = {
        .run = moved->run->id,
        .step = moved->step,
        .status = INTERACTION_PENDING,
        .record = moved->run->record,
        .asked_ms = moved->at_ms,
        .due_ms = moved->after.due_ms,
    };
    write_interaction(s, moved->run, &moved->after.interaction, &row);
}

static void
pack_answer(
    struct buffer *out, const struct interaction_responded *said, uint64_t at_ms)
{
    pack_map(out, 4);
    put_text(out, "by", said->principal);
    pack_string(out, "value");
    pack_raw(out, said->value);
    put_text(out, "comment", said->comment);
    put_number(out, "at_ms", at_ms);
}

static void
answer(struct scheduler_state *s, const struct fact_about_step *moved)
{
    const struct interaction_responded *said = &moved->fact->interaction_responded;
    struct interaction_row row;
    struct buffer answers = { 0 };
    if (!interaction_read(s->journal, &moved->run->project, &said->interaction, &row))
        WRONG("an answer to what was not asked");
    struct cursor before = cursor_over(row.answers);
    size_t count = row.answers.size == 0 ? 0 : cursor_array(&before);
    pack_array(&answers, count + 1);
    if (count > 0)
        buffer_append(&answers, before.at, (size_t)(before.end - before.at));
    pack_answer(&answers, said, moved->at_ms);
    row.answers = buffer_bytes(&answers);
    if (said->resolved) {
        row.status =
            said->value.size > 0 ? INTERACTION_COMPLETED : INTERACTION_CANCELLED;
        row.over_ms = moved->at_ms;
    }
    write_interaction(s, moved->run, &said->interaction, &row);
    buffer_free(&answers);
}

static void
close_interaction(struct scheduler_state *s, const struct fact_about_step *moved)
{
    const struct id *id = &moved->before.interaction;
    struct interaction_row row;
    if (!interaction_read(s->journal, &moved->run->project, id, &row))
        WRONG("what was asked is not there");
    row.status = moved->fact->code == WAIT_TIMED_OUT ? INTERACTION_EXPIRED
                                                     : INTERACTION_CANCELLED;
    row.over_ms = moved->at_ms;
    write_interaction(s, moved->run, id, &row);
}

void
index_interaction(struct scheduler_state *s, const struct fact_about_step *moved)
{
    const struct step_row *before = &moved->before, *after = &moved->after;
    if (moved->fact->code == INTERACTION_REQUESTED)
        ask(s, moved);
    else if (moved->fact->code == INTERACTION_RESPONDED)
        answer(s, moved);
    else if (before->status == STEP_WAITING && after->status != STEP_WAITING
             && !id_is_zero(&before->interaction))
        close_interaction(s, moved);
}

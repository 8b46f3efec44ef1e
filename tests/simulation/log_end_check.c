/* When the log of a scheduler has been read to its end: the rows say the same, and so
 * does whoever was answered outside. */
#include "actors/record.h"
#include "actors/scheduler/run.h"
#include "base/wrong.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/tale.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- what was read, against everything else ---- */

static void
the_row_says_what_the_log_says(struct reading *r, struct tale *t)
{
    struct run run;
    TALE_HOLDS(r, t,
        run_read(&run, r->machine->journal, NULL, &r->arena, &t->project, &t->run),
        "there is none");
    TALE_HOLDS(r, t, run.row.status == t->status, "status %" PRIu32, run.row.status);
    TALE_HOLDS(r, t, run.row.events == t->events, "%" PRIu64 " events, not %" PRIu64,
        run.row.events, t->events);
    TALE_HOLDS(r, t, bytes_equal(run.row.chain, bytes_of(t->chain.bytes, HASH_SIZE)),
        "another chain of facts");
    TALE_HOLDS(r, t, run.row.step_count == t->step_count, "%" PRIu32 " steps",
        run.row.step_count);
    for (uint32_t i = 0; i < t->step_count; i++)
        TALE_HOLDS(r, t,
            (run_step(&run, i)->status == STEP_DONE) == t->steps[i].completed,
            "step %" PRIu32, i);
}

static void
read_positions(struct buffer *out, struct bytes stored)
{
    struct position_list list = position_list_over(stored);
    struct position position;
    while (position_list_next(&list, &position))
        buffer_append(out, &position, sizeof position);
}

/* So the log that a client reads by them has no gap. */
static void
positions_name_every_fact(struct reading *r, struct tale *t)
{
    struct buffer stored = { 0 };
    struct run run;
    if (!run_read(&run, r->machine->journal, NULL, &r->arena, &t->project, &t->run))
        WRONG("it was there before");
    for (uint32_t i = 0; i < run.row.pages; i++) {
        struct row_key key = row_key_run('E', &t->project, &t->run);
        row_key_u32(&key, i);
        read_positions(&stored, journal_get(r->machine->journal, row_key_bytes(&key)));
    }
    read_positions(&stored, run.row.positions);
    TALE_HOLDS(r, t, bytes_equal(buffer_bytes(&stored), buffer_bytes(&t->positions)),
        "%zu positions, not %zu", stored.size / sizeof(struct position),
        t->positions.size / sizeof(struct position));
    buffer_free(&stored);
}

static void
what_was_said_outside_is_in_the_log(struct reading *r, struct tale *t)
{
    const struct told *told = oracle_told(r->sim->oracle, &t->run);
    if (told == NULL)
        return;
    TALE_HOLDS(r, t, told->sequence <= t->events, "event %" PRIu64, told->sequence);
    TALE_HOLDS(r, t, told->status == 0 || told->status == t->status || t->resumed > 0,
        "status %" PRIu32 ", not %" PRIu32, told->status, t->status);
}

static void
a_key_names_one_run(struct reading *r, const struct tale *t)
{
    for (struct list *at = r->all.next; t->key.size > 0 && at != &r->all;
         at = at->next) {
        const struct tale *other = LIST_OF(at, struct tale, link);
        TALE_HOLDS(r, t,
            other == t || !bytes_equal(other->key, t->key)
                || !id_equal(&other->project, &t->project),
            "%.*s", (int)t->key.size, (const char *)t->key.data);
    }
}

static void
an_accepted_start_has_its_inputs(struct reading *r)
{
    const struct oracle *o = r->sim->oracle;
    for (size_t i = 0; i < o->start_count; i++) {
        const struct start *start = &o->starts[i];
        const struct tale *t = map_get(&r->by_run, id_bytes(&start->run));
        HOLDS(r->sim,
            t == NULL || (t->input == start->input && t->version == start->version),
            "start %" PRIu64, start->input);
    }
}

static void
an_accepted_report_is_in_the_log(struct reading *r)
{
    const struct oracle *o = r->sim->oracle;
    for (struct list *at = o->all_grants.next; at != &o->all_grants; at = at->next) {
        const struct grant *grant = LIST_OF(at, struct grant, link);
        struct bytes left = bytes_of(grant->name, GRANT_NAME_SIZE);
        struct id id = row_take_id(&left);
        uint32_t step = row_take_u32(&left), attempt = row_take_u32(&left);
        uint32_t offer = row_take_u32(&left);
        struct tale *t = map_get(&r->by_run, id_bytes(&id));
        struct run run;
        if (t == NULL || grant->verdict == 0)
            continue;
        if (!run_read(&run, r->machine->journal, NULL, &r->arena, &t->project, &id))
            WRONG("it was there before");
        struct attempt_ending ending = step_ending(run_step(&run, step), attempt);
        bool there =
            ending.offer == offer
            && (ending.ending == ENDING_REPORT || ending.ending == ENDING_CANCEL
                || ending.ending == ENDING_FATAL);
        TALE_HOLDS(r, t, there == (grant->verdict == VERDICT_ACCEPTED),
            "step %" PRIu32 " attempt %" PRIu32 " offer %" PRIu32 " verdict %" PRIu32,
            step, attempt, offer, grant->verdict);
    }
}

static void
an_answer_that_was_taken_is_in_the_log(struct reading *r)
{
    const struct oracle *o = r->sim->oracle;
    for (size_t i = 0; i < o->answer_count; i++) {
        const struct answered *answer = &o->answers[i];
        const struct tale *t = map_get(&r->by_run, id_bytes(&answer->run));
        HOLDS(r->sim,
            t == NULL || has_answered(r, &answer->interaction, text(answer->who)),
            "%s answered", answer->who);
    }
}

static bool
count_row(void *self, struct bytes key, struct bytes value)
{
    (void)key;
    (void)value;
    ++*(size_t *)self;
    return true;
}

static size_t
rows_of(const struct reading *r, char letter)
{
    struct row_key from = row_key(letter), to = row_key_after(&from);
    size_t count = 0;
    journal_scan(r->machine->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        count_row, &count);
    return count;
}

/* Each run that began is listed once, and as what it ended. */
static void
no_run_is_lost_from_the_lists(struct reading *r)
{
    size_t began = 0, open = 0, undone = 0, keyed = 0;
    for (struct list *at = r->all.next; at != &r->all; at = at->next) {
        const struct tale *t = LIST_OF(at, struct tale, link);
        began++;
        open += !t->over;
        undone += t->over && t->status != RUN_DONE;
        keyed += t->key.size > 0;
    }
    const size_t said[] = { began, began, open, undone };
    static const char letters[] = "RAOX";
    for (size_t i = 0; i < COUNT(said); i++)
        HOLDS(r->sim, rows_of(r, letters[i]) == said[i], "%zu rows of '%c', not %zu",
            rows_of(r, letters[i]), letters[i], said[i]);
    /* A key stays where it was heard, also if its start was refused elsewhere. */
    size_t keys = rows_of(r, 'K');
    HOLDS(r->sim, keys >= keyed && keys <= keyed + r->forwarded,
        "%zu rows of 'K', not %zu to %zu", keys, keyed, keyed + r->forwarded);
}

void
log_end_check(struct reading *r)
{
    for (struct list *at = r->all.next; at != &r->all; at = at->next) {
        struct tale *t = LIST_OF(at, struct tale, link);
        the_row_says_what_the_log_says(r, t);
        positions_name_every_fact(r, t);
        what_was_said_outside_is_in_the_log(r, t);
        a_key_names_one_run(r, t);
    }
    no_run_is_lost_from_the_lists(r);
    an_accepted_start_has_its_inputs(r);
    an_accepted_report_is_in_the_log(r);
    an_answer_that_was_taken_is_in_the_log(r);
    hands_end_check(r);
}

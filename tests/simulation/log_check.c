/* What the log of a scheduler must say, read from its beginning and compared with the
 * rows, with what was granted and with what was answered outside. */
#include "actors/history.h"
#include "actors/record.h"
#include "actors/scheduler/run.h"
#include "base/wrong.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/tale.h"

#include <inttypes.h>
#include <stdlib.h>

static void
open_plan(struct reading *r, struct tale *t)
{
    struct row_key key = row_key('P');
    row_key_id(&key, &t->project);
    row_key_id(&key, &t->automation);
    row_key_u32(&key, t->version);
    struct bytes plan =
        arena_copy(&r->arena, journal_get(r->machine->journal, row_key_bytes(&key)));
    if (plan_open(plan, &t->plan) != ERR_NONE)
        WRONG("a run of a plan that is not there");
}

static uint64_t
input_of(struct bytes inputs)
{
    struct cursor c = cursor_over(pack_find(inputs, "start"));
    return cursor_u64(&c);
}

static void
a_run_starts_once(struct reading *r, const struct message *fact)
{
    const struct run_started *started = &fact->run_started;
    struct tale *t = map_get(&r->by_run, id_bytes(&started->run));
    HOLDS(r->sim, t == NULL, "record %" PRIu64, r->record);
    if (t != NULL)
        return;
    t = sim_room(sizeof *t);
    t->run = started->run;
    t->project = fact->envelope.project;
    t->automation = started->automation;
    t->version = started->version;
    t->key = arena_copy(&r->arena, started->key);
    t->input = input_of(started->inputs);
    t->deadline_ms = started->timeout_ms == 0 ? 0 : r->at_ms + started->timeout_ms;
    open_plan(r, t);
    HOLDS(r->sim, started->steps == t->plan.fixed_count, "%" PRIu32 " steps",
        started->steps);
    t->step_count = started->steps;
    t->steps = sim_room(started->steps * sizeof *t->steps);
    list_append(&r->all, &t->link);
    map_put(&r->by_run, id_bytes(&t->run), t);
}

static void
nothing_follows_the_end_of_a_run(
    struct reading *r, const struct tale *t, const struct message *fact)
{
    TALE_HOLDS(r, t, !t->over || fact->code == JOB_PRINTED, "%s does",
        message_shapes[fact->code].name);
}

/* The chain goes on over the facts of one run that follow each other in a record. */
static void
end_chain(struct reading *r)
{
    if (r->speaking != NULL)
        r->speaking->chain = hash_chain(&r->speaking->chain, buffer_bytes(&r->said));
    buffer_clear(&r->said);
    r->speaking = NULL;
}

static void
note_chain(struct reading *r, struct tale *t, const struct message *fact)
{
    if (r->speaking != t)
        end_chain(r);
    r->speaking = t;
    pack_u64(&r->said, fact->code);
    pack_blob(&r->said, fact->raw);
}

/* Where the fact lies. */
static void
note_position(struct reading *r, struct tale *t, const struct message *fact)
{
    if (t->last_record != r->record) {
        struct position position = { r->record, t->events };
        uint8_t written[POSITION_SIZE];
        position_write(&position, written);
        buffer_append(&t->positions, written, POSITION_SIZE);
        t->last_record = r->record;
    }
    t->events += history_name(fact->code) != NULL;
}

static bool
a_fact_is_about_a_run_that_began(const struct reading *r, const struct tale *t)
{
    HOLDS(r->sim, t != NULL, "record %" PRIu64, r->record);
    return t != NULL;
}

static void
follow(struct reading *r, const struct message *fact)
{
    if (fact->code == PLAN_LEARNED || fact->code == LEASE_SEEN
        || fact->code == WAIT_SETTLED)
        return;
    if (fact->code == RUN_STARTED)
        a_run_starts_once(r, fact);
    struct tale *t = map_get(&r->by_run, bytes_of(fact->body, ID_SIZE));
    if (!a_fact_is_about_a_run_that_began(r, t))
        return;
    nothing_follows_the_end_of_a_run(r, t, fact);
    note_position(r, t, fact);
    note_chain(r, t, fact);
    switch ((int)fact->code) {
    case RUN_STARTED: return;
    case RUN_DEFERRED:
        if (!fact->run_deferred.more)
            t->ending = fact->run_deferred.ending;
        return;
    case RUN_COMPLETED: a_run_ends_once_as_its_steps_did(r, t, RUN_DONE); return;
    case RUN_FAILED:
        a_run_is_broken_off_for_a_reason(r, t, &fact->run_failed);
        a_run_ends_once_as_its_steps_did(r, t, RUN_BROKEN);
        return;
    case RUN_CANCELLED: a_run_ends_once_as_its_steps_did(r, t, RUN_STOPPED); return;
    default: follow_step(r, t, fact); return;
    }
}

/* ---- what was read, against everything else ---- */

static void
the_row_says_what_the_log_says(struct reading *r, struct tale *t)
{
    struct run run;
    TALE_HOLDS(r, t,
        run_read(&run, r->machine->journal, &r->arena, &t->project, &t->run),
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

/* So the log that a client reads by them has no gap. */
static void
positions_name_every_fact(struct reading *r, struct tale *t)
{
    struct buffer stored = { 0 };
    struct run run;
    if (!run_read(&run, r->machine->journal, &r->arena, &t->project, &t->run))
        WRONG("it was there before");
    for (uint32_t i = 0; i < run.row.pages; i++) {
        struct row_key key = row_key_run('E', &t->project, &t->run);
        row_key_u32(&key, i);
        buffer_append_bytes(
            &stored, journal_get(r->machine->journal, row_key_bytes(&key)));
    }
    buffer_append_bytes(&stored, run.row.positions);
    TALE_HOLDS(r, t, bytes_equal(buffer_bytes(&stored), buffer_bytes(&t->positions)),
        "%zu positions, not %zu", stored.size / POSITION_SIZE,
        t->positions.size / POSITION_SIZE);
    buffer_free(&stored);
}

static void
what_was_said_outside_is_in_the_log(struct reading *r, struct tale *t)
{
    const struct told *told = oracle_told(r->sim->oracle, &t->run);
    if (told == NULL)
        return;
    TALE_HOLDS(r, t, told->sequence <= t->events, "event %" PRIu64, told->sequence);
    TALE_HOLDS(r, t, told->status == 0 || told->status == t->status,
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
        if (!run_read(&run, r->machine->journal, &r->arena, &t->project, &id))
            WRONG("it was there before");
        struct attempt_ending ending = step_ending(run_step(&run, step), attempt);
        bool there =
            ending.offer == offer
            && (ending.ending == ENDING_REPORT || ending.ending == ENDING_CANCEL);
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

static void
no_earlier_life_writes(const struct reading *r, const struct record *record)
{
    HOLDS(r->sim, record->at_ms >= r->at_ms, "record %" PRIu64 " goes back in time",
        record->number);
    HOLDS(r->sim, record->epoch >= r->epoch, "record %" PRIu64 " does", record->number);
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
    const size_t said[] = { began, began, open, undone, keyed };
    static const char letters[] = "RAOXK";
    for (size_t i = 0; i < COUNT(said); i++)
        HOLDS(r->sim, rows_of(r, letters[i]) == said[i], "%zu rows of '%c', not %zu",
            rows_of(r, letters[i]), letters[i], said[i]);
}

static void
every_record_can_be_read(const struct reading *r, const struct record_reader *reader)
{
    HOLDS(r->sim, !reader->bad, "record %" PRIu64, r->record);
}

static void
read_log(struct reading *r)
{
    struct journal *journal = r->machine->journal;
    struct arena arena = { 0 };
    for (uint64_t n = 1; n <= journal_last(journal); n++) {
        struct record record;
        struct record_reader reader;
        struct message fact;
        if (journal_read(journal, n, &record) != ERR_NONE)
            WRONG("a record is missing");
        no_earlier_life_writes(r, &record);
        r->at_ms = record.at_ms;
        r->record = n;
        r->epoch = record.epoch;
        if (!record_open(&reader, journal, &arena, record.facts))
            WRONG("a record cannot be read");
        while (record_next(&reader, &fact))
            follow(r, &fact);
        end_chain(r);
        every_record_can_be_read(r, &reader);
        arena_reset(&arena);
    }
    arena_free(&arena);
}

static void
forget(struct reading *r)
{
    struct list *at;
    while ((at = list_first(&r->all)) != NULL) {
        struct tale *t = LIST_OF(at, struct tale, link);
        list_remove(at);
        buffer_free(&t->positions);
        free(t->steps);
        free(t->eaches);
        free(t);
    }
    map_free(&r->by_run);
    buffer_free(&r->said);
    arena_free(&r->arena);
}

static void
every_run_has_its_end(struct reading *r, const struct tale *t)
{
    TALE_HOLDS(r, t, t->over, "it has none");
}

void
log_check(struct sim *sim, const struct machine *scheduler)
{
    struct reading r = { .sim = sim, .machine = scheduler };
    list_open(&r.all);
    read_log(&r);
    for (struct list *at = r.all.next; at != &r.all; at = at->next) {
        struct tale *t = LIST_OF(at, struct tale, link);
        every_run_has_its_end(&r, t);
        the_row_says_what_the_log_says(&r, t);
        positions_name_every_fact(&r, t);
        what_was_said_outside_is_in_the_log(&r, t);
        a_key_names_one_run(&r, t);
    }
    no_run_is_lost_from_the_lists(&r);
    an_accepted_start_has_its_inputs(&r);
    an_accepted_report_is_in_the_log(&r);
    an_answer_that_was_taken_is_in_the_log(&r);
    forget(&r);
}

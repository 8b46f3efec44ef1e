#include "actors/scheduler/run.h"

#include "actors/history.h"
#include "base/hash.h"
#include "base/wrong.h"

#include <assert.h>

enum { ENDING_SIZE = 5 };

static struct row_key
page_key(const struct run *run, char letter, uint32_t page)
{
    struct row_key key = row_key_run(letter, &run->project, &run->id);
    row_key_u32(&key, page);
    return key;
}

static void
open_pages(struct run *run)
{
    run->page_count = (run->row.step_count + STEPS_PER_PAGE - 1) / STEPS_PER_PAGE;
    run->pages = arena_take(run->arena, run->page_count * sizeof *run->pages);
}

static void
open_plan(struct run *run)
{
    struct row_key key = row_key('P');
    row_key_id(&key, &run->project);
    row_key_id(&key, &run->row.automation);
    row_key_u32(&key, run->row.version);
    struct bytes plan = journal_get(run->journal, row_key_bytes(&key));
    if (plan.data == NULL || plan_open(plan, &run->plan) != ERR_NONE)
        WRONG("a run of a version that is not known");
}

bool
run_read(struct run *run, struct journal *journal, struct arena *arena,
    const struct id *project, const struct id *id)
{
    *run = (struct run){
        .journal = journal, .arena = arena, .project = *project, .id = *id
    };
    struct row_key key = row_key_run('R', project, id);
    struct bytes row = journal_get(journal, row_key_bytes(&key));
    struct cursor in = cursor_over(row);
    if (row.data == NULL)
        return false;
    if (fields_read(&in, &run_row_shape, NULL, &run->row) != ERR_NONE)
        WRONG("a row of a run cannot be read");
    run->record = journal_last(journal);
    open_plan(run);
    open_pages(run);
    return true;
}

void
run_begin(struct run *run, struct journal *journal, struct arena *arena,
    const struct id *project, const struct run_started *started)
{
    *run = (struct run){ .journal = journal,
        .arena = arena,
        .project = *project,
        .id = started->run,
        .record = journal_last(journal) };
    run->row.automation = started->automation;
    run->row.version = started->version;
    run->row.step_count = started->steps;
    open_plan(run);
    open_pages(run);
}

static struct step_page *
page_at(struct run *run, uint32_t number)
{
    struct step_page *page = &run->pages[number];
    struct bytes in = run->row.steps;
    if (page->stored != NULL)
        return page;
    if (number > 0) {
        struct row_key key = page_key(run, 'S', number);
        in = journal_get(run->journal, row_key_bytes(&key));
    }
    page->stored = arena_take(run->arena, STEPS_PER_PAGE * sizeof *page->stored);
    page->steps = arena_take(run->arena, STEPS_PER_PAGE * sizeof(struct step_row *));
    if (step_page_split(in, page->stored) != ERR_NONE)
        WRONG("a page of steps cannot be read");
    return page;
}

static struct step_row *
step_at(struct run *run, uint32_t step)
{
    assert(step < run->row.step_count);
    struct step_page *page = page_at(run, step / STEPS_PER_PAGE);
    struct step_row **row = &page->steps[step % STEPS_PER_PAGE];
    if (*row == NULL) {
        *row = arena_take(run->arena, sizeof **row);
        if (step_read(page->stored[step % STEPS_PER_PAGE], *row) != ERR_NONE)
            WRONG("a step cannot be read");
    }
    return *row;
}

static struct step_row *
touch(struct run *run, uint32_t step)
{
    run->pages[step / STEPS_PER_PAGE].touched = true;
    return step_at(run, step);
}

const struct step_row *
run_step(struct run *run, uint32_t step)
{
    return step_at(run, step);
}

struct plan_step
run_plan_step(struct run *run, uint32_t step)
{
    return plan_step_at(&run->plan, step, run->arena);
}

static void
note_ready(struct run *run, uint32_t step)
{
    if (!run->watch)
        return;
    if (run->ready_count == run->ready_capacity) {
        uint32_t capacity = run->ready_capacity * 2 + 16;
        uint32_t *grown = arena_take(run->arena, capacity * sizeof *grown);
        if (run->ready_count > 0)
            memcpy(grown, run->ready, run->ready_count * sizeof *grown);
        run->ready = grown;
        run->ready_capacity = capacity;
    }
    run->ready[run->ready_count++] = step;
}

void
run_find_ready(struct run *run)
{
    for (uint32_t i = 0; i < run->row.step_count; i++) {
        const struct step_row *step = run_step(run, i);
        if (step->status != STEP_PENDING)
            continue;
        if (step->doomed || step->needs_met == run_plan_step(run, i).needs_count)
            note_ready(run, i);
    }
}

struct attempt_ending
step_ending(const struct step_row *step, uint32_t attempt)
{
    size_t at = ((size_t)attempt - 1) * ENDING_SIZE;
    if (attempt == 0 || at >= step->endings.size)
        return (struct attempt_ending){ 0 };
    struct bytes left = bytes_of(step->endings.data + at, ENDING_SIZE);
    uint32_t offer = row_take_u32(&left);
    return (struct attempt_ending){ offer, (enum ending)row_take_u8(&left) };
}

/* Attempt `attempt` has ended: it may have been the last one said, never an older. */
static void
end_attempt(struct run *run, struct step_row *step, uint32_t attempt, uint32_t offer,
    enum ending ending)
{
    size_t size = (size_t)attempt * ENDING_SIZE;
    uint8_t *endings = arena_take(run->arena, size);
    assert(step->endings.size == size - ENDING_SIZE);
    if (step->endings.size > 0)
        memcpy(endings, step->endings.data, step->endings.size);
    uint8_t *last = endings + size - ENDING_SIZE;
    for (int i = 0; i < 4; i++)
        last[i] = (uint8_t)(offer >> (24 - 8 * i));
    last[4] = (uint8_t)ending;
    step->endings = bytes_of(endings, size);
    step->due_ms = 0;
}

/* What `step` needs from those that feed it has changed. */
static void
feed(struct run *run, uint32_t step, bool completed)
{
    struct plan_step plan = run_plan_step(run, step);
    for (uint32_t i = 0; i < plan.feeds_count; i++) {
        uint32_t next = plan.feeds[i];
        struct step_row *row = touch(run, next);
        if (row->status != STEP_PENDING)
            continue;
        row->needs_met += completed;
        bool doomed = !completed && !row->doomed;
        row->doomed |= !completed;
        if (doomed
            || (completed && !row->doomed
                && row->needs_met == run_plan_step(run, next).needs_count))
            note_ready(run, next);
    }
}

static void
end_step(
    struct run *run, struct step_row *step, uint64_t at_ms, enum step_status status)
{
    run->row.steps_open -= step->status != STEP_PENDING;
    run->row.steps_over++;
    step->status = status;
    step->finished_ms = at_ms;
    step->due_ms = 0;
}

static void
started(struct run *run, uint64_t at_ms, const struct run_started *fact)
{
    run->row.automation = fact->automation;
    run->row.name = fact->name;
    run->row.version = fact->version;
    run->row.status = RUN_SUSPENDED;
    run->row.source = fact->source;
    run->row.key = fact->key;
    run->row.started_ms = at_ms;
    run->row.deadline_ms = fact->timeout_ms == 0 ? 0 : at_ms + fact->timeout_ms;
    run->row.step_count = fact->steps;
    run->row.record = run->record;
    if (run->watch)
        run_find_ready(run);
}

static void
called(struct run *run, uint64_t at_ms, const struct action_called *fact)
{
    struct step_row *step = touch(run, fact->step);
    step->status = STEP_OPEN;
    step->attempt = fact->attempt;
    step->offer = 1;
    step->called = step->offered = run->record;
    step->due_ms = fact->deadline_ms;
    step->lane = fact->lane;
    step->session = (struct id){ { 0 } };
    step->leased_ms = 0;
    (void)at_ms;
}

static void
action_failed(struct run *run, const struct action_failed *fact)
{
    struct step_row *step = touch(run, fact->step);
    end_attempt(run, step, fact->attempt, fact->offer, (enum ending)fact->ending);
    step->error_type = fact->error_type;
    step->error_message = fact->error_message;
}

static void
leased(struct run *run, uint64_t at_ms, const struct job_leased *fact)
{
    struct step_row *step = touch(run, fact->step);
    step->status = STEP_LEASED;
    step->session = fact->session;
    step->worker = fact->worker;
    step->leased_ms = at_ms;
}

static void
reoffered(struct run *run, const struct job_reoffered *fact)
{
    struct step_row *step = touch(run, fact->step);
    step->status = STEP_OPEN;
    step->offer = fact->offer;
    step->offered = run->record;
    step->session = (struct id){ { 0 } };
    step->leased_ms = 0;
}

static void
retried(struct run *run, const struct step_retried *fact)
{
    struct step_row *step = touch(run, fact->step);
    step->status = STEP_DELAYED;
    step->due_ms = fact->due_ms;
}

static void
step_failed(struct run *run, uint64_t at_ms, const struct step_failed *fact)
{
    if (run->row.steps_failed++ == 0) {
        run->row.failed_step = fact->key;
        run->row.error_type = fact->error_type;
        run->row.error_message = fact->error_message;
    }
    end_step(run, touch(run, fact->step), at_ms, STEP_BROKEN);
    feed(run, fact->step, false);
}

static void
finish(struct run *run, uint64_t at_ms, enum run_status status, struct bytes reason)
{
    run->row.status = status;
    run->row.finished_ms = at_ms;
    run->row.deadline_ms = 0;
    run->row.stop_reason = reason;
    run->row.ending = 0;
}

/* Where this fact lies. */
static void
note_position(struct run *run)
{
    struct bytes *positions = &run->row.positions;
    struct position last = { 0 };

    if (positions->size > 0)
        last = position_read(positions->data + positions->size - POSITION_SIZE);
    if (last.record == run->record)
        return;
    uint8_t *grown = arena_take(run->arena, positions->size + POSITION_SIZE);
    if (positions->size > 0)
        memcpy(grown, positions->data, positions->size);
    position_write(
        &(struct position){ run->record, run->row.events }, grown + positions->size);
    *positions = bytes_of(grown, positions->size + POSITION_SIZE);
}

static void
move(struct run *run, uint64_t at_ms, const struct message *fact)
{
    switch (fact->code) {
    case RUN_STARTED: started(run, at_ms, &fact->run_started); return;
    case RUN_COMPLETED: finish(run, at_ms, RUN_DONE, text("completed")); return;
    case RUN_FAILED:
        run->row.error_type = fact->run_failed.error_type;
        run->row.error_message = fact->run_failed.error_message;
        finish(run, at_ms, RUN_BROKEN, fact->run_failed.stop_reason);
        return;
    case RUN_CANCELLED: finish(run, at_ms, RUN_STOPPED, text("cancelled")); return;
    case RUN_DEFERRED:
        run->row.ending = fact->run_deferred.ending;
        run->row.stop_reason = fact->run_deferred.reason;
        return;
    case STEP_STARTED: {
        struct step_row *step = touch(run, fact->step_started.step);
        step->status = STEP_OPEN;
        step->started_ms = at_ms;
        run->row.steps_open++;
        return;
    }
    case STEP_COMPLETED:
        run->row.steps_done++;
        end_step(run, touch(run, fact->step_completed.step), at_ms, STEP_DONE);
        feed(run, fact->step_completed.step, true);
        return;
    case STEP_FAILED: step_failed(run, at_ms, &fact->step_failed); return;
    case STEP_SKIPPED:
        end_step(run, touch(run, fact->step_skipped.step), at_ms, STEP_SKIPPED_OVER);
        feed(run, fact->step_skipped.step, false);
        return;
    case STEP_RETRIED: retried(run, &fact->step_retried); return;
    case STEP_CANCELLED:
        end_step(run, touch(run, fact->step_cancelled.step), at_ms, STEP_STOPPED);
        return;
    case ACTION_CALLED: called(run, at_ms, &fact->action_called); return;
    case ACTION_COMPLETED: {
        const struct action_completed *done = &fact->action_completed;
        struct step_row *step = touch(run, done->step);
        end_attempt(run, step, done->attempt, done->offer, ENDING_REPORT);
        step->output = run->record;
        step->session = done->session;
        return;
    }
    case ACTION_FAILED: action_failed(run, &fact->action_failed); return;
    case JOB_LEASED: leased(run, at_ms, &fact->job_leased); return;
    case JOB_REOFFERED: reoffered(run, &fact->job_reoffered); return;
    case JOB_PRINTED: run->row.log_bytes += fact->job_printed.chunk.size; return;
    default: WRONG("no fact about a run");
    }
}

void
run_follow(struct run *run, uint64_t at_ms, const struct message *fact)
{
    note_position(run);
    if (run->facts != NULL) {
        pack_u64(run->facts, fact->code);
        pack_blob(run->facts, fact->raw);
    }
    if (history_name(fact->code) != NULL)
        run->row.events++;
    run->row.updated_ms = at_ms;
    move(run, at_ms, fact);
}

/* The chain goes on over the facts of one record. */
static void
write_chain(struct run *run)
{
    struct hash before = { { 0 } };
    if (run->row.chain.size == HASH_SIZE)
        memcpy(before.bytes, run->row.chain.data, HASH_SIZE);
    struct hash chain = hash_chain(&before, buffer_bytes(run->facts));
    run->row.chain = arena_copy(run->arena, bytes_of(chain.bytes, HASH_SIZE));
}

static void
put(struct run *run, const struct row_key *key, struct bytes value)
{
    journal_put(run->journal, row_key_bytes(key), value);
}

static bool
pending_in(const struct step_page *page, size_t step)
{
    return page->steps[step] == NULL ? page->stored[step].size == 0
                                     : step_is_pending(page->steps[step]);
}

static void
pack_page(const struct step_page *page, struct buffer *out)
{
    size_t count = STEPS_PER_PAGE;
    while (count > 0 && pending_in(page, count - 1))
        count--;
    pack_array(out, count);
    for (size_t i = 0; i < count; i++) {
        if (page->steps[i] != NULL)
            fields_write(&step_row_shape, page->steps[i], NULL, out);
        else if (page->stored[i].size > 0)
            buffer_append_bytes(out, page->stored[i]);
        else
            pack_map(out, 0);
    }
}

static void
write_steps(struct run *run, struct buffer *out)
{
    for (uint32_t i = 0; i < run->page_count; i++) {
        struct step_page *page = &run->pages[i];
        if (!page->touched)
            continue;
        page->touched = false;
        buffer_clear(out);
        pack_page(page, out);
        if (i == 0) {
            run->row.steps = arena_copy(run->arena, buffer_bytes(out));
        } else {
            struct row_key key = page_key(run, 'S', i);
            put(run, &key, buffer_bytes(out));
        }
    }
}

/* A full page of positions moves into a row of its own; the last one stays, so that the
 * next fact of the same record finds it. */
static void
write_positions(struct run *run)
{
    enum { PAGE_SIZE = POSITIONS_PER_PAGE * POSITION_SIZE };
    struct bytes *positions = &run->row.positions;
    if (positions->size <= PAGE_SIZE)
        return;
    struct row_key key = page_key(run, 'E', run->row.pages++);
    put(run, &key, bytes_of(positions->data, PAGE_SIZE));
    *positions = bytes_of(positions->data + PAGE_SIZE, positions->size - PAGE_SIZE);
}

void
run_write(struct run *run)
{
    struct buffer out = { 0 };
    struct row_key key = row_key_run('R', &run->project, &run->id);
    write_chain(run);
    write_steps(run, &out);
    write_positions(run);
    buffer_clear(&out);
    fields_write(&run_row_shape, &run->row, NULL, &out);
    put(run, &key, buffer_bytes(&out));
    buffer_free(&out);
}

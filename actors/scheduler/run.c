#include "actors/scheduler/run.h"

#include "base/hash.h"
#include "base/wrong.h"

#include <assert.h>

static struct row_key
page_key(const struct run *run, char letter, uint32_t page)
{
    struct row_key key = row_key_run(letter, &run->project, &run->id);
    row_key_u32(&key, page);
    return key;
}

static struct bytes
plan_row(struct journal *journal, const struct plan_name *name)
{
    struct row_key key = row_key('P');
    row_key_id(&key, &name->project);
    row_key_id(&key, &name->automation);
    row_key_u32(&key, name->version);
    return journal_get(journal, row_key_bytes(&key));
}

struct kept_plan *
run_find_plan(
    struct plans *plans, struct journal *journal, const struct plan_name *name)
{
    struct kept_plan *kept = plans_find(plans, name);
    if (kept != NULL)
        return kept;
    struct bytes row = plan_row(journal, name);
    return row.data == NULL ? NULL : plans_keep(plans, name, row);
}

static void
open_plan(struct run *run, struct plans *plans)
{
    struct plan_name name = { run->project, run->row.automation, run->row.version };
    struct kept_plan *kept = NULL;
    enum err err = ERR_NONE;
    if (plans == NULL)
        err = plan_open(plan_row(run->journal, &name), &run->plan);
    else
        kept = run_find_plan(plans, run->journal, &name);
    if (err != ERR_NONE || (plans != NULL && kept == NULL))
        WRONG("a run of a version that is not known");
    if (kept != NULL)
        run->plan = kept->plan;
    layout_open(&run->layout, run->journal, run->arena, &run->project, &run->id,
        &run->plan, kept);
}

bool
run_read(struct run *run, struct journal *journal, struct plans *plans,
    struct arena *arena, const struct id *project, const struct id *id)
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
    open_plan(run, plans);
    return true;
}

void
run_begin(struct run *run, struct journal *journal, struct plans *plans,
    struct arena *arena, const struct id *project, const struct run_started *started)
{
    *run = (struct run){ .journal = journal,
        .arena = arena,
        .project = *project,
        .id = started->run,
        .record = journal_last(journal) };
    run->row.automation = started->automation;
    run->row.name = started->name;
    run->row.version = started->version;
    run->row.step_count = started->steps;
    open_plan(run, plans);
}

static struct step_page *
page_at(struct run *run, uint32_t number)
{
    struct step_page **bucket = &run->buckets[number % PAGE_BUCKETS];
    for (struct step_page *page = *bucket; page != NULL; page = page->next)
        if (page->number == number)
            return page;
    struct bytes in = run->row.steps;
    if (number > 0) {
        struct row_key key = page_key(run, 'S', number);
        in = journal_get(run->journal, row_key_bytes(&key));
    }
    struct step_page *page = arena_take(run->arena, sizeof *page);
    page->number = number;
    page->next = *bucket;
    page->next_read = run->pages_read;
    *bucket = run->pages_read = page;
    if (step_page_split(in, page->stored) != ERR_NONE)
        WRONG("a page of steps cannot be read");
    return page;
}

static struct step_row *
step_at(struct run *run, struct step_page *page, uint32_t step)
{
    assert(step < run->row.step_count);
    struct step_row **row = &page->steps[step % STEPS_PER_PAGE];
    if (*row == NULL) {
        *row = arena_take(run->arena, sizeof **row);
        if (step_read(page->stored[step % STEPS_PER_PAGE], &run->id, &run->row, *row)
            != ERR_NONE)
            WRONG("a step cannot be read");
    }
    return *row;
}

struct step_row *
run_touch(struct run *run, uint32_t step)
{
    struct step_page *page = page_at(run, step / STEPS_PER_PAGE);
    page->touched = true;
    return step_at(run, page, step);
}

const struct step_row *
run_step(struct run *run, uint32_t step)
{
    return step_at(run, page_at(run, step / STEPS_PER_PAGE), step);
}

struct plan_step
run_plan_step(struct run *run, uint32_t step)
{
    return layout_step(&run->layout, layout_place(&run->layout, step));
}

struct row_key
run_event_key(const struct run *run, struct bytes event_type)
{
    struct hash hash = hash_of(event_type);
    struct row_key key = row_key_run('V', &run->project, &run->id);
    for (int i = 0; i < ID_SIZE; i++)
        row_key_u8(&key, hash.bytes[i]);
    return key;
}

uint64_t
run_last_event(struct run *run, struct bytes event_type)
{
    struct row_key key = run_event_key(run, event_type);
    struct bytes value = journal_get(run->journal, row_key_bytes(&key));
    return value.data == NULL ? 0 : row_take_u64(&value);
}

bool
interaction_read(struct journal *journal, const struct id *project,
    const struct id *interaction, struct interaction_row *row)
{
    struct row_key key = row_key_run('Q', project, interaction);
    struct bytes value = journal_get(journal, row_key_bytes(&key));
    struct cursor in = cursor_over(value);
    if (value.data == NULL)
        return false;
    if (fields_read(&in, &interaction_row_shape, NULL, row) != ERR_NONE)
        WRONG("a row of an interaction cannot be read");
    return true;
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

uint64_t
step_closed(const struct step_row *step, uint32_t attempt)
{
    struct bytes left = step->closed;
    while (left.size >= CLOSED_SIZE) {
        uint64_t record = row_take_u64(&left);
        if (row_take_u32(&left) == attempt)
            return record;
    }
    return 0;
}

/* The chain goes on over the facts of one record. */
static void
write_chain(struct run *run)
{
    struct hash before = { { 0 } };
    if (run->row.chain.size == HASH_SIZE)
        memcpy(before.bytes, run->row.chain.data, HASH_SIZE);
    struct hash chain = hash_chain(&before, buffer_bytes(&run->written->facts));
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
pack_step(struct run *run, const struct step_page *page, size_t i, struct buffer *out)
{
    struct buffer *step = &run->written->step;
    if (page->steps[i] != NULL) {
        buffer_clear(step);
        step_write(page->steps[i], &run->id, &run->row, run->arena, step);
        pack_blob(out, buffer_bytes(step));
    } else if (page->stored[i].size > 0) {
        pack_blob(out, page->stored[i]);
    } else {
        pack_map(out, 0);
    }
}

static void
pack_page(struct run *run, const struct step_page *page, struct buffer *out)
{
    size_t count = STEPS_PER_PAGE;
    while (count > 0 && pending_in(page, count - 1))
        count--;
    pack_array(out, count);
    for (size_t i = 0; i < count; i++)
        pack_step(run, page, i, out);
}

static void
pack_steps(struct run *run, struct buffer *out)
{
    for (struct step_page *page = run->pages_read; page != NULL;
         page = page->next_read) {
        if (!page->touched)
            continue;
        page->touched = false;
        buffer_clear(out);
        pack_page(run, page, out);
        page->packed = arena_copy(run->arena, buffer_bytes(out));
        if (page->number == 0)
            run->row.steps = page->packed;
    }
}

/* The first page lies in the row of the run. */
static void
put_steps(struct run *run)
{
    for (struct step_page *page = run->pages_read; page != NULL;
         page = page->next_read) {
        struct row_key key = page_key(run, 'S', page->number);
        if (page->number > 0 && page->packed.size > 0)
            put(run, &key, page->packed);
        page->packed = (struct bytes){ 0 };
    }
}

static void
write_items(struct run *run, const struct expansion *expansion, struct buffer *out)
{
    const struct expansion_row *row = &expansion->row;
    for (uint32_t item = 0; item < row->count; item += ITEMS_PER_PAGE) {
        uint32_t left = row->count - item;
        uint32_t count = left < ITEMS_PER_PAGE ? left : ITEMS_PER_PAGE;
        struct row_key key = page_key(run, 'H', row->first);
        row_key_u32(&key, item / ITEMS_PER_PAGE);
        buffer_clear(out);
        pack_array(out, count);
        for (uint32_t i = 0; i < count; i++)
            buffer_append_bytes(out, expansion->items[item + i]);
        put(run, &key, buffer_bytes(out));
    }
}

static void
write_expansions(struct run *run, struct buffer *out)
{
    for (uint32_t i = 0; i < run->layout.known_count; i++) {
        struct expansion *expansion = run->layout.known[i];
        if (!expansion->fresh)
            continue;
        expansion->fresh = false;
        struct row_key key = page_key(run, 'G', expansion->row.first);
        buffer_clear(out);
        fields_write(&expansion_row_shape, &expansion->row, NULL, out);
        put(run, &key, buffer_bytes(out));
        write_items(run, expansion, out);
    }
}

/* A full page of positions moves into a row of its own; the last one stays, so that the
 * next fact of the same record finds it. */
static void
write_positions(struct run *run)
{
    struct bytes whole = run->row.positions;
    if (whole.size <= POSITIONS_PER_PAGE * POSITION_MIN)
        return; /* it cannot be full */
    struct position_list list = position_list_over(whole);
    struct position position;
    for (uint32_t i = 0; i < POSITIONS_PER_PAGE; i++)
        if (!position_list_next(&list, &position))
            return;
    struct bytes page = bytes_of(whole.data, whole.size - list.left.size);
    if (!position_list_next(&list, &position))
        return;
    struct row_key key = page_key(run, 'E', run->row.pages++);
    put(run, &key, page);
    run->row.positions = position_list_add((struct bytes){ 0 }, &position, run->arena);
    assert(list.left.size == 0);
}

/* What is borrowed from a row, such as the error that a step has from one that lies in
 * it, is packed before any row is put in the place of one. */
void
run_write(struct run *run)
{
    struct buffer *out = &run->written->row;
    struct row_key key = row_key_run('R', &run->project, &run->id);
    write_chain(run);
    write_expansions(run, out);
    write_positions(run);
    pack_steps(run, out);
    buffer_clear(out);
    fields_write(&run_row_shape, &run->row, NULL, out);
    put_steps(run);
    put(run, &key, buffer_bytes(out));
}

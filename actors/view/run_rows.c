#include "actors/view/run_rows.h"

static const struct step_row *source_step(void *self, uint32_t step);
static void source_read(void *self, uint64_t record, struct output_source *source);

static void
open_plan(struct run_rows *run)
{
    struct row_key key = row_key('P');
    row_key_id(&key, &run->project);
    row_key_id(&key, &run->row.automation);
    row_key_u32(&key, run->row.version);
    struct bytes plan = journal_get(run->journal, row_key_bytes(&key));
    run->planned = plan.data != NULL && plan_open(plan, &run->plan) == ERR_NONE;
    layout_open(&run->layout, run->journal, run->arena, &run->project, &run->id,
        &run->plan, NULL);
    run->outputs = (struct output_source){ .self = run,
        .layout = &run->layout,
        .arena = run->arena,
        .step = source_step,
        .read = source_read };
}

enum err
run_rows_read(struct run_rows *run, struct journal *journal, struct arena *arena,
    const struct id *project, const struct id *id)
{
    *run = (struct run_rows){
        .journal = journal, .arena = arena, .project = *project, .id = *id
    };
    struct row_key key = row_key_run('R', project, id);
    struct bytes row = journal_get(journal, row_key_bytes(&key));
    struct cursor in = cursor_over(row);
    if (row.data == NULL)
        return ERR_NOT_FOUND;
    if (fields_read(&in, &run_row_shape, NULL, &run->row) != ERR_NONE)
        return ERR_CORRUPT;
    open_plan(run);
    return ERR_NONE;
}

static void
read_page(struct run_rows *run, uint32_t page)
{
    struct bytes in = run->row.steps;
    if (page > 0) {
        struct row_key key = row_key_run('S', &run->project, &run->id);
        row_key_u32(&key, page);
        in = journal_get(run->journal, row_key_bytes(&key));
    }
    struct bytes stored[STEPS_PER_PAGE];
    enum err err = step_page_split(in, stored);
    for (size_t i = 0; i < STEPS_PER_PAGE && err == ERR_NONE; i++)
        err = step_read(stored[i], &run->id, &run->row, &run->page[i]);
    if (err != ERR_NONE)
        memset(run->page, 0, sizeof run->page);
    run->page_read = page + 1;
}

const struct step_row *
run_rows_step(struct run_rows *run, uint32_t step)
{
    if (run->page_read != step / STEPS_PER_PAGE + 1)
        read_page(run, step / STEPS_PER_PAGE);
    return &run->page[step % STEPS_PER_PAGE];
}

struct plan_step
run_rows_plan_step(struct run_rows *run, uint32_t step)
{
    if (!run->planned || step >= run->row.step_count)
        return (struct plan_step){ 0 };
    return layout_step(&run->layout, layout_place(&run->layout, step));
}

bool
run_facts_open(struct run_rows *run, uint64_t record, struct run_facts *facts)
{
    struct record found;
    if (journal_read(run->journal, record, &found) != ERR_NONE)
        return false;
    facts->run = run->id;
    facts->at_ms = found.at_ms;
    return record_open(&facts->reader, run->journal, run->arena, found.facts);
}

bool
run_facts_next(struct run_facts *facts, struct message *fact)
{
    while (record_next(&facts->reader, fact))
        if (fact_is_about(fact, &facts->run))
            return true;
    return false;
}

bool
run_rows_fact(struct run_rows *run, uint64_t record, enum message_code code,
    uint32_t step, struct message *fact)
{
    struct run_facts facts;
    if (record == 0 || !run_facts_open(run, record, &facts))
        return false;
    /* Every fact about a step has the run first and the step second. */
    while (run_facts_next(&facts, fact))
        if (fact->code == code
            && (step == PLAN_NO_STEP || fact->step_started.step == step))
            return true;
    return false;
}

static struct bytes
or_empty(struct bytes payload)
{
    return payload.data == NULL ? text("") : payload;
}

struct bytes
run_rows_inputs(struct run_rows *run)
{
    struct message fact;
    if (run_rows_fact(run, run->row.record, RUN_STARTED, PLAN_NO_STEP, &fact)
        || run_rows_fact(run, run->row.record, RUN_QUEUED, PLAN_NO_STEP, &fact))
        return or_empty(fact.run_started.inputs);
    return (struct bytes){ 0 };
}

static void
source_read(void *self, uint64_t record, struct output_source *source)
{
    struct run_facts facts;
    struct message fact;
    if (run_facts_open(self, record, &facts))
        while (run_facts_next(&facts, &fact))
            output_note(source, &fact);
}

static const struct step_row *
source_step(void *self, uint32_t step)
{
    return run_rows_step(self, step);
}

struct bytes
run_rows_output(struct run_rows *run, uint32_t step)
{
    uint64_t record = run_rows_step(run, step)->output;
    return record == 0 ? (struct bytes){ 0 }
                       : output_recorded(&run->outputs, record, step);
}

/* The output of the last step as it is; put together, within the limit, if that step is
 * a parallel or an each. */
static struct bytes
last_output(struct run_rows *run, size_t bytes_max)
{
    uint32_t last = layout_last(&run->layout);
    struct buffer out = { 0 };
    struct bytes output = { 0 };
    if (run_rows_step(run, last)->output != 0)
        return run_rows_output(run, last);
    run->outputs.bytes_max = bytes_max;
    if (output_pack(&run->outputs, last, &out))
        output = arena_copy(run->arena, buffer_bytes(&out));
    buffer_free(&out);
    return output;
}

struct bytes
run_rows_result(struct run_rows *run, size_t bytes_max)
{
    struct message fact;
    if (!run->planned)
        return (struct bytes){ 0 };
    if (run->row.finish == 0)
        return last_output(run, bytes_max);
    if (run_rows_fact(run, run->row.finish, RUN_COMPLETED, PLAN_NO_STEP, &fact))
        return or_empty(fact.run_completed.output);
    return (struct bytes){ 0 };
}

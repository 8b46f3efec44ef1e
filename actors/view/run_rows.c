#include "actors/view/run_rows.h"

#include "actors/output.h"
#include "base/pack.h"

static void
open_plan(struct run_rows *run)
{
    struct row_key key = row_key('P');
    row_key_id(&key, &run->project);
    row_key_id(&key, &run->row.automation);
    row_key_u32(&key, run->row.version);
    struct bytes plan = journal_get(run->journal, row_key_bytes(&key));
    run->planned = plan.data != NULL && plan_open(plan, &run->plan) == ERR_NONE;
    layout_open(
        &run->layout, run->journal, run->arena, &run->project, &run->id, &run->plan);
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
    if (step_page_read(in, run->page) != ERR_NONE)
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
run_rows_is_about(const struct message *fact, const struct id *run)
{
    const struct shape *shape = &message_shapes[fact->code];
    const struct field *first = shape->fields;
    return shape->field_count > 0 && first->type == FIELD_id
           && strcmp(first->name, "run") == 0
           && memcmp(fact->body + first->offset, run->bytes, ID_SIZE) == 0;
}

bool
run_facts_next(struct run_facts *facts, struct message *fact)
{
    while (record_next(&facts->reader, fact))
        if (run_rows_is_about(fact, &facts->run))
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

struct bytes
run_rows_inputs(struct run_rows *run)
{
    struct run_facts facts;
    struct message fact;
    if (run_facts_open(run, run->row.record, &facts))
        while (run_facts_next(&facts, &fact))
            if (fact.code == RUN_STARTED || fact.code == RUN_QUEUED)
                return fact.run_started.inputs.data == NULL ? text("")
                                                            : fact.run_started.inputs;
    return (struct bytes){ 0 };
}

struct bytes
run_rows_output(struct run_rows *run, uint32_t step)
{
    uint64_t record = run_rows_step(run, step)->output;
    struct run_facts facts;
    struct message fact;
    struct bytes output;
    if (record != 0 && run_facts_open(run, record, &facts))
        while (run_facts_next(&facts, &fact))
            if (output_of_fact(&fact, step, &output))
                return output;
    return (struct bytes){ 0 };
}

struct packing {
    struct run_rows *run;
    struct buffer *out;
    size_t size_max; /* of `out` */
};

static bool pack_step(const struct packing *p, uint32_t step);

static bool
pack_parallel(const struct packing *p, struct place place, const struct plan_step *plan)
{
    struct run_rows *run = p->run;
    pack_map(p->out, run_rows_step(run, place.step)->items);
    for (uint32_t i = plan->body_first; i < plan->body_first + plan->body_count; i++) {
        struct plan_step in = plan_step_at(&run->plan, i, run->arena);
        if (in.parent != place.plan)
            continue;
        pack_text(p->out, in.key);
        if (!pack_step(p, layout_beside(place, i)))
            return false;
    }
    return true;
}

/* An item makes what the last step of its body makes that lies in nothing else. */
static bool
pack_each(const struct packing *p, struct place place, const struct plan_step *plan)
{
    struct run_rows *run = p->run;
    uint32_t last = 0, items = run_rows_step(run, place.step)->items;
    uint32_t first = run_rows_step(run, place.step)->first;
    for (uint32_t i = 0; i < plan->body_count; i++) {
        struct plan_step in =
            plan_step_at(&run->plan, plan->body_first + i, run->arena);
        if (in.parent == place.plan && !in.handles)
            last = i;
    }
    pack_array(p->out, items);
    for (uint32_t item = 0; item < items; item++)
        if (!pack_step(p, first + item * plan->body_count + last))
            return false;
    return true;
}

static bool
pack_step(const struct packing *p, uint32_t step)
{
    struct run_rows *run = p->run;
    uint32_t status = run_rows_step(run, step)->status;
    if (run_rows_step(run, step)->output != 0) {
        pack_raw(p->out, run_rows_output(run, step));
        return p->out->size <= p->size_max;
    }
    struct place place = layout_place(&run->layout, step);
    struct plan_step plan = plan_step_at(&run->plan, place.plan, run->arena);
    bool whole = true;
    if (status == STEP_DONE && plan.kind == STEP_PARALLEL)
        whole = pack_parallel(p, place, &plan);
    else if (status == STEP_DONE && plan.kind == STEP_EACH)
        whole = pack_each(p, place, &plan);
    else
        pack_nil(p->out);
    return whole && p->out->size <= p->size_max;
}

bool
run_rows_pack_output(
    struct run_rows *run, uint32_t step, size_t bytes_max, struct buffer *out)
{
    struct packing packing = { run, out, out->size + bytes_max };
    return run->planned && step < run->row.step_count && pack_step(&packing, step);
}

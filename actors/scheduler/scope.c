#include "actors/scheduler/scope.h"

#include "actors/output.h"
#include "actors/plan/plan_kinds.h"
#include "base/put.h"
#include "base/stamp.h"

#include <assert.h>

enum { OUTPUTS_FIRST = 16 };

/* What was read in this turn, whoever asked. */
struct run_scope {
    struct turn *turn;
    bool begun; /* `started` was read */
    struct run_started started;
    struct bytes meta;
    struct kept_output *outputs;
    uint32_t output_count, output_capacity;
};

/* Who asks now. */
struct asking {
    struct run_scope *scope;
    struct place place;
};

/* What was packed, where it stays until the turn is over. */
static struct bytes
keep(struct turn *turn, struct buffer *packed)
{
    struct bytes kept = arena_copy(turn->out->arena, buffer_bytes(packed));
    buffer_free(packed);
    return kept;
}

static struct run_scope *
scope_in(struct turn *turn)
{
    if (turn->scope == NULL) {
        turn->scope = arena_take(turn->out->arena, sizeof *turn->scope);
        turn->scope->turn = turn;
    }
    return turn->scope;
}

/* ---- what records have ---- */

static void
keep_start(struct run_scope *scope, const struct run_started *fact)
{
    struct run_started *s = &scope->started;
    *s = *fact;
    s->inputs = pack_or_map(s->inputs);
    /* Who starts a run himself gives it what a trigger would have been told. */
    s->data = s->data.size > 0 ? s->data : s->inputs;
    s->meta = pack_or_map(s->meta);
    s->config = pack_or_map(s->config);
    scope->begun = true;
}

static bool
look_for_start(void *self, const struct message *fact)
{
    /* Both are said with the same words, and before all else of a run. */
    assert(fact->code == RUN_STARTED || fact->code == RUN_QUEUED);
    keep_start(self, &fact->run_started);
    return true;
}

void
scope_begin(struct turn *turn, const struct run_started *started)
{
    keep_start(scope_in(turn), started);
}

static const struct run_started *
started(struct run_scope *scope)
{
    if (!scope->begun)
        turn_look(scope->turn, scope->turn->run.row.record, look_for_start, scope);
    return &scope->started;
}

/* ---- outputs ---- */

static void
remember(struct run_scope *scope, uint32_t step, struct bytes value)
{
    if (scope->output_count == scope->output_capacity) {
        uint32_t capacity = scope->output_capacity * 2 + OUTPUTS_FIRST;
        struct kept_output *grown =
            arena_take(scope->turn->out->arena, capacity * sizeof *grown);
        if (scope->output_count > 0)
            memcpy(grown, scope->outputs, scope->output_count * sizeof *grown);
        scope->outputs = grown;
        scope->output_capacity = capacity;
    }
    scope->outputs[scope->output_count++] = (struct kept_output){ step, value };
}

static const struct step_row *
source_step(void *self, uint32_t step)
{
    struct turn *turn = self;
    return run_step(&turn->run, step);
}

static bool
note_output(void *self, const struct message *fact)
{
    output_note(self, fact);
    return false;
}

static void
source_read(void *self, uint64_t record, struct output_source *source)
{
    (void)turn_facts(self, record, note_output, source);
}

bool
step_output(struct turn *turn, uint32_t step, struct bytes *output)
{
    struct run_scope *scope = scope_in(turn);
    struct buffer packed = { 0 };
    for (uint32_t i = scope->output_count; i-- > 0;)
        if (scope->outputs[i].step == step) {
            *output = scope->outputs[i].value;
            return true;
        }
    struct output_source source = { .self = turn,
        .layout = &turn->run.layout,
        .arena = turn->out->arena,
        .bytes_max = turn->state->config->payload_max,
        .step = source_step,
        .read = source_read };
    bool whole = output_pack(&source, step, &packed);
    *output = keep(turn, &packed);
    if (whole && step_status_over(run_step(&turn->run, step)->status))
        remember(scope, step, *output);
    return whole;
}

/* ---- roots ---- */

static void
pack_id_pair(
    struct buffer *out, const char *key, const char *prefix, const struct id *id)
{
    char printed[ID_TEXT_MAX];
    put_text(out, key, text(id_print(id, prefix, printed)));
}

static void
pack_moment_pair(struct buffer *out, const char *key, uint64_t unix_ms)
{
    char printed[STAMP_SIZE];
    put_text(out, key, text(stamp_print(unix_ms, printed)));
}

static const char *const own_meta[] = { "run_id", "automation", "automation_id",
    "version", "source", "trigger", "started_at" };

static bool
is_own_meta(struct bytes name)
{
    for (size_t i = 0; i < COUNT(own_meta); i++)
        if (bytes_equal(name, text(own_meta[i])))
            return true;
    return false;
}

/* The caller's pairs whose names the engine does not use.  Returns how many. */
static size_t
pack_foreign_meta(struct buffer *out, struct bytes meta)
{
    struct cursor in = cursor_over(meta);
    size_t pairs = cursor_map(&in), count = 0;
    for (size_t i = 0; i < pairs; i++) {
        struct cursor key = cursor_over(cursor_skip(&in));
        struct bytes name = cursor_text(&key), value = cursor_skip(&in);
        if (is_own_meta(name))
            continue;
        pack_text(out, name);
        buffer_append_bytes(out, value);
        count++;
    }
    return count;
}

static struct bytes
meta_of(struct run_scope *scope)
{
    if (scope->meta.size > 0)
        return scope->meta;
    const struct run_started *s = started(scope);
    const struct run *run = &scope->turn->run;
    struct buffer foreign = { 0 }, out = { 0 };
    size_t count = pack_foreign_meta(&foreign, s->meta);
    pack_map(&out, COUNT(own_meta) + count);
    pack_id_pair(&out, "run_id", "run_", &run->id);
    put_text(&out, "automation", run->row.name);
    pack_id_pair(&out, "automation_id", "aut_", &run->row.automation);
    put_number(&out, "version", run->row.version);
    put_text(&out, "source", s->source);
    put_text(&out, "trigger", s->trigger);
    pack_moment_pair(&out, "started_at", run->row.started_ms);
    buffer_append_bytes(&out, buffer_bytes(&foreign));
    buffer_free(&foreign);
    scope->meta = keep(scope->turn, &out);
    return scope->meta;
}

static struct bytes
run_of(struct run_scope *scope)
{
    const struct run *run = &scope->turn->run;
    uint32_t status = run->row.ending != 0 ? run->row.ending : run->row.status;
    struct buffer out = { 0 };
    pack_map(&out, 4);
    pack_id_pair(&out, "id", "run_", &run->id);
    put_text(&out, "name", run->row.title);
    put_text(&out, "status", text(run_status_name((enum run_status)status)));
    pack_moment_pair(&out, "started_at", run->row.started_ms);
    return keep(scope->turn, &out);
}

static struct bytes
automation_of(struct run_scope *scope)
{
    const struct run_row *row = &scope->turn->run.row;
    struct buffer out = { 0 };
    pack_map(&out, 3);
    pack_id_pair(&out, "id", "aut_", &row->automation);
    put_text(&out, "name", row->name);
    put_number(&out, "version", row->version);
    return keep(scope->turn, &out);
}

static struct bytes
error_of(struct turn *turn, const struct step_row *row)
{
    struct buffer out = { 0 };
    if (row->status != STEP_BROKEN)
        return pack_or_nil((struct bytes){ 0 });
    pack_map(&out, 2);
    put_text(&out, "type", row->error_type);
    put_text(&out, "message", row->error_message);
    return keep(turn, &out);
}

static struct bytes
status_of(struct turn *turn, const struct step_row *row)
{
    struct buffer out = { 0 };
    pack_string(&out, step_status_name((enum step_status)row->status));
    return keep(turn, &out);
}

static bool
find_output(struct turn *turn, uint32_t step, size_t *used, struct bytes *value)
{
    bool whole = step_output(turn, step, value);
    if (!whole)
        *used = EXPRESSION_TOO_LARGE;
    return whole;
}

/* All that is known of one step. */
static bool
find_sheet(struct turn *turn, uint32_t step, size_t *used, struct bytes *value)
{
    const struct step_row *row = run_step(&turn->run, step);
    struct buffer out = { 0 };
    struct bytes output;
    if (!find_output(turn, step, used, &output))
        return false;
    pack_map(&out, 3);
    pack_string(&out, "output");
    buffer_append_bytes(&out, output);
    pack_string(&out, "status");
    buffer_append_bytes(&out, status_of(turn, row));
    pack_string(&out, "error");
    buffer_append_bytes(&out, error_of(turn, row));
    *value = keep(turn, &out);
    return true;
}

/* PLAN_NO_STEP is seen from nowhere. */
static bool
seen(struct asking *asking, uint32_t plan, uint32_t *step)
{
    struct place place;
    if (!layout_seen(&asking->scope->turn->run.layout, asking->place, plan, &place))
        return false;
    *step = place.step;
    return true;
}

/* steps, key, and one of output, status, error */
static bool
find_in_steps(struct asking *asking, const struct bytes *path, size_t count,
    size_t *used, struct bytes *value)
{
    struct turn *turn = asking->scope->turn;
    uint32_t step;
    *used = 1;
    if (count < 2 || !seen(asking, plan_find_step(&turn->run.plan, path[1]), &step))
        return false;
    *used = 2;
    if (count == 2)
        return find_sheet(turn, step, used, value);
    *used = 3;
    if (bytes_equal(path[2], text("output")))
        return find_output(turn, step, used, value);
    if (bytes_equal(path[2], text("status")))
        *value = status_of(turn, run_step(&turn->run, step));
    else if (bytes_equal(path[2], text("error")))
        *value = error_of(turn, run_step(&turn->run, step));
    else
        *used = 2;
    return *used == 3;
}

static bool
find_in_context(struct asking *asking, const struct bytes *path, size_t count,
    size_t *used, struct bytes *value)
{
    struct turn *turn = asking->scope->turn;
    uint32_t step;
    *used = 1;
    if (count < 2 || !seen(asking, plan_find_saved(&turn->run.plan, path[1]), &step))
        return false;
    *used = 2;
    return find_output(turn, step, used, value);
}

static struct bytes
each_name(const struct plan_step *plan)
{
    struct plan_each each;
    plan_config_read(&plan_each_shape, plan->config, &each);
    return each.as;
}

/* The item, by the name that its each gives it, and its index; of the innermost each
 * that has such a name. */
static bool
find_item(struct asking *asking, struct bytes name, struct bytes *value)
{
    struct turn *turn = asking->scope->turn;
    struct place place = asking->place;
    while (place.in != NULL) {
        const struct expansion *in = place.in;
        struct place each = layout_place(&turn->run.layout, in->row.step);
        if (bytes_equal(name, text("index"))) {
            struct buffer out = { 0 };
            pack_u64(&out, place.item);
            *value = keep(turn, &out);
            return true;
        }
        struct plan_step plan = *layout_plan(&turn->run.layout, each.plan);
        if (bytes_equal(name, each_name(&plan))) {
            *value = layout_item_value(&turn->run.layout, in, place.item);
            return true;
        }
        place = each;
    }
    return false;
}

static bool
find_root(struct asking *asking, struct bytes name, struct bytes *value)
{
    struct run_scope *scope = asking->scope;
    if (bytes_equal(name, text("inputs")))
        *value = started(scope)->inputs;
    else if (bytes_equal(name, text("event")))
        *value = started(scope)->data;
    else if (bytes_equal(name, text("config")))
        *value = started(scope)->config;
    else if (bytes_equal(name, text("meta")))
        *value = meta_of(scope);
    else if (bytes_equal(name, text("run")))
        *value = run_of(scope);
    else if (bytes_equal(name, text("automation")))
        *value = automation_of(scope);
    else
        return find_item(asking, name, value);
    return true;
}

static bool
find(void *self, const struct bytes *path, size_t count, size_t *used,
    struct bytes *value)
{
    struct asking *asking = self;
    *used = 0;
    if (count == 0)
        return false;
    if (bytes_equal(path[0], text("steps")))
        return find_in_steps(asking, path, count, used, value);
    if (bytes_equal(path[0], text("context")))
        return find_in_context(asking, path, count, used, value);
    if (!find_root(asking, path[0], value))
        return false;
    *used = 1;
    return true;
}

struct expression_scope
scope_of(struct turn *turn, uint32_t step)
{
    struct asking *asking = arena_take(turn->out->arena, sizeof *asking);
    *asking = (struct asking){ .scope = scope_in(turn) };
    if (step != PLAN_NO_STEP)
        asking->place = layout_place(&turn->run.layout, step);
    return (struct expression_scope){ asking, find };
}

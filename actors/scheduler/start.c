#include "actors/scheduler/state.h"

struct start {
    struct id run;
    struct bytes automation; /* name or aut_… id */
    struct bytes key, inputs, source;
    uint32_t version; /* 0: the current one */
};

/* Why a start was refused. */
struct refusal {
    enum err err;
    const char *detail;
};

static struct row_key
key_row(const struct id *project, struct bytes key)
{
    struct hash hash = hash_of(key);
    struct row_key row = row_key('K');
    row_key_id(&row, project);
    for (int i = 0; i < ID_SIZE; i++)
        row_key_u8(&row, hash.bytes[i]);
    return row;
}

/* The run that `key` named before; false if it is new. */
static bool
find_key(const struct scheduler_state *state, const struct id *project,
    struct bytes key, struct id *run)
{
    if (key.size == 0)
        return false;
    struct row_key row = key_row(project, key);
    struct bytes value = journal_get(state->journal, row_key_bytes(&row));
    if (value.data == NULL)
        return false;
    *run = row_take_id(&value);
    return true;
}

static struct bytes
name_by_id(const struct scheduler_state *state, const struct id *project,
    const struct id *automation)
{
    struct row_key row = row_key('I');
    row_key_id(&row, project);
    row_key_id(&row, automation);
    return journal_get(state->journal, row_key_bytes(&row));
}

bool
find_name(const struct scheduler_state *state, const struct id *project,
    struct bytes given, struct bytes *name, struct name_row *found)
{
    struct id automation;
    *name = given;
    if (id_read(given, "aut_", &automation) == ERR_NONE)
        *name = name_by_id(state, project, &automation);
    if (name->size == 0 || name->size > PLAN_KEY_MAX)
        return false;
    struct row_key row = row_key('N');
    row_key_id(&row, project);
    row_key_text(&row, *name);
    struct bytes value = journal_get(state->journal, row_key_bytes(&row));
    struct cursor in = cursor_over(value);
    return value.data != NULL
           && fields_read(&in, &name_row_shape, NULL, found) == ERR_NONE;
}

/* The version that a start uses: the one asked for, else the published one, else the
 * latest draft. */
static uint32_t
version_of(const struct start *start, const struct name_row *row)
{
    if (start->version > 0)
        return start->version;
    return row->version > 0 ? row->version : row->latest;
}

/* A refusal, or a run that has begun. */
static struct refusal
begin(struct turn *turn, const struct start *start)
{
    struct outbox *out = turn->out;
    struct bytes name;
    struct name_row row;
    if (!find_name(turn->state, &out->project, start->automation, &name, &row))
        return (struct refusal){ ERR_NOT_FOUND,
            "there is no automation of this name or id in the project" };
    if (row.status == AUTOMATION_ARCHIVED)
        return (struct refusal){ ERR_CONFLICT,
            "the automation is archived: resume it first" };
    if (start->inputs.size > 0
        && (pack_check(start->inputs) != ERR_NONE
            || cursor_type(&(struct cursor){
                   start->inputs.data, start->inputs.data + start->inputs.size, false })
                   != PACK_MAP))
        return (struct refusal){ ERR_INVALID, "inputs must be a map" };
    struct run_started started = {
        .run = start->run,
        .automation = row.automation,
        .name = arena_copy(out->arena, name),
        .version = version_of(start, &row),
        .key = start->key,
        .inputs = start->inputs,
        .source = start->source,
    };
    struct run *run = &turn->run;
    struct plan plan;
    struct row_key key = row_key('P');
    row_key_id(&key, &out->project);
    row_key_id(&key, &row.automation);
    row_key_u32(&key, started.version);
    if (plan_open(journal_get(turn->state->journal, row_key_bytes(&key)), &plan)
        != ERR_NONE)
        return (struct refusal){ ERR_NOT_FOUND, "the automation has no such version" };
    started.steps = plan.step_count;
    started.timeout_ms = plan.timeout_ms;
    run_begin(run, turn->state->journal, out->arena, &out->project, &started);
    run->watch = true;
    run->record = journal_last(turn->state->journal) + 1;
    turn_say(turn, (struct message){ .code = RUN_STARTED, .run_started = started });
    return (struct refusal){ ERR_NONE, "" };
}

static void
accept(struct turn *turn, uint64_t request, bool existed)
{
    const struct run *run = &turn->run;
    say_run_accepted(turn->out, (struct run_accepted){
                                    .request = request,
                                    .run = run->id,
                                    .automation = run->row.automation,
                                    .name = arena_copy(turn->out->arena, run->row.name),
                                    .version = run->row.version,
                                    .status = run->row.status,
                                    .started_ms = run->row.started_ms,
                                    .existed = existed,
                                });
}

void
on_run_start(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct run_start *asked = &in->run_start;
    struct turn turn;
    struct id known = asked->run;
    bool keyed = find_key(state, &out->project, asked->key, &known);

    if (turn_open(&turn, state, now_ms, out, &known)) {
        accept(&turn, asked->request, keyed && !id_equal(&known, &asked->run));
        return;
    }
    struct start start = { asked->run, asked->automation, asked->key, asked->inputs,
        asked->source, asked->version };
    struct refusal refusal = begin(&turn, &start);
    if (refusal.err != ERR_NONE) {
        say_refused(out, (struct refused){ .request = asked->request,
                             .err = refusal.err,
                             .detail = text(refusal.detail) });
        return;
    }
    turn_close(&turn);
    accept(&turn, asked->request, false);
}

void
on_trigger_fired(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct trigger_fired *fired = &in->trigger_fired;
    char automation[ID_TEXT_MAX];
    struct turn turn;
    struct refusal refusal = { 0 };

    if (!turn_open(&turn, state, now_ms, out, &fired->run)) {
        id_print(&fired->automation, "aut_", automation);
        struct start start = {
            .run = fired->run,
            .automation = text(automation),
            .source = text("trigger"),
        };
        refusal = begin(&turn, &start);
        if (refusal.err == ERR_NONE)
            turn_close(&turn);
    }
    say_fire_taken(
        out, (struct fire_taken){
                 .automation = fired->automation,
                 .trigger = fired->trigger,
                 .slot_ms = fired->slot_ms,
                 .run = refusal.err == ERR_NONE ? fired->run : (struct id){ { 0 } },
                 .event = fired->event,
                 .refusal = text(refusal.detail == NULL ? "" : refusal.detail),
             });
}

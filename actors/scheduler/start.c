#include "actors/scheduler/start.h"

#include "actors/scheduler/policy.h"
#include "actors/scheduler/scope.h"
#include "actors/scheduler/tellings.h"
#include "base/wrong.h"

struct row_key
start_key(const struct id *project, struct bytes key)
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
    struct row_key row = start_key(project, key);
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
    if (value.data == NULL)
        return false;
    if (fields_read(&in, &name_row_shape, NULL, found) != ERR_NONE)
        WRONG("a row of a name cannot be read");
    return true;
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

static bool
is_map(struct bytes payload)
{
    struct cursor in = cursor_over(payload);
    return payload.size == 0
           || (pack_check(payload) == ERR_NONE && cursor_type(&in) == PACK_MAP);
}

/* How many steps decide when the run is over, and how many clean up. */
static void
count_steps(struct kept_plan *kept, struct run_started *started)
{
    started->steps = kept->plan.fixed_count;
    for (uint32_t i = 0; i < started->steps; i++) {
        const struct plan_step *step = plans_step(kept, i);
        started->mains += !step->nested && !step->cleanup;
        started->cleanups += !step->nested && step->cleanup;
    }
    if (started->mains == started->steps)
        started->mains = 0; /* all */
}

/* What the run is called; as written if that cannot be evaluated. */
static struct bytes
title_of(struct turn *turn, const struct plan *plan, const struct run_started *started)
{
    struct bytes title, wrong;
    if (plan->run_name.size == 0)
        return plan->run_name;
    scope_begin(turn, started);
    return evaluate_words(
               turn, PLAN_NO_STEP, "run_name", plan->run_name, &title, &wrong)
               ? title
               : plan->run_name;
}

/* The run as it will be, before its first fact. */
static void
prepare(struct turn *turn, struct kept_plan *kept, struct run_started *started)
{
    struct run *run = &turn->run;
    count_steps(kept, started);
    run_begin(run, turn->state->journal, turn->state->plans, turn->out->arena,
        &turn->out->project, started);
    run->watch = true;
    run->record = journal_last(turn->state->journal) + 1;
    run->row.started_ms = turn->now_ms;
    started->title = title_of(turn, &kept->plan, started);
}

struct refusal
start_find(const struct scheduler_state *state, struct outbox *out,
    const struct start *start, struct start_of *found)
{
    struct bytes name;
    if (!find_name(state, &out->project, start->automation, &name, &found->row))
        return refuse(
            ERR_NOT_FOUND, "there is no automation of this name or id in the project");
    found->name = arena_copy(out->arena, name);
    if (found->row.status == AUTOMATION_ARCHIVED)
        return refuse(ERR_NOT_RUNNABLE, "the automation is archived: resume it first");
    found->version = version_of(start, &found->row);
    struct plan_name plan = { out->project, found->row.automation, found->version };
    found->kept = run_find_plan(state->plans, state->journal, &plan);
    if (found->kept == NULL)
        return refuse(ERR_NOT_FOUND, "the automation has no such version");
    return refuse(ERR_NONE, "");
}

struct refusal
start_run(struct turn *turn, const struct start *start)
{
    struct outbox *out = turn->out;
    struct bytes inputs = start->inputs;
    struct start_of of;
    struct refusal refusal = start_find(turn->state, out, start, &of);
    if (refusal.err != ERR_NONE)
        return refusal;
    if (!is_map(start->inputs))
        return refuse(ERR_INVALID, "inputs must be a map");
    if (!is_map(start->meta) || !is_map(start->config))
        return refuse(ERR_INVALID, "meta and config must be maps");
    refusal = complete_inputs(&of.kept->plan, out->arena, &inputs);
    if (refusal.err != ERR_NONE)
        return refusal;
    struct run_started started = {
        .run = start->run,
        .automation = of.row.automation,
        .name = of.name,
        .version = of.version,
        .key = start->key,
        .inputs = inputs,
        .source = start->source,
        .timeout_ms = of.kept->plan.timeout_ms,
        .data = start->data,
        .meta = start->meta,
        .trigger = start->trigger,
        .config = lay_over(out->arena, of.kept->plan.config, start->config),
        .parent = start->parent,
        .parent_step = start->parent_step,
        .parent_attempt = start->parent_attempt,
        .awaited = start->awaited,
        .depth = start->depth,
        .origin = start->origin,
        .origin_event = start->origin_event,
        .by = start->by,
        .echo = start->echo,
    };
    prepare(turn, of.kept, &started);
    return admit(turn, &of.kept->plan, start, &started);
}

void
accept_run(struct turn *turn, uint64_t request, bool existed, bool patient)
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
                                    .patient = patient,
                                });
}

void
refuse_request(struct outbox *out, uint64_t request, struct refusal refusal)
{
    say_refused(out, (struct refused){
                         .request = request,
                         .err = refusal.err,
                         .detail = text(refusal.detail),
                         .details = refusal.details,
                     });
}

/* Where the start is decided: where its key was before, else as its plan says. */
static uint32_t
home_of_start(
    const struct scheduler_state *state, struct outbox *out, const struct start *start)
{
    struct start_of of;
    if (start_find(state, out, start, &of).err != ERR_NONE)
        return state->partition;
    return home_of(state, &of.kept->plan, start, &of.row.automation);
}

void
on_run_start(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct run_start *asked = &in->run_start;
    struct turn turn;
    struct id known = asked->run;
    bool keyed = find_key(state, &out->project, asked->key, &known);

    /* Who asks for the first time has a fresh id: no run is looked for. */
    if (asked->question == asked->request && !keyed) {
        turn_begin(&turn, state, now_ms, out);
    } else if (turn_open(&turn, state, now_ms, out, &known)) {
        accept_run(
            &turn, asked->request, keyed && !id_equal(&known, &asked->run), false);
        return;
    }
    struct start start = {
        .run = asked->run,
        .automation = asked->automation,
        .version = asked->version,
        .key = asked->key,
        .inputs = asked->inputs,
        .source = asked->source,
        .meta = asked->meta,
        .config = asked->config,
        .echo = asked->echo != 0,
    };
    uint32_t home = keyed ? id_partition(&known) : home_of_start(state, out, &start);
    if (home != state->partition) {
        start.run = id_move(&known, home);
        forward_start(state, out, &start,
            &(struct run_forwarded){
                .request = asked->request, .gateway = in->envelope.instance });
        return;
    }
    struct refusal refusal = start_run(&turn, &start);
    if (refusal.err != ERR_NONE) {
        refuse_request(out, asked->request, refusal);
        return;
    }
    turn_close(&turn);
    accept_run(&turn, asked->request, false, asked->patient);
}

void
on_trigger_fired(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct trigger_fired *fired = &in->trigger_fired;
    char automation[ID_TEXT_MAX];
    struct turn turn;
    struct refusal refusal = { .err = ERR_NONE, .detail = "" };

    if (fire_refused_before(state, out, &fired->run))
        return;
    if (!turn_open(&turn, state, now_ms, out, &fired->run)) {
        id_print(&fired->automation, "aut_", automation);
        struct start start = {
            .run = fired->run,
            .automation = arena_copy(out->arena, text(automation)),
            .inputs = fired->inputs,
            .source = fired->source.size > 0 ? fired->source : text("trigger"),
            .trigger = fired->trigger,
            .data = fired->data,
            .meta = fired->meta,
            .concurrency = (enum plan_concurrency)fired->concurrency,
            .runs_max = fired->runs_max,
            .echo = fired->echo != 0,
        };
        uint32_t home = home_of_start(state, out, &start);
        if (home != state->partition) {
            start.run = id_move(&fired->run, home);
            /* Asked twice, it could be refused and then done. */
            if (telling_there(state, home, &start.run, TELLING_FORWARD))
                return;
            forward_start(state, out, &start,
                &(struct run_forwarded){
                    .slot_ms = fired->slot_ms,
                    .event = fired->event,
                    .fired = fired->run,
                });
            return;
        }
        refusal = start_run(&turn, &start);
        if (refusal.err == ERR_NONE)
            turn_close(&turn);
    }
    if (refusal.err != ERR_NONE)
        say_fire_refused(out, (struct fire_refused){
                                  .run = fired->run,
                                  .automation = fired->automation,
                                  .trigger = fired->trigger,
                                  .slot_ms = fired->slot_ms,
                                  .event = fired->event,
                                  .refusal = refusal_words(out->arena,
                                      text(refusal.detail), refusal.details),
                              });
    else
        say_fire_taken(out, (struct fire_taken){
                                .automation = fired->automation,
                                .trigger = fired->trigger,
                                .slot_ms = fired->slot_ms,
                                .run = fired->run,
                                .event = fired->event,
                            });
}

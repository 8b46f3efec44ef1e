/* Ends of runs that are events: told to the trigger actor until it has taken them, and
 * only in projects in which it, or a plan, says that somebody listens.
 *
 * What the end of a run led to, and the runs that such a run starts, end quietly: else
 * whoever starts a run at each end would never be done.
 */
#include "actors/plan/plan_kinds.h"
#include "actors/scheduler/child.h"
#include "actors/scheduler/scope.h"

/* A larger output is not told; who hears of the end can ask for it. */
enum { OUTPUT_TOLD_MAX = 64 * 1024 };

static struct row_key
listened_key(const struct id *project)
{
    struct row_key key = row_key('e');
    row_key_id(&key, project);
    return key;
}

static bool
listened(const struct scheduler_state *s, const struct id *project)
{
    struct row_key key = listened_key(project);
    return s->listened > 0 && journal_get(s->journal, row_key_bytes(&key)).data != NULL;
}

static struct bytes
copy(struct turn *turn, struct bytes bytes)
{
    return arena_copy(turn->out->arena, bytes);
}

static struct bytes
output_told(struct turn *turn)
{
    struct bytes output = turn->output, wrong;
    if (turn->run.row.status != RUN_DONE
        || (output.size == 0 && !run_output(turn, &output, &wrong))
        || output.size > OUTPUT_TOLD_MAX)
        return (struct bytes){ 0 };
    return copy(turn, output);
}

void
tell_end(struct turn *turn)
{
    const struct run_row *row = &turn->run.row;
    uint32_t attempt = row->attempt == 0 ? 1 : row->attempt;
    if (row->echo || !listened(turn->state, &turn->run.project))
        return;
    say_run_ended(turn->out, (struct run_ended){
                                 .end = id_derive(&turn->run.id, attempt),
                                 .run = turn->run.id,
                                 .automation = row->automation,
                                 .name = copy(turn, row->name),
                                 .version = row->version,
                                 .status = row->status,
                                 .attempt = attempt,
                                 .started_ms = row->started_ms,
                                 .finished_ms = row->finished_ms,
                                 .stop_reason = copy(turn, row->stop_reason),
                                 .error_type = copy(turn, row->error_type),
                                 .error_message = copy(turn, row->error_message),
                                 .failed_step = copy(turn, row->failed_step),
                                 .output = output_told(turn),
                                 .source = copy(turn, row->source),
                                 .parent = row->parent,
                             });
}

void
on_ends_wanted(
    const struct scheduler_state *state, const struct message *in, struct outbox *out)
{
    bool wanted = in->ends_wanted.wanted != 0;
    if (wanted != listened(state, &out->project))
        say_ends_learned(out, (struct ends_learned){ .wanted = wanted });
}

void
on_end_taken(
    const struct scheduler_state *state, const struct message *in, struct outbox *out)
{
    settle_telling(state, out, PEER_TRIGGER, &in->end_taken.end, TELLING_ENDED);
}

static bool
count_project(void *self, struct bytes key, struct bytes value)
{
    (void)key;
    (void)value;
    ++*(uint32_t *)self;
    return true;
}

void
ends_find(struct scheduler_state *s)
{
    struct row_key from = row_key('e'), to = row_key_after(&from);
    s->listened = 0;
    journal_scan(s->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        count_project, &s->listened);
}

static void
set_listened(struct scheduler_state *s, const struct id *project, bool wanted)
{
    struct row_key key = listened_key(project);
    if (wanted)
        scheduler_put(s, &key, (struct bytes){ 0 });
    else
        scheduler_drop(s, &key);
    ends_find(s);
}

void
apply_ends_learned(struct scheduler_state *s, const struct message *fact)
{
    set_listened(s, &fact->envelope.project, fact->ends_learned.wanted);
}

/* May a trigger of the plan fire at the end of a run? */
static bool
fires_at_ends(struct bytes text_of_plan)
{
    struct plan plan;
    bool fires = false;
    if (plan_open(text_of_plan, &plan) != ERR_NONE)
        return false;
    for (uint32_t i = 0; i < plan.trigger_count; i++) {
        struct plan_trigger trigger = plan_trigger_at(&plan, i);
        struct plan_event config;
        if (!bytes_equal(trigger.kind, text("event")))
            continue;
        plan_config_read(&plan_event_shape, trigger.config, &config);
        fires |= bytes_begin(config.event_type, text("run."));
    }
    return fires;
}

/* The trigger actor says so as well, but perhaps only after the first run that starts
 * when this plan is acknowledged is over.  If nobody listens it will say that. */
void
ends_foresee(struct scheduler_state *s, const struct id *project, struct bytes plan)
{
    if (!listened(s, project) && fires_at_ends(plan))
        set_listened(s, project, true);
}

void
apply_run_ended(struct scheduler_state *s, const struct message *fact)
{
    telling_put(s, &(struct telling){
                       .peer = PEER_TRIGGER,
                       .subject = fact->run_ended.end,
                       .kind = TELLING_ENDED,
                       .record = journal_last(s->journal),
                       .project = fact->envelope.project,
                       .run = fact->run_ended.run,
                   });
}

/* Automations of which so many runs in a row have failed that they must be paused: the
 * count follows from the ends of runs, the registry is told until it knows. */
#include "actors/scheduler/child.h"
#include "base/wrong.h"

static struct row_key
failures_key(const struct id *project, const struct id *automation)
{
    struct row_key key = row_key('F');
    row_key_id(&key, project);
    row_key_id(&key, automation);
    return key;
}

static struct failures_row
failures_read(
    struct journal *journal, const struct id *project, const struct id *automation)
{
    struct failures_row row = { 0 };
    struct row_key key = failures_key(project, automation);
    struct bytes value = journal_get(journal, row_key_bytes(&key));
    struct cursor in = cursor_over(value);
    if (value.data != NULL
        && fields_read(&in, &failures_row_shape, NULL, &row) != ERR_NONE)
        WRONG("a row of failures cannot be read");
    return row;
}

static void
failures_write(struct scheduler_state *s, const struct id *project,
    const struct id *automation, const struct failures_row *row)
{
    struct row_key key = failures_key(project, automation);
    struct buffer out = { 0 };
    fields_write(&failures_row_shape, row, NULL, &out);
    scheduler_put(s, &key, buffer_bytes(&out));
    buffer_free(&out);
}

void
failures_forget(
    struct scheduler_state *s, const struct id *project, const struct id *automation)
{
    struct row_key key = failures_key(project, automation);
    scheduler_drop(s, &key);
}

/* The run has ended: one that was cancelled says nothing about its automation. */
void
failures_follow(struct scheduler_state *s, const struct run *run)
{
    const struct id *automation = &run->row.automation;
    if (run->plan.failures_max == 0)
        return;
    if (run->row.status == RUN_DONE)
        failures_forget(s, &run->project, automation);
    if (run->row.status != RUN_BROKEN)
        return;
    struct failures_row row = failures_read(s->journal, &run->project, automation);
    row.count++;
    failures_write(s, &run->project, automation, &row);
}

void
watch_failures(struct turn *turn)
{
    const struct run *run = &turn->run;
    struct journal *journal = turn->state->journal;
    struct name_row name = { 0 };
    struct bytes found;
    if (run->row.status != RUN_BROKEN || run->plan.failures_max == 0)
        return;
    struct failures_row row =
        failures_read(journal, &run->project, &run->row.automation);
    if (row.told || row.count + 1 < run->plan.failures_max)
        return;
    (void)find_name(turn->state, &run->project, run->row.name, &found, &name);
    say_automation_failing(turn->out, (struct automation_failing){
                                          .automation = run->row.automation,
                                          .failures = row.count + 1,
                                          .revision = name.revision,
                                          .run = run->id,
                                      });
}

void
apply_failing(struct scheduler_state *s, const struct message *fact)
{
    const struct automation_failing *failing = &fact->automation_failing;
    const struct id *project = &fact->envelope.project;
    struct failures_row row = failures_read(s->journal, project, &failing->automation);
    row.told = 1;
    failures_write(s, project, &failing->automation, &row);
    telling_put(s, &(struct telling){
                       .peer = PEER_REGISTRY,
                       .subject = failing->automation,
                       .kind = TELLING_FAILING,
                       .record = journal_last(s->journal),
                       .project = *project,
                       .run = failing->run,
                   });
}

void
on_failing_known(
    const struct scheduler_state *state, const struct message *in, struct outbox *out)
{
    settle_telling(
        state, out, PEER_REGISTRY, &in->failing_known.automation, TELLING_FAILING);
}

/* The ends of runs.  Schedulers tell them only in projects in which somebody listens,
 * so each is told which those are: whenever that changes, and when it greets. */
#include "actors/trigger/state.h"
#include "base/wrong.h"

static const char *const types[] = { "run.completed", "run.failed", "run.cancelled" };

bool
end_type(struct bytes type)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (bytes_equal(type, text(types[i])))
            return true;
    return false;
}

bool
end_pattern(struct bytes pattern)
{
    if (!bytes_begin(pattern, text("run.")))
        return false;
    for (size_t i = 0; i < COUNT(types); i++)
        if (type_fits(pattern, text(types[i])))
            return true;
    return false;
}

bool
type_heard(struct bytes pattern, struct bytes type)
{
    return type_fits(pattern, type) && (!end_type(type) || end_pattern(pattern));
}

/* Classes of the index, so that nothing is kept that old journals have not. */
bool
ends_heard(const struct trigger_state *s, const struct id *project)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (listeners_named(s->journal, project, text(types[i])))
            return true;
    return listeners_below(s->journal, project, text("run"));
}

/* ---- an end ---- */

static void
put_error(struct buffer *out, const struct run_ended *ended)
{
    pack_string(out, "error");
    if (ended->status != RUN_BROKEN) {
        pack_nil(out);
        return;
    }
    pack_map(out, 3);
    put_text(out, "type", ended->error_type);
    put_text(out, "message", ended->error_message);
    put_text_or_nil(out, "step", ended->failed_step);
}

/* What `event` is to whoever hears of it. */
static struct bytes
data_of(const struct run_ended *ended, struct arena *arena)
{
    struct buffer out = { 0 };
    pack_map(&out, 13);
    put_id(&out, "run_id", &ended->run, "run_");
    put_text(&out, "automation", ended->name);
    put_id(&out, "automation_id", &ended->automation, "aut_");
    put_number(&out, "version", ended->version);
    put_text(&out, "status", text(run_status_name((enum run_status)ended->status)));
    put_number(&out, "attempt", ended->attempt);
    put_text(&out, "source", ended->source);
    pack_string(&out, "parent_run_id");
    if (id_is_zero(&ended->parent))
        pack_nil(&out);
    else {
        char printed[ID_TEXT_MAX];
        pack_string(&out, id_print(&ended->parent, "run_", printed));
    }
    put_time_or_nil(&out, "started_at", ended->started_ms);
    put_time_or_nil(&out, "finished_at", ended->finished_ms);
    put_text(&out, "stop_reason", ended->stop_reason);
    put_error(&out, ended);
    pack_string(&out, "output");
    pack_raw(&out, ended->output);
    struct bytes data = arena_copy(arena, buffer_bytes(&out));
    buffer_free(&out);
    return data;
}

static void
say_wanted(uint32_t partition, bool wanted, struct outbox *out)
{
    outbox_put_to(out, ACTOR_scheduler, partition,
        &(struct message){ .code = ENDS_WANTED, .ends_wanted = { partition, wanted } });
}

/* It is named after the end, so that it is one event however often it is told.  That
 * nobody listens any more is said to who tells one in vain. */
void
on_run_ended(const struct trigger_state *s, uint64_t now_ms, const struct message *in,
    struct outbox *out)
{
    const struct run_ended *ended = &in->run_ended;
    const char *status = run_status_name((enum run_status)ended->status);
    char id[ID_TEXT_MAX];
    struct buffer type = { 0 };
    struct event event;
    id_print(&ended->end, "end_", id);
    say_end_taken(out, (struct end_taken){ ended->end });
    if (!ends_heard(s, &out->project)) {
        say_wanted(in->envelope.instance, false, out);
        return;
    }
    if (event_of_id(s, &out->project, text(id)) != 0)
        return;
    buffer_print(&type, "run.%s", status);
    struct publication publication = { text(id), buffer_bytes(&type), text("engine"),
        data_of(ended, out->arena), { 0 }, NULL, 0 };
    keep_event(s, now_ms, &publication, out, &event);
    route_kept(s, &event, out);
    buffer_free(&type);
}

/* ---- who listens ---- */

/* Behind all rows of the project's listeners. */
static struct row_key
behind(const struct id *project)
{
    struct id last;
    memset(last.bytes, 0xff, ID_SIZE);
    return row_key_run('Y', project, &last);
}

/* The next project in which somebody listens. */
static bool
project_behind(const struct trigger_state *s, struct row_key after, struct id *project)
{
    struct row_key rows = row_key('Y'), key;
    while (kept_first(s->journal, &rows, row_key_bytes(&after), &key)) {
        struct bytes left = bytes_of(key.bytes + 1, key.size - 1);
        *project = row_take_id(&left);
        if (ends_heard(s, project))
            return true;
        after = behind(project);
    }
    return false;
}

void
ends_reset(struct trigger_state *s, uint32_t partition)
{
    struct ends_telling *ends = &s->ends[partition];
    struct id project;
    ends->after.size = 0;
    ends->active = project_behind(s, ends->after, &project);
}

void
ends_follow(struct trigger_state *s, const struct id *project, bool heard)
{
    if (heard || !ends_heard(s, project))
        return;
    for (uint32_t i = 0; i < s->config->schedulers; i++)
        ends_reset(s, i);
}

static uint32_t
first_untold(const struct trigger_state *s)
{
    uint32_t partition = 0;
    while (partition < s->config->schedulers && !s->ends[partition].active)
        partition++;
    return partition;
}

bool
ends_untold(const struct trigger_state *s)
{
    return first_untold(s) < s->config->schedulers;
}

/* One project in a turn, for all of a turn is of one. */
void
tell_ends(const struct trigger_state *s, struct outbox *out)
{
    uint32_t partition = first_untold(s);
    if (!project_behind(s, s->ends[partition].after, &out->project))
        WRONG("nothing is to be told");
    say_wanted(partition, true, out);
}

void
ends_wanted_applied(struct trigger_state *s, const struct message *m)
{
    struct ends_telling *ends = &s->ends[m->ends_wanted.partition];
    struct id project;
    if (!m->ends_wanted.wanted)
        return; /* out of turn */
    ends->after = behind(&m->envelope.project);
    ends->active = project_behind(s, ends->after, &project);
}

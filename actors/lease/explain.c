/* Why nobody takes a job: how far the session gets that comes nearest. */
#include "actors/lease/state.h"

#include <inttypes.h>

/* In the order of what a session must be: the names are an API. */
enum reach {
    NO_WORKER,
    NO_ACTION = 1 + LACKS_ACTION,
    NO_QUEUE = 1 + LACKS_QUEUE,
    NO_LABEL = 1 + LACKS_LABEL,
    NO_ENVIRONMENT = 1 + LACKS_ENVIRONMENT,
    ALL_SILENT = 1 + LACKS_NOTHING,
    ALL_DRAINING,
    ALL_FULL,
    ABOUT_TO
};

static const char *const names[] = {
    [NO_WORKER] = "no_worker",
    [NO_ACTION] = "no_action",
    [NO_QUEUE] = "no_queue",
    [NO_LABEL] = "no_label",
    [NO_ENVIRONMENT] = "no_environment",
    [ALL_SILENT] = "workers_silent",
    [ALL_DRAINING] = "workers_draining",
    [ALL_FULL] = "workers_full",
    [ABOUT_TO] = "about_to_be_taken",
};

static enum reach
reach_of(const struct session *session, const struct lane *lane)
{
    enum lack lack = session_lacks(session, lane);
    if (lack != LACKS_NOTHING)
        return (enum reach)(1 + lack);
    if (!session->connected)
        return ALL_SILENT;
    if (session->leaving || session->capacity == 0)
        return ALL_DRAINING;
    return session->held_count >= session->capacity ? ALL_FULL : ABOUT_TO;
}

struct survey {
    const struct lease_state *state;
    struct id project;
    struct lane lane; /* what the job must have */
    enum reach best;
    uint64_t sessions, could; /* of the project; that take such jobs */
};

static void
look(struct survey *survey)
{
    const struct list *all = &survey->state->table.all_sessions;
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct session *session = LIST_OF(at, struct session, of_table);
        if (!id_equal(&session->project, &survey->project))
            continue;
        enum reach reach = reach_of(session, &survey->lane);
        survey->sessions++;
        survey->could += reach >= ALL_SILENT;
        if (reach > survey->best)
            survey->best = reach;
    }
}

/* The first label that none has of those that come so far; nothing: each is there, but
 * no session has all. */
static struct bytes
missing_label(const struct survey *survey)
{
    const struct list *all = &survey->state->table.all_sessions;
    struct cursor in = cursor_over(survey->lane.labels);
    size_t count = survey->lane.labels.size == 0 ? 0 : cursor_array(&in);
    for (size_t i = 0; i < count; i++) {
        struct bytes label = cursor_text(&in);
        bool found = false;
        for (struct list *at = all->next; at != all; at = at->next) {
            const struct session *session = LIST_OF(at, struct session, of_table);
            found |= id_equal(&session->project, &survey->project)
                     && reach_of(session, &survey->lane) == NO_LABEL
                     && list_contains(session->labels, label);
        }
        if (!found)
            return label;
    }
    return (struct bytes){ 0 };
}

static void
print(struct buffer *out, const char *before, struct bytes value)
{
    buffer_print(out, "%s", before);
    buffer_append_bytes(out, value);
}

static void
print_lack(const struct survey *survey, struct buffer *out)
{
    const struct lane *lane = &survey->lane;
    struct bytes label;
    switch (survey->best) {
    case NO_WORKER: buffer_print(out, "no worker is connected"); return;
    case NO_ACTION: print(out, "no worker has action ", lane->action); return;
    case NO_QUEUE:
        print(out, "no worker with that action has queue ", lane->queue);
        return;
    case NO_LABEL:
        label = missing_label(survey);
        if (label.size > 0)
            print(out, "no such worker has label ", label);
        else
            buffer_print(out, "no such worker has all of the labels");
        return;
    case NO_ENVIRONMENT:
        if (lane->environment.size > 0)
            print(out, "no such worker is of environment ", lane->environment);
        else
            buffer_print(out, "such workers are of other environments only");
        return;
    case ALL_SILENT:
    case ALL_DRAINING:
    case ALL_FULL:
    case ABOUT_TO: return;
    }
}

static void
print_reason(const struct survey *survey, struct buffer *out)
{
    bool one = survey->could == 1;
    switch (survey->best) {
    case ALL_SILENT:
        buffer_print(out, one ? "the only worker that takes it has lost its connection"
                              : "all workers that take it have lost their connection");
        return;
    case ALL_DRAINING:
        buffer_print(out, one ? "the only worker that takes it is draining"
                              : "all workers that take it are draining");
        return;
    case ALL_FULL:
        buffer_print(out, one ? "the only worker that takes it is full"
                              : "all workers that take it are full");
        return;
    case ABOUT_TO: buffer_print(out, "a worker is about to take it"); return;
    case NO_WORKER:
    case NO_ACTION:
    case NO_QUEUE:
    case NO_LABEL:
    case NO_ENVIRONMENT: print_lack(survey, out); return;
    }
}

void
on_lane_explain(
    const struct lease_state *s, const struct message *in, struct outbox *out)
{
    const struct lane_explain *asked = &in->lane_explain;
    struct survey survey = { .state = s,
        .project = in->envelope.project,
        .lane = { .project = in->envelope.project,
            .action = asked->action,
            .queue = asked->queue,
            .labels = asked->labels,
            .environment = asked->environment } };
    struct buffer document = { 0 }, reason = { 0 };
    look(&survey);
    print_reason(&survey, &reason);
    pack_map(&document, 4);
    pack_string(&document, "code");
    pack_string(&document, names[survey.best]);
    pack_string(&document, "reason");
    pack_text(&document, buffer_bytes(&reason));
    pack_string(&document, "sessions");
    pack_u64(&document, survey.sessions);
    pack_string(&document, "could");
    pack_u64(&document, survey.could);
    say_document(out, (struct document){
                          .request = asked->request,
                          .document = arena_copy(out->arena, buffer_bytes(&document)),
                      });
    buffer_free(&document);
    buffer_free(&reason);
}

/* Why nobody takes a job: how far the session gets that comes nearest. */
#include "actors/lease/state.h"
#include "base/put.h"
#include "base/wrong.h"

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
    ABOUT_TO,
    NO_ROOM,
    UNCOUNTED
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
    [NO_ROOM] = "queue_full",
    [UNCOUNTED] = "queue_uncounted",
};

static enum reach
reach_of(const struct session *session, const struct lane *lane)
{
    enum lack lack = session_lacks(session, lane);
    if (lack != LACKS_NOTHING)
        return (enum reach)(1 + lack);
    if (!session->connected)
        return ALL_SILENT;
    if (session->capacity == 0)
        return ALL_DRAINING;
    return session->held_count >= session->capacity ? ALL_FULL : ABOUT_TO;
}

struct survey {
    const struct lease_state *state;
    struct id project;
    struct lane lane; /* what the job must have */
    enum reach best;
    uint64_t sessions, could; /* of the project; that take such jobs */
    uint64_t alike;           /* that come as near as the best */
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
        if (reach > survey->best) {
            survey->best = reach;
            survey->alike = 0;
        }
        survey->alike += reach == survey->best;
    }
}

/* The first label that none has of those that come so far; nothing: each is there, but
 * no session has all. */
static struct bytes
missing_label(const struct survey *survey)
{
    const struct list *all = &survey->state->table.all_sessions;
    struct cursor in = cursor_over(survey->lane.labels);
    size_t count = cursor_array(&in);
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
    default: WRONG("somebody takes such jobs");
    }
}

/* Who could take it may not: the queue is what the job waits for. */
static void
look_at_queue(struct survey *survey)
{
    const struct queues *queues = &survey->state->table.queues;
    const struct queue *queue =
        queues_find(queues, &survey->project, survey->lane.queue);
    if (survey->best < ALL_FULL || queue == NULL || queue->limit == 0)
        return;
    if (queue->out >= queue->limit)
        survey->best = NO_ROOM;
    else if (!queues_counted(queues))
        survey->best = UNCOUNTED;
}

enum { HOLDERS_NAMED = 3 };

static void
print_holders(const struct queue *queue, struct buffer *out)
{
    char id[ID_TEXT_MAX];
    uint32_t named = 0;
    for (struct list *at = queue->jobs.next;
         at != &queue->jobs && named < HOLDERS_NAMED; at = at->next) {
        const struct job *job = LIST_OF(at, struct job, of_queue);
        buffer_print(out, named++ == 0 ? ": held by run %s" : ", run %s",
            id_print(&job->name.run, "run_", id));
    }
    if (queue->out > named)
        buffer_print(out, " and %" PRIu32 " more", queue->out - named);
}

static void
print_limit(const struct survey *survey, struct buffer *out)
{
    const struct queue *queue =
        queues_find(&survey->state->table.queues, &survey->project, survey->lane.queue);
    print(out, "queue ", queue->name);
    if (survey->best == UNCOUNTED) {
        buffer_print(
            out, " has a limit, and who holds its jobs is not known again yet");
        return;
    }
    buffer_print(out, " is at its limit of %" PRIu32, queue->limit);
    print_holders(queue, out);
}

/* What is in the way of one that takes such jobs, of more, and of those that do not
 * come so near. */
static void
print_way(const struct survey *survey, const char *one, const char *more,
    const char *rest, struct buffer *out)
{
    if (survey->could == 1)
        buffer_print(out, "the only worker that takes it %s", one);
    else if (survey->alike == survey->could)
        buffer_print(out, "all workers that take it %s", more);
    else
        buffer_print(out,
            "of %" PRIu64 " workers that take it %" PRIu64 " %s, the rest %s",
            survey->could, survey->alike, survey->alike == 1 ? one : more, rest);
}

static void
print_reason(const struct survey *survey, struct buffer *out)
{
    switch (survey->best) {
    case ALL_SILENT:
        print_way(
            survey, "has lost its connection", "have lost their connection", "", out);
        return;
    case ALL_DRAINING:
        print_way(survey, "is draining", "are draining", "without a connection", out);
        return;
    case ALL_FULL:
        print_way(
            survey, "is full", "are full", "draining or without a connection", out);
        return;
    case ABOUT_TO: buffer_print(out, "a worker is about to take it"); return;
    case NO_ROOM:
    case UNCOUNTED: print_limit(survey, out); return;
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
    look_at_queue(&survey);
    print_reason(&survey, &reason);
    pack_map(&document, 4);
    pack_string(&document, "code");
    pack_string(&document, names[survey.best]);
    put_text(&document, "reason", buffer_bytes(&reason));
    put_number(&document, "sessions", survey.sessions);
    put_number(&document, "could", survey.could);
    say_document(out, (struct document){
                          .request = asked->request,
                          .document = arena_copy(out->arena, buffer_bytes(&document)),
                      });
    buffer_free(&document);
    buffer_free(&reason);
}

#include "actors/view/explain_step.h"

#include "actors/plan/plan_kinds.h"
#include "actors/view/answers.h"
#include "base/stamp.h"

#include <inttypes.h>

const char *
stall_name(enum stall_code code)
{
    static const char *const names[] = {
#define STALL(code) #code,
#include "actors/view/stall.def"
    };
    return names[code];
}

static struct bytes
command(struct run_rows *run, const char *before)
{
    struct buffer out = { 0 };
    char id[ID_TEXT_MAX];
    buffer_print(&out, "%s%s", before, id_print(&run->id, "run_", id));
    struct bytes hint = arena_copy(run->arena, buffer_bytes(&out));
    buffer_free(&out);
    return hint;
}

/* What lets a run that has ended go on.  A template that failed fails again, for the
 * run keeps its version: another one is needed, which takes over what was done. */
static struct bytes
way_on(struct run_rows *run)
{
    struct buffer out = { 0 };
    char id[ID_TEXT_MAX];
    if (!bytes_equal(run->row.error_type, text("TemplateError")))
        return command(run, "capstan runs retry ");
    buffer_print(&out, "capstan runs fork %s --at %" PRIu64 " --version VERSION",
        id_print(&run->id, "run_", id), run->row.events);
    struct bytes hint = arena_copy(run->arena, buffer_bytes(&out));
    buffer_free(&out);
    return hint;
}

/* ---- of the run ---- */

static struct stall
finished(struct run_rows *run)
{
    const struct run_row *row = &run->row;
    bool broken = row->status == RUN_BROKEN;
    struct stall stall = {
        .code = STALL_finished,
        .since_ms = row->finished_ms,
        .status = text(run_status_name((enum run_status)row->status)),
        .stop_reason = row->stop_reason,
        .cancelled_by = row->cancelled_by,
        .cancel_reason = row->cancel_reason,
    };
    if (broken) {
        stall.key = row->failed_step;
        stall.error_type = row->error_type;
        stall.error_message = row->error_message;
    }
    if (row->status != RUN_DONE)
        stall.hint = way_on(run);
    return stall;
}

/* ---- the queue ---- */

enum { BEHIND_MAX = 5, AHEAD_MAX = 1000 };

static struct row_key
group_key(const struct run_rows *run, char letter)
{
    struct row_key key = row_key(letter);
    row_key_id(&key, &run->project);
    row_key_id(&key, &run->row.automation);
    row_key_id(&key, &run->row.group);
    return key;
}

struct members {
    struct run_rows *run;
    struct buffer ids;
    uint32_t count, max;
    bool met; /* the run itself */
};

/* The run is the last part of both keys. */
static bool
see_member(void *self, struct bytes key, struct bytes value)
{
    struct members *members = self;
    struct bytes last = bytes_of(key.data + key.size - ID_SIZE, ID_SIZE);
    struct id id = row_take_id(&last);
    char printed[ID_TEXT_MAX];
    (void)value;
    members->met = id_equal(&id, &members->run->id);
    if (members->met)
        return false;
    if (members->count < BEHIND_MAX)
        pack_string(&members->ids, id_print(&id, "run_", printed));
    return ++members->count < members->max;
}

/* Those that hold the slots, and how many of the queue go before it. */
static void
read_queue(struct run_rows *run, struct stall *stall)
{
    struct members active = { .run = run, .max = BEHIND_MAX };
    struct members ahead = { .run = run, .max = AHEAD_MAX };
    struct group_row group = { 0 };
    struct row_key key = group_key(run, 'C'), from = group_key(run, 'U');
    struct row_key to = row_key_after(&from);
    struct buffer behind = { 0 };
    struct bytes value = journal_get(run->journal, row_key_bytes(&key));
    struct cursor in = cursor_over(value);
    journal_scan(run->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        see_member, &active);
    pack_array(&behind, active.count);
    buffer_append_bytes(&behind, buffer_bytes(&active.ids));
    stall->behind = arena_copy(run->arena, buffer_bytes(&behind));
    /* Rows before the head of the queue are gone: they need not be passed. */
    if (value.data == NULL
        || fields_read(&in, &group_row_shape, NULL, &group) != ERR_NONE)
        group.head = 0;
    from = group_key(run, 'M');
    to = row_key_after(&from);
    row_key_u64(&from, group.head);
    journal_scan(run->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        see_member, &ahead);
    stall->ahead = ahead.count;
    stall->ahead_known = ahead.met;
    buffer_free(&behind);
    buffer_free(&active.ids);
    buffer_free(&ahead.ids);
}

bool
stall_of_run(struct run_rows *run, struct stall *stall)
{
    const struct run_row *row = &run->row;
    if (run_status_final((enum run_status)row->status)) {
        *stall = finished(run);
        return true;
    }
    if (row->status == RUN_WAITING) {
        *stall = (struct stall){ .code = STALL_queued,
            .since_ms = row->queued_ms,
            .queue_reason = row->queue_reason };
        read_queue(run, stall);
        return true;
    }
    *stall = (struct stall){ .code = STALL_deferred, .since_ms = row->updated_ms };
    return row->left || (row->ending != 0 && !row->cleaning);
}

void
stall_moving(struct run_rows *run, struct stall *stall)
{
    *stall = (struct stall){ .code = STALL_moving, .since_ms = run->row.updated_ms };
}

/* ---- of a step ---- */

/* When what a record says was said. */
static uint64_t
moment_of(struct run_rows *run, uint64_t record)
{
    struct record found;
    return record != 0 && journal_read(run->journal, record, &found) == ERR_NONE
               ? found.at_ms
               : 0;
}

static void
read_job(struct run_rows *run, uint32_t step, const struct step_row *row,
    const struct plan_step *plan, struct stall *stall)
{
    struct message fact;
    if (run_rows_fact(run, row->called, ACTION_CALLED, step, &fact)) {
        stall->queue = arena_copy(run->arena, fact.action_called.queue);
        stall->action = arena_copy(run->arena, fact.action_called.action);
    }
    stall->labels = plan->labels;
    stall->environment = plan->environment;
    stall->code = STALL_job_open;
    stall->since_ms = moment_of(run, row->offered);
    stall->hint = text("capstan workers list");
    if (row->status != STEP_LEASED)
        return;
    stall->code = STALL_leased;
    stall->since_ms = row->leased_ms;
    stall->worker = row->worker;
    stall->session = row->session;
    stall->hint = (struct bytes){ 0 };
}

/* Borrows from the journal. */
static struct bytes
answers_to(struct run_rows *run, const struct id *interaction)
{
    struct row_key key = row_key_run('Q', &run->project, interaction);
    struct cursor in = cursor_over(journal_get(run->journal, row_key_bytes(&key)));
    struct interaction_row row = { 0 };
    /* never: what is asked has its row */
    if (fields_read(&in, &interaction_row_shape, NULL, &row) != ERR_NONE)
        row.answers = (struct bytes){ 0 };
    return row.answers;
}

static void
read_question(struct run_rows *run, uint32_t step, const struct step_row *row,
    struct stall *stall)
{
    struct message fact;
    char id[ID_TEXT_MAX];
    struct buffer hint = { 0 };
    stall->code = STALL_interaction;
    stall->interaction = row->interaction;
    buffer_print(
        &hint, "capstan interactions get %s", id_print(&row->interaction, "iact_", id));
    stall->hint = arena_copy(run->arena, buffer_bytes(&hint));
    buffer_free(&hint);
    if (!run_rows_fact(run, row->called, INTERACTION_REQUESTED, step, &fact))
        return;
    const struct interaction_requested *asked = &fact.interaction_requested;
    stall->protocol = arena_copy(run->arena, asked->protocol);
    stall->title = arena_copy(run->arena, asked->title);
    stall->prompt = arena_copy(run->arena, asked->prompt);
    stall->targets =
        answers_missing(answers_to(run, &row->interaction), asked->targets, run->arena);
}

/* What came and was not it: of this type, as the shell takes it. */
static struct bytes
way_to_events(struct run_rows *run, struct bytes event_type)
{
    struct buffer out = { 0 };
    if (memchr(event_type.data, '\'', event_type.size) != NULL)
        return (struct bytes){ 0 };
    buffer_print(&out, "capstan events list '");
    buffer_append_bytes(&out, event_type);
    buffer_print(&out, "'");
    struct bytes hint = arena_copy(run->arena, buffer_bytes(&out));
    buffer_free(&out);
    return hint;
}

static void
read_event(struct run_rows *run, uint32_t step, const struct step_row *row,
    struct stall *stall)
{
    struct message fact;
    stall->code = STALL_event;
    if (!run_rows_fact(run, row->called, WAIT_OPENED, step, &fact))
        return;
    stall->event_type = arena_copy(run->arena, fact.wait_opened.event_type);
    stall->source = arena_copy(run->arena, fact.wait_opened.source);
    stall->match = arena_copy(run->arena, fact.wait_opened.match);
    stall->condition = arena_copy(run->arena, fact.wait_opened.condition);
    stall->hint = way_to_events(run, stall->event_type);
}

static void
read_child(struct run_rows *run, uint32_t step, const struct step_row *row,
    struct stall *stall)
{
    struct message fact;
    char id[ID_TEXT_MAX];
    struct buffer hint = { 0 };
    stall->code = STALL_child;
    stall->child = row->child;
    if (!run_rows_fact(run, row->called, CHILD_CALLED, step, &fact))
        return;
    stall->automation = arena_copy(run->arena, fact.child_called.automation);
    buffer_print(&hint, "capstan runs explain %s", id_print(&stall->child, "run_", id));
    stall->hint = arena_copy(run->arena, buffer_bytes(&hint));
    buffer_free(&hint);
}

static void
read_wait(struct run_rows *run, uint32_t step, const struct step_row *row,
    const struct plan_step *plan, struct stall *stall)
{
    stall->since_ms = moment_of(run, row->called);
    switch (plan->kind) {
    case STEP_SLEEP: stall->code = STALL_sleep; return;
    case STEP_WAIT: read_event(run, step, row, stall); return;
    case STEP_INTERACTION:
    case STEP_CHECK: read_question(run, step, row, stall); return;
    case STEP_CHILD: read_child(run, step, row, stall); return;
    case STEP_ACTION:
    case STEP_PARALLEL:
    case STEP_EACH:
    case STEP_SET:
    case STEP_AGENT: stall->code = STALL_moving; return;
    }
}

bool
stall_of_step(struct run_rows *run, uint32_t step, struct stall *stall)
{
    struct step_row row = *run_rows_step(run, step);
    struct plan_step plan = run_rows_plan_step(run, step);
    *stall = (struct stall){ .key = plan.key,
        .attempt = row.attempt,
        .since_ms = row.started_ms,
        .due_ms = row.due_ms };
    switch ((enum step_status)row.status) {
    case STEP_OPEN:
    case STEP_LEASED: read_job(run, step, &row, &plan, stall); return row.called != 0;
    case STEP_WAITING: read_wait(run, step, &row, &plan, stall); return true;
    case STEP_DELAYED:
        stall->code = STALL_retry;
        stall->attempt -= plan.kind > STEP_ACTION; /* of others it is the next one */
        stall->error_type = row.error_type;
        stall->error_message = row.error_message;
        return true;
    case STEP_PENDING:
    case STEP_DONE:
    case STEP_BROKEN:
    case STEP_SKIPPED_OVER:
    case STEP_STOPPED:
    case STEP_INSIDE: return false;
    }
    return false;
}

/* ---- showing ---- */

static void
print_bytes(struct buffer *out, const char *before, struct bytes value)
{
    if (value.size == 0)
        return;
    buffer_print(out, "%s", before);
    buffer_append_bytes(out, value);
}

static void
print_list(struct buffer *out, const char *before, struct bytes texts)
{
    struct cursor in = cursor_over(texts);
    size_t count = texts.size == 0 ? 0 : cursor_array(&in);
    for (size_t i = 0; i < count; i++)
        print_bytes(out, i == 0 ? before : ", ", cursor_text(&in));
}

static void
print_moment(struct buffer *out, const char *before, uint64_t unix_ms)
{
    char stamp[STAMP_SIZE];
    if (unix_ms != 0)
        buffer_print(out, "%s%s", before, stamp_print(unix_ms, stamp));
}

static void
print_finished(struct buffer *out, const struct stall *stall)
{
    print_bytes(out, "the run has ", text("ended: "));
    buffer_append_bytes(out, stall->status);
    if (!bytes_equal(stall->status, stall->stop_reason))
        print_bytes(out, ", ", stall->stop_reason);
    print_bytes(out, " by ", stall->cancelled_by);
    print_bytes(out, ": ", stall->cancel_reason);
    print_bytes(out, "; step ", stall->key);
    print_bytes(out, ": ", stall->error_type);
    print_bytes(out, ": ", stall->error_message);
}

static void
print_job(struct buffer *out, const struct stall *stall)
{
    print_bytes(out, "its job waits for a worker with action ", stall->action);
    print_bytes(out, " in queue ", stall->queue);
    print_list(out, " with the labels ", stall->labels);
    print_bytes(out, " in the environment ", stall->environment);
}

static void
print_question(struct buffer *out, const struct stall *stall)
{
    bool approval = bytes_equal(stall->protocol, text("request_approval"));
    buffer_print(out, approval ? "an approval" : "an answer");
    print_list(out, " by ", stall->targets);
    buffer_print(out, " is pending");
    print_bytes(out, ": ", stall->title.size > 0 ? stall->title : stall->prompt);
}

static void
print_child(struct buffer *out, const struct stall *stall)
{
    char id[ID_TEXT_MAX];
    buffer_print(out, "it waits for the end of ");
    buffer_print(out, "%s", id_print(&stall->child, "run_", id));
    print_bytes(out, " of ", stall->automation);
}

static void
print_queued(struct buffer *out, const struct stall *stall)
{
    buffer_print(out, "the run waits for its turn");
    print_list(out, " behind ", stall->behind);
    if (stall->ahead > 0)
        buffer_print(out, ", with %s%" PRIu64 " more in the queue before it",
            stall->ahead_known ? "" : "at least ", stall->ahead);
    print_bytes(out, ": ", stall->queue_reason);
}

static void
print_reason(struct buffer *out, const struct stall *stall)
{
    switch (stall->code) {
    case STALL_finished: print_finished(out, stall); return;
    case STALL_queued: print_queued(out, stall); return;
    case STALL_deferred:
        buffer_print(out, "there is more to say about it than one turn may: it goes on "
                          "by itself");
        return;
    case STALL_job_open: print_job(out, stall); return;
    case STALL_interaction: print_question(out, stall); return;
    case STALL_event:
        print_bytes(out, "it waits for an event of type ", stall->event_type);
        print_bytes(out, " from ", stall->source);
        return;
    case STALL_child: print_child(out, stall); return;
    case STALL_retry:
        buffer_print(out, "attempt %" PRIu32 " failed", stall->attempt);
        print_bytes(out, " with ", stall->error_type);
        print_bytes(out, ": ", stall->error_message);
        buffer_print(out, "; the next one has its moment");
        return;
    case STALL_sleep: buffer_print(out, "it sleeps"); return;
    case STALL_leased:
        print_bytes(out, "worker ", stall->worker);
        buffer_print(out, " holds its job");
        return;
    case STALL_moving: buffer_print(out, "nothing holds it: it is moving"); return;
    case STALL_COUNT: return; /* never: it is the number of the others */
    }
}

struct bytes
stall_reason(struct run_rows *run, const struct stall *stall)
{
    struct buffer out = { 0 };
    if (stall->code > STALL_deferred && stall->key.size > 0) {
        print_bytes(&out, "step ", stall->key);
        buffer_print(&out, ": ");
    }
    print_reason(&out, stall);
    print_moment(&out, " since ", stall->since_ms);
    if (stall->code == STALL_retry || stall->code == STALL_sleep)
        print_moment(&out, ", due at ", stall->due_ms);
    else
        print_moment(&out, ", at most until ", stall->due_ms);
    struct bytes reason = arena_copy(run->arena, buffer_bytes(&out));
    buffer_free(&out);
    return reason;
}

static void
write_payload(struct sheet *detail, const char *key, struct bytes payload)
{
    struct cursor in = cursor_over(payload);
    if (payload.size > 0 && cursor_type(&in) != PACK_NIL)
        sheet_payload(detail, key, payload);
}

void
stall_detail(struct sheet *detail, const struct stall *stall)
{
    sheet_text(detail, "status", stall->status);
    sheet_text(detail, "stop_reason", stall->stop_reason);
    sheet_text(detail, "cancelled_by", stall->cancelled_by);
    sheet_text(detail, "cancel_reason", stall->cancel_reason);
    sheet_text(detail, "error_type", stall->error_type);
    sheet_text(detail, "error", stall->error_message);
    if (stall->attempt > 0)
        sheet_number(detail, "attempt", stall->attempt);
    sheet_text(detail, "action", stall->action);
    sheet_text(detail, "queue", stall->queue);
    write_payload(detail, "labels", stall->labels);
    sheet_text(detail, "environment", stall->environment);
    sheet_text(detail, "worker", stall->worker);
    sheet_id(detail, "session_id", "wsess_", &stall->session);
    sheet_text(detail, "event_type", stall->event_type);
    sheet_text(detail, "source", stall->source);
    write_payload(detail, "match", stall->match);
    sheet_text(detail, "condition", stall->condition);
    sheet_id(detail, "interaction_id", "iact_", &stall->interaction);
    sheet_text(detail, "protocol", stall->protocol);
    sheet_text(detail, "title", stall->title);
    sheet_text(detail, "prompt", stall->prompt);
    write_payload(detail, "targets", stall->targets);
    sheet_id(detail, "child_run_id", "run_", &stall->child);
    sheet_text(detail, "automation", stall->automation);
    write_payload(detail, "behind", stall->behind);
    if (stall->code == STALL_queued)
        sheet_number(detail, "ahead", stall->ahead);
    sheet_text(detail, "queue_reason", stall->queue_reason);
}

#include "actors/replay/led_by.h"

#include "base/wrong.h"

static struct led_by
one_of(enum message_code a, enum message_code b)
{
    return (struct led_by){ { a, b }, b == 0 ? 1 : 2 };
}

/* A lease that its report has told. */
static bool
leased_and_over(const struct facts *facts)
{
    return facts->list[0].code == JOB_LEASED && facts->count > 1;
}

static struct led_by
by_failed_attempt(const struct action_failed *failed)
{
    switch ((enum ending)failed->ending) {
    case ENDING_REPORT:
    case ENDING_FATAL:
    case ENDING_CANCEL: return one_of(JOB_REPORTED, 0);
    case ENDING_SILENCE: return one_of(JOB_LOST, 0);
    case ENDING_TIME: return one_of(HELLO, 0);
    }
    return (struct led_by){ .count = 0 };
}

/* The event itself is not kept: what the step made of it tells what it was, unless the
 * step could not make anything of it. */
static struct led_by
by_resumed_wait(const struct facts *facts)
{
    struct bytes by = facts->list[0].wait_resumed.by;
    if (bytes_equal(by, text("timer")))
        return one_of(HELLO, 0);
    if (bytes_equal(by, text("signal")))
        return one_of(RUN_SIGNAL, 0);
    if (bytes_equal(by, text("automation")) && facts->count > 1)
        return one_of(CHILD_TAKEN, CHILD_ENDED);
    if (bytes_equal(by, text("event")) && facts->count > 1
        && facts->list[1].code == STEP_COMPLETED)
        return one_of(WAIT_MATCHED, 0);
    return (struct led_by){ .count = 0 };
}

static struct led_by
by_start(const struct run_started *started)
{
    if (started->queued)
        return one_of(HELLO, 0);
    if (!id_is_zero(&started->origin))
        return (struct led_by){ .count = 0 };
    if (!id_is_zero(&started->parent))
        return one_of(CHILD_CALLED, 0);
    return one_of(started->trigger.size > 0 ? TRIGGER_FIRED : RUN_START, 0);
}

/* Who discards a run lets it go on only to be cancelled; between lie the steps that
 * were opened again. */
static bool
discards(const struct facts *facts)
{
    bool ends = false;
    for (size_t i = 0; i < facts->count; i++) {
        const struct message *fact = &facts->list[i];
        ends |=
            fact->code == RUN_CANCELLED
            || (fact->code == RUN_DEFERRED && fact->run_deferred.ending == RUN_STOPPED);
    }
    return ends && facts->list[0].code == RUN_RESUMED;
}

struct led_by
led_by(const struct facts *facts)
{
    const struct message *first = &facts->list[0];
    switch ((int)first->code) {
    case RUN_STARTED:
    case RUN_QUEUED: return by_start(&first->run_started);
    case JOB_LEASED:
        return one_of(leased_and_over(facts) ? JOB_REPORTED : JOB_LEASED, 0);
    case JOB_PRINTED: return one_of(JOB_PRINTED, 0);
    case JOB_REOFFERED: return one_of(JOB_RETURNED, 0);
    case ACTION_COMPLETED: return one_of(JOB_REPORTED, 0);
    case ACTION_FAILED: return by_failed_attempt(&first->action_failed);
    case WAIT_RESUMED: return by_resumed_wait(facts);
    case INTERACTION_RESPONDED: return one_of(INTERACTION_RESPOND, 0);
    case INTERACTION_DELETED: return one_of(INTERACTION_DELETE, 0);
    case STEP_COPIED: return (struct led_by){ .count = 0 };
    case RUN_RESUMED: return one_of(discards(facts) ? RUN_CANCEL : RUN_RETRY, 0);
    case STEP_OVERRIDDEN: return one_of(STEP_OVERRIDE, 0);
    case STEP_WITHDRAWN:
        return one_of(first->step_withdrawn.skips ? STEP_SKIP : STEP_OVERRIDE, 0);
    case STEP_SKIPPED: return one_of(HELLO, STEP_SKIP);
    default: return one_of(HELLO, RUN_CANCEL);
    }
}

static struct run_start
start_of(const struct run_started *started)
{
    return (struct run_start){ .request = 1,
        .run = started->run,
        .automation = started->name,
        .key = started->key,
        .inputs = started->inputs,
        .source = started->source,
        .version = started->version,
        .meta = started->meta,
        .config = started->config,
        .echo = started->echo };
}

static struct trigger_fired
fire_of(const struct run_started *started)
{
    return (struct trigger_fired){ .run = started->run,
        .automation = started->automation,
        .trigger = started->trigger,
        .inputs = started->inputs,
        .data = started->data,
        .meta = started->meta,
        .source = started->source,
        .concurrency = started->scoped ? started->concurrency : 0,
        .runs_max = started->scoped ? started->runs_max : 0,
        .echo = started->echo };
}

static enum outcome
outcome_of(uint32_t ending)
{
    return ending == ENDING_CANCEL  ? OUTCOME_CANCELLED
           : ending == ENDING_FATAL ? OUTCOME_FATAL
                                    : OUTCOME_FAILED;
}

static struct job_reported
report_of(const struct facts *facts)
{
    bool leased = leased_and_over(facts);
    const struct message *end = &facts->list[leased ? 1 : 0];
    struct bytes worker =
        leased ? facts->list[0].job_leased.worker : (struct bytes){ 0 };
    if (end->code == ACTION_COMPLETED) {
        const struct action_completed *done = &end->action_completed;
        return (struct job_reported){ .run = done->run,
            .step = done->step,
            .attempt = done->attempt,
            .offer = done->offer,
            .session = done->session,
            .outcome = OUTCOME_COMPLETED,
            .output = done->output,
            .worker = worker };
    }
    const struct action_failed *failed = &end->action_failed;
    return (struct job_reported){ .run = failed->run,
        .step = failed->step,
        .attempt = failed->attempt,
        .offer = failed->offer,
        .session = failed->session,
        .outcome = outcome_of(failed->ending),
        .error_type = failed->error_type,
        .error_message = failed->error_message,
        .retry_after_ms = failed->retry_after_ms,
        .worker = worker };
}

/* What the event said is what the step made, unless the step maps it: then that is
 * taken as it was, see decision.c. */
static struct wait_matched
match_of(const struct facts *facts)
{
    const struct wait_resumed *resumed = &facts->list[0].wait_resumed;
    struct wait_matched matched = { .run = resumed->run,
        .step = resumed->step,
        .attempt = resumed->attempt,
        .number = resumed->number };
    for (size_t i = 1; i < facts->count; i++)
        if (facts->list[i].code == STEP_COMPLETED
            && facts->list[i].step_completed.step == resumed->step)
            matched.data = facts->list[i].step_completed.output;
    return matched;
}

static struct child_called
call_of(const struct run_started *started)
{
    return (struct child_called){ .run = started->parent,
        .step = started->parent_step,
        .attempt = started->parent_attempt,
        .child = started->run,
        .automation = started->name,
        .inputs = started->inputs,
        .wait = started->awaited,
        .depth = started->depth,
        .echo = started->echo };
}

/* How a child ended, from what its step made of it. */
static struct child_ended
end_of(const struct rebuilt *r)
{
    const struct message *first = &r->facts.list[0], *next = &r->facts.list[1];
    struct child_ended ended = { .run = first->wait_resumed.run,
        .step = first->wait_resumed.step,
        .attempt = first->wait_resumed.attempt,
        .child = r->child };
    if (next->code == STEP_COMPLETED) {
        ended.status = RUN_DONE;
        ended.output = next->step_completed.output;
        return ended;
    }
    ended.status = RUN_BROKEN;
    if (next->code == STEP_FAILED) {
        ended.error_type = next->step_failed.error_type;
        ended.error_message = next->step_failed.error_message;
    }
    return ended;
}

/* That there is a child moves only a step that does not wait for its end. */
static struct child_taken
taken_of(const struct rebuilt *r)
{
    const struct message *first = &r->facts.list[0], *next = &r->facts.list[1];
    bool refused = next->code == STEP_FAILED;
    return (struct child_taken){ .run = first->wait_resumed.run,
        .step = first->wait_resumed.step,
        .attempt = first->wait_resumed.attempt,
        .child = r->child,
        .err = refused ? ERR_INVALID : ERR_NONE,
        .detail = refused ? next->step_failed.error_message : (struct bytes){ 0 } };
}

static struct interaction_respond
response_of(const struct interaction_responded *responded)
{
    return (struct interaction_respond){ .request = 1,
        .interaction = responded->interaction,
        .value = responded->value,
        .comment = responded->comment,
        .principal = responded->principal,
        .cancel = responded->value.size == 0 };
}

/* Who skipped it and why are one text, which begins in the same way. */
static struct step_skip
skip_of(const struct step_withdrawn *asked)
{
    static const char before[] = "skipped by ";
    struct bytes words = asked->reason;
    size_t size = sizeof before - 1;
    if (words.size >= size && memcmp(words.data, before, size) == 0)
        words = bytes_of(words.data + size, words.size - size);
    return (struct step_skip){
        .request = 1, .run = asked->run, .step = asked->key, .by = words
    };
}

/* What somebody asked of a step: done at once, or when what lies in it had ended. */
static struct step_withdrawn
asked_of_step(const struct message *first)
{
    const struct step_skipped *skipped = &first->step_skipped;
    const struct step_overridden *set = &first->step_overridden;
    if (first->code == STEP_WITHDRAWN)
        return first->step_withdrawn;
    if (first->code == STEP_SKIPPED)
        return (struct step_withdrawn){
            .run = skipped->run, .key = skipped->key, .reason = skipped->reason
        };
    return (struct step_withdrawn){ .run = set->run,
        .key = set->key,
        .output = set->output,
        .by = set->by,
        .reason = set->reason };
}

/* Why somebody wanted its end is in its last word, or in what announces that. */
static struct run_cancel
cancel_of(const struct facts *facts, const struct id *run)
{
    struct run_cancel cancel = {
        .request = 1, .run = *run, .discard = discards(facts)
    };
    for (size_t i = 0; i < facts->count; i++) {
        const struct message *fact = &facts->list[i];
        if (fact->code == RUN_CANCELLED) {
            cancel.reason = fact->run_cancelled.reason;
            cancel.by = fact->run_cancelled.by;
        } else if (fact->code == RUN_DEFERRED
                   && fact->run_deferred.ending == RUN_STOPPED) {
            cancel.reason = fact->run_deferred.reason;
            cancel.by = fact->run_deferred.by;
        }
    }
    return cancel;
}

static void
write_loss(const struct rebuilt *r, struct job_lost *lost)
{
    const struct message *first = &r->facts.list[0];
    if (first->code == ACTION_FAILED) {
        const struct action_failed *failed = &first->action_failed;
        *lost = (struct job_lost){ failed->run, failed->step, failed->attempt,
            failed->offer, failed->session };
        return;
    }
    const struct job_reoffered *again = &first->job_reoffered;
    *lost = (struct job_lost){ .run = again->run,
        .step = again->step,
        .attempt = again->attempt,
        .offer = again->offer - 1 };
}

/* What people and other systems have told a run. */
static void
write_operation(const struct message *first, struct message *m)
{
    const struct run_resumed *again = &first->run_resumed;
    const struct wait_resumed *resumed = &first->wait_resumed;
    struct step_withdrawn asked;
    switch ((int)m->code) {
    case RUN_SIGNAL:
        m->run_signal = (struct run_signal){ 1, resumed->run, resumed->key,
            resumed->result, resumed->principal };
        return;
    case RUN_RETRY:
        m->run_retry =
            (struct run_retry){ 1, again->run, again->step, again->by, again->reason };
        return;
    case STEP_OVERRIDE:
        asked = asked_of_step(first);
        m->step_override = (struct step_override){ 1, asked.run, asked.key,
            asked.output, asked.by, asked.reason };
        return;
    case STEP_SKIP:
        asked = asked_of_step(first);
        m->step_skip = skip_of(&asked);
        return;
    case INTERACTION_DELETE:
        m->interaction_delete = (struct interaction_delete){ 1,
            first->interaction_deleted.interaction, first->interaction_deleted.by };
        return;
    default: WRONG("nothing else leads to a record");
    }
}

void
led_by_message(enum message_code code, const struct rebuilt *r, struct message *m)
{
    const struct message *first = &r->facts.list[0];
    *m = (struct message){ .code = code,
        .envelope = { .id = 1,
            .from = message_routes[code].from,
            .epoch = 1,
            .partition = id_partition(&r->file->run),
            .project = r->file->project } };
    switch ((int)code) {
    case RUN_START: m->run_start = start_of(&first->run_started); return;
    case TRIGGER_FIRED: m->trigger_fired = fire_of(&first->run_started); return;
    case JOB_LEASED: m->job_leased = first->job_leased; return;
    case JOB_PRINTED: m->job_printed = first->job_printed; return;
    case JOB_LOST: write_loss(r, &m->job_lost); return;
    case JOB_RETURNED: {
        struct job_lost lost;
        write_loss(r, &lost);
        m->job_returned = (struct job_returned){ lost.run, lost.step, lost.attempt,
            lost.offer, lost.session };
        return;
    }
    case JOB_REPORTED: m->job_reported = report_of(&r->facts); return;
    case WAIT_MATCHED: m->wait_matched = match_of(&r->facts); return;
    case CHILD_CALLED: m->child_called = call_of(&first->run_started); return;
    case CHILD_ENDED: m->child_ended = end_of(r); return;
    case CHILD_TAKEN: m->child_taken = taken_of(r); return;
    case INTERACTION_RESPOND:
        m->interaction_respond = response_of(&first->interaction_responded);
        return;
    case RUN_CANCEL: m->run_cancel = cancel_of(&r->facts, &r->file->run); return;
    default: write_operation(first, m); return;
    }
}

const char *
led_by_name(enum message_code code)
{
    return code == HELLO ? "tick" : message_shapes[code].name;
}

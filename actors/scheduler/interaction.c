/* Asking people: an approval, some information, a review; one answer counts, or one of
 * every target.  A "no" to a question for approval or review ends it at once. */
#include "actors/plan/plan_kinds.h"
#include "actors/scheduler/kinds.h"
#include "actors/scheduler/scope.h"
#include "actors/scheduler/start.h"
#include "base/put.h"

static enum pack_type
type_of(struct bytes value)
{
    struct cursor in = cursor_over(value);
    return value.size == 0 ? PACK_NOTHING : cursor_type(&in);
}

/* When it expires; a moment that has passed is due at once, and no moment is never. */
static bool
find_due(struct turn *turn, uint32_t step, const struct question *question,
    uint64_t *due_ms, struct bytes *wrong)
{
    struct bytes moment = { 0 };
    *due_ms = question->expires_ms == 0 ? 0 : turn->now_ms + question->expires_ms;
    if (*due_ms != 0 || question->until.size == 0)
        return true;
    if (!evaluate_text(turn, step, "until", question->until, &moment, wrong))
        return false;
    if (type_of(moment) == PACK_NIL)
        return true;
    if (!evaluate_moment(turn, "until", moment, due_ms, wrong))
        return false;
    *due_ms = *due_ms < turn->now_ms ? turn->now_ms : *due_ms;
    *due_ms += *due_ms == 0; /* 0 is never */
    return true;
}

static bool
put_target(struct buffer *out, struct bytes target, size_t *count)
{
    if (type_of(target) != PACK_TEXT)
        return false;
    buffer_append_bytes(out, target);
    ++*count;
    return true;
}

/* Each as a text: one whose template gives a list stands for those in it. */
static bool
find_targets(struct turn *turn, uint32_t step, struct bytes given,
    struct bytes *targets, struct bytes *wrong)
{
    struct bytes found = { 0 };
    if (given.size == 0)
        return true;
    if (!evaluate_payload(turn, step, "targets", given, &found, wrong))
        return false;
    struct buffer texts = { 0 }, out = { 0 };
    struct cursor in = cursor_over(found);
    size_t left = cursor_array(&in), count = 0;
    bool good = true;
    for (; left > 0 && good; left--) {
        struct bytes item = cursor_skip(&in);
        struct cursor inside = cursor_over(item);
        if (type_of(item) != PACK_ARRAY) {
            good = put_target(&texts, item, &count);
            continue;
        }
        for (size_t i = cursor_array(&inside); i > 0 && good; i--)
            good = put_target(&texts, cursor_skip(&inside), &count);
    }
    pack_array(&out, count);
    buffer_append_bytes(&out, buffer_bytes(&texts));
    *targets = arena_copy(turn->out->arena, buffer_bytes(&out));
    *wrong = text("targets: expected texts, or lists of them");
    buffer_free(&texts);
    buffer_free(&out);
    return good;
}

static bool
find_spec(struct turn *turn, uint32_t step, struct bytes given, struct bytes *spec,
    struct bytes *wrong)
{
    if (given.size == 0)
        return true;
    if (!evaluate_payload(turn, step, "spec", given, spec, wrong))
        return false;
    *wrong = text("spec: expected a map");
    return type_of(*spec) == PACK_MAP || type_of(*spec) == PACK_NIL;
}

bool
ask_people(struct turn *turn, uint32_t step, const struct plan_step *plan,
    const struct question *question)
{
    struct bytes title, prompt = question->prompt, targets = { 0 }, spec = { 0 }, wrong;
    uint64_t due_ms;
    if (!evaluate_words(turn, step, "title", question->title, &title, &wrong)
        || (!question->literal
            && !evaluate_words(turn, step, "prompt", prompt, &prompt, &wrong))
        || !find_targets(turn, step, question->targets, &targets, &wrong)
        || !find_spec(turn, step, question->spec, &spec, &wrong)
        || !find_due(turn, step, question, &due_ms, &wrong)) {
        fail_template(turn, step, plan, wrong);
        return false;
    }
    uint32_t attempt = run_step(&turn->run, step)->attempt;
    struct interaction_requested requested = {
        .run = turn->run.id,
        .step = step,
        .key = plan->key,
        .attempt = attempt,
        .interaction =
            interaction_id(&turn->run.id, step, attempt, question->escalated),
        .protocol = question->protocol,
        .title = title,
        .prompt = prompt,
        .targets = targets,
        .all_of = question->all_of,
        .spec = spec,
        .due_ms = due_ms,
        .escalated = question->escalated,
    };
    turn_say(turn, &(struct message){ .code = INTERACTION_REQUESTED,
                       .interaction_requested = requested });
    return true;
}

static void
ask(struct turn *turn, uint32_t step, const struct plan_step *plan, bool escalated)
{
    struct plan_interaction i;
    plan_config_read(&plan_interaction_shape, plan->config, &i);
    (void)ask_people(turn, step, plan,
        &(struct question){
            .protocol = i.protocol,
            .title = i.title,
            .prompt = i.prompt,
            .targets = escalated ? i.escalate_to : i.targets,
            .spec = i.spec,
            .all_of = i.all_of != 0,
            .escalated = escalated,
            .expires_ms = i.expires_ms,
            .until = i.until,
        });
}

void
interaction_begin(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    ask(turn, step, plan, false);
}

static bool
look_for_request(void *self, const struct message *fact)
{
    struct interaction_requested *requested = self;
    if (fact->code != INTERACTION_REQUESTED
        || fact->interaction_requested.step != requested->step)
        return false;
    *requested = fact->interaction_requested;
    return true;
}

static struct interaction_requested
request_of(struct turn *turn, uint32_t step)
{
    struct interaction_requested requested = { .step = step };
    turn_look(turn, run_step(&turn->run, step)->called, look_for_request, &requested);
    return requested;
}

void
interaction_due(struct turn *turn, uint32_t step, const struct plan_step *plan)
{
    bool again = plan->kind == STEP_INTERACTION
                 && plan->on_timeout == ON_TIMEOUT_ESCALATE
                 && !request_of(turn, step).escalated;
    if (!again) {
        time_out_step(turn, step, plan, "nobody answered in time");
        return;
    }
    say_timed_out(turn, step, plan);
    ask(turn, step, plan, true);
}

/* ---- answers ---- */

static bool
names(struct bytes texts, struct bytes text)
{
    struct cursor in = cursor_over(texts);
    size_t count = cursor_array(&in);
    bool found = false;
    for (size_t i = 0; i < count; i++)
        found |= bytes_equal(cursor_text(&in), text);
    return found;
}

static size_t
count_of(struct bytes array)
{
    struct cursor in = cursor_over(array);
    return array.size == 0 ? 0 : cursor_array(&in);
}

/* The value that `by` has given already, or nothing. */
static struct bytes
given_by(struct bytes answers, struct bytes by)
{
    struct cursor in = cursor_over(answers);
    size_t count = answers.size == 0 ? 0 : cursor_array(&in);
    for (size_t i = 0; i < count; i++) {
        struct bytes answer = cursor_skip(&in);
        struct cursor who = cursor_over(pack_find(answer, "by"));
        if (bytes_equal(cursor_text(&who), by))
            return pack_find(answer, "value");
    }
    return (struct bytes){ 0 };
}

static bool
asks_yes_or_no(const struct interaction_requested *request)
{
    return bytes_equal(request->protocol, text("request_approval"));
}

static bool
is_no(const struct interaction_requested *request, struct bytes value)
{
    struct cursor in = cursor_over(value);
    return !bytes_equal(request->protocol, text("request_information"))
           && type_of(value) == PACK_BOOL && !cursor_bool(&in);
}

static struct refusal
object_to(const struct interaction_row *row,
    const struct interaction_requested *request, const struct interaction_respond *said,
    uint64_t now_ms)
{
    if (row->due_ms != 0 && now_ms >= row->due_ms)
        return refuse(ERR_CONFLICT, "it has expired");
    if (said->cancel)
        return refuse(ERR_NONE, "");
    if (count_of(request->targets) > 0 && !names(request->targets, said->principal))
        return refuse(ERR_FORBIDDEN,
            "it asks somebody else: a key of scope admin may answer for one of its "
            "targets, by `as`, or --as NAME");
    if (given_by(row->answers, said->principal).size > 0)
        return refuse(ERR_CONFLICT, "you have answered it already");
    if (said->value.size == 0 || pack_check(said->value) != ERR_NONE
        || (asks_yes_or_no(request) && type_of(said->value) != PACK_BOOL))
        return refuse(ERR_INVALID, asks_yes_or_no(request)
                                       ? "value: expected true or false"
                                       : "value: expected what is asked for");
    return refuse(ERR_NONE, "");
}

/* { value, approved, by, comment, responses }: the last answer, and all of them.  What
 * is no approval and no review is not approved either. */
static struct bytes
pack_output(struct turn *turn, const struct interaction_row *row,
    const struct interaction_requested *request, const struct interaction_respond *said)
{
    bool judges = !bytes_equal(request->protocol, text("request_information"));
    struct buffer out = { 0 };
    struct cursor before = cursor_over(row->answers);
    size_t count = row->answers.size == 0 ? 0 : cursor_array(&before);
    pack_map(&out, judges ? 5 : 4);
    pack_string(&out, "value");
    pack_raw(&out, said->value);
    if (judges) {
        pack_string(&out, "approved");
        pack_bool(&out, !is_no(request, said->value));
    }
    put_text(&out, "by", said->principal);
    put_text(&out, "comment", said->comment);
    pack_string(&out, "responses");
    pack_array(&out, count + 1);
    if (count > 0)
        buffer_append(&out, before.at, (size_t)(before.end - before.at));
    pack_map(&out, 4);
    put_text(&out, "by", said->principal);
    pack_string(&out, "value");
    pack_raw(&out, said->value);
    put_text(&out, "comment", said->comment);
    put_number(&out, "at_ms", turn->now_ms);
    struct bytes output = arena_copy(turn->out->arena, buffer_bytes(&out));
    buffer_free(&out);
    return output;
}

/* They are the output of the step, or will be. */
static struct refusal
must_fit(struct turn *turn, const struct interaction_row *row,
    const struct interaction_requested *request, const struct interaction_respond *said)
{
    struct bytes output = pack_output(turn, row, request, said);
    if (output.size <= turn->state->config->payload_max
        && pack_check(output) == ERR_NONE)
        return refuse(ERR_NONE, "");
    return refuse(ERR_TOO_LARGE, "all answers together would be larger than "
                                 "payload_max, or nested deeper than 32 levels");
}

/* With this answer; who is named twice answers once. */
static bool
all_have_answered(const struct interaction_row *row,
    const struct interaction_requested *request, const struct interaction_respond *said)
{
    struct cursor in = cursor_over(request->targets);
    size_t count = cursor_array(&in);
    bool all = true;
    for (size_t i = 0; i < count && all; i++) {
        struct bytes target = cursor_text(&in);
        all = bytes_equal(target, said->principal)
              || given_by(row->answers, target).size > 0;
    }
    return all;
}

/* Is all there that is asked for? */
static bool
resolves(const struct interaction_row *row, const struct interaction_requested *request,
    const struct interaction_respond *said)
{
    return said->cancel || !request->all_of || is_no(request, said->value)
           || all_have_answered(row, request, said);
}

static void
resolve(struct turn *turn, uint32_t step, const struct interaction_row *row,
    const struct interaction_requested *request, const struct interaction_respond *said)
{
    struct plan_step plan = run_plan_step(&turn->run, step);
    bool rejected = is_no(request, said->value);
    if (said->cancel) {
        fail_step(turn, step, &plan,
            (struct failure){ text("InteractionCancelled"),
                said->comment.size > 0 ? said->comment
                                       : text("the question was withdrawn") });
        return;
    }
    if (plan.kind == STEP_CHECK) {
        check_answered(turn, step, &plan, row->record, !rejected);
        return;
    }
    struct plan_interaction interaction;
    plan_config_read(&plan_interaction_shape, plan.config, &interaction);
    if (rejected && interaction.reject_fails)
        fail_step(turn, step, &plan,
            (struct failure){ text("Rejected"),
                said->comment.size > 0 ? said->comment : text("it was rejected") });
    else
        complete_step(turn, step, &plan, pack_output(turn, row, request, said));
}

static void
respond(struct turn *turn, const struct interaction_row *row,
    const struct interaction_requested *request, const struct interaction_respond *said)
{
    bool resolved = resolves(row, request, said);
    struct interaction_responded responded = {
        .run = turn->run.id,
        .step = row->step,
        .key = request->key,
        .interaction = said->interaction,
        .value = said->cancel ? (struct bytes){ 0 } : said->value,
        .comment = said->comment,
        .principal = said->principal,
        .resolved = resolved,
    };
    turn_say(turn, &(struct message){ .code = INTERACTION_RESPONDED,
                       .interaction_responded = responded });
    if (resolved)
        resolve(turn, row->step, row, request, said);
    turn_close(turn);
}

static const struct refusal nothing_asked = { .err = ERR_NOT_FOUND,
    .detail = "nothing such is asked in the project" };

/* A turn of the run that asks it. */
static bool
open_asked(struct turn *turn, const struct scheduler_state *state, uint64_t now_ms,
    struct outbox *out, const struct id *interaction, struct interaction_row *row)
{
    return interaction_read(state->journal, &out->project, interaction, row)
           && turn_open(turn, state, now_ms, out, &row->run);
}

/* Was the same said by the same before, and done?  Who withdraws a question has said
 * nothing, which is kept as nil. */
static bool
was_taken(const struct interaction_row *row, const struct interaction_respond *said)
{
    struct bytes given = given_by(row->answers, said->principal);
    bool withdrew = row->status == INTERACTION_CANCELLED && type_of(given) == PACK_NIL;
    if (said->cancel || withdrew)
        return said->cancel && withdrew;
    return given.size > 0 && bytes_equal(given, said->value);
}

/* Who asks again whether it was, hears so. */
void
on_interaction_respond(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct interaction_respond *said = &in->interaction_respond;
    struct interaction_row row;
    struct turn turn;

    if (!open_asked(&turn, state, now_ms, out, &said->interaction, &row)) {
        refuse_request(out, said->request, nothing_asked);
        return;
    }
    if (was_taken(&row, said)) {
        accept_run(&turn, said->request, true, false);
        return;
    }
    if (row.status != INTERACTION_PENDING || run_closing(&turn.run)) {
        refuse_request(out, said->request,
            refuse(ERR_CONFLICT, row.status == INTERACTION_EXPIRED ? "it has expired"
                                 : row.status == INTERACTION_COMPLETED
                                     ? "it was answered already"
                                     : "it is asked no more"));
        return;
    }
    struct interaction_requested request = request_of(&turn, row.step);
    struct refusal refusal = object_to(&row, &request, said, now_ms);
    if (refusal.err == ERR_NONE && !said->cancel)
        refusal = must_fit(&turn, &row, &request, said);
    if (refusal.err != ERR_NONE) {
        refuse_request(out, said->request, refusal);
        return;
    }
    respond(&turn, &row, &request, said);
    accept_run(&turn, said->request, true, false);
}

/* A question that is still asked has to be answered or withdrawn first: whoever waits
 * for it would wait for ever. */
void
on_interaction_delete(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct interaction_delete *said = &in->interaction_delete;
    struct interaction_row row;
    struct turn turn;

    if (!open_asked(&turn, state, now_ms, out, &said->interaction, &row)) {
        refuse_request(out, said->request, nothing_asked);
        return;
    }
    if (row.status == INTERACTION_PENDING) {
        refuse_request(out, said->request,
            refuse(ERR_CONFLICT, "it is still asked: answer or withdraw it first"));
        return;
    }
    struct interaction_deleted deleted = {
        .run = turn.run.id,
        .interaction = said->interaction,
        .by = said->by,
    };
    turn_say(&turn, &(struct message){
                        .code = INTERACTION_DELETED, .interaction_deleted = deleted });
    accept_run(&turn, said->request, true, false);
}

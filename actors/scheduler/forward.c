/* Starts that another partition decides: that of their automation, whose runs see each
 * other.  The key stays decided here, and the client is answered through its gateway.
 *
 * It may be told a start twice, and may have refused it in between: so a refusal is a
 * fact there, by the number under which it was asked, and who asks under that number
 * again, or an earlier one, hears it again.  Who asks anew, under the same key, is
 * decided anew.
 */
#include "actors/scheduler/policy.h"
#include "actors/scheduler/tellings.h"

static struct bytes
copy(struct outbox *out, struct bytes bytes)
{
    return arena_copy(out->arena, bytes);
}

void
forward_start(const struct scheduler_state *state, struct outbox *out,
    const struct start *start, const struct run_forwarded *more)
{
    uint64_t number = journal_last(state->journal) + 1;
    say_run_forwarded(
        out, (struct run_forwarded){
                 .run = start->run,
                 .request = more->request,
                 .gateway = more->gateway,
                 .automation = copy(out, start->automation),
                 .key = copy(out, start->key),
                 .inputs = copy(out, start->inputs),
                 .source = copy(out, start->source),
                 .version = start->version,
                 .data = copy(out, start->data),
                 .meta = copy(out, start->meta),
                 .config = copy(out, start->config),
                 .trigger = copy(out, start->trigger),
                 .concurrency = start->concurrency,
                 .runs_max = start->runs_max,
                 .slot_ms = more->slot_ms,
                 .event = more->event,
                 .fired = more->fired,
                 .number = number,
                 .settled = tellings_settled(state, id_partition(&start->run), number),
                 .echo = start->echo,
             });
}

void
apply_forwarded(struct scheduler_state *s, const struct message *fact)
{
    const struct run_forwarded *f = &fact->run_forwarded;
    struct telling telling = { .peer = id_partition(&f->run),
        .subject = f->run,
        .kind = TELLING_FORWARD,
        .record = journal_last(s->journal),
        .project = fact->envelope.project,
        .run = f->run };
    if (f->key.size > 0) {
        struct row_key key = start_key(&telling.project, f->key);
        scheduler_put(s, &key, id_bytes(&f->run));
    }
    telling_put(s, &telling);
}

/* The key of a start that was refused goes on naming its run: the start may be on its
 * way once more, and whoever asks again must not make another. */
void
apply_forward_settled(struct scheduler_state *s, const struct message *fact)
{
    const struct forward_settled *settled = &fact->forward_settled;
    telling_drop(s, id_partition(&settled->run), &settled->run, TELLING_FORWARD,
        settled->number);
}

/* ---- there ---- */

/* A key that was refused here may come again with an automation of another home. */
static struct refusal
start_here(struct turn *turn, const struct start *start)
{
    const struct scheduler_state *state = turn->state;
    struct start_of of;
    struct refusal refusal = start_find(state, turn->out, start, &of);
    if (refusal.err == ERR_NONE
        && home_of(state, &of.kept->plan, start, &of.row.automation)
               != state->partition)
        return refuse(ERR_CONFLICT, "the key was used to start another automation");
    return refusal.err == ERR_NONE ? start_run(turn, start) : refusal;
}

void
on_run_forwarded(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct run_forwarded *f = &in->run_forwarded;
    struct forward_taken taken = { .run = f->run, .existed = 1, .number = f->number };
    uint32_t asker = in->envelope.instance;
    struct turn turn;
    if (refusal_find(state, out, asker, &taken)) {
        say_forward_taken(out, taken);
        return;
    }
    if (!turn_open(&turn, state, now_ms, out, &f->run)) {
        struct start start = {
            .run = f->run,
            .automation = f->automation,
            .version = f->version,
            .key = f->key,
            .inputs = f->inputs,
            .source = f->source,
            .trigger = f->trigger,
            .data = f->data,
            .meta = f->meta,
            .config = f->config,
            .concurrency = (enum plan_concurrency)f->concurrency,
            .runs_max = f->runs_max,
            .echo = f->echo != 0,
        };
        struct refusal refusal = start_here(&turn, &start);
        if (refusal.err != ERR_NONE) {
            taken.existed = 0;
            taken.err = refusal.err;
            taken.detail = text(refusal.detail);
            taken.details = refusal.details;
            note_refusal(out, asker, f, &taken);
            say_forward_taken(out, taken);
            return;
        }
        turn_close(&turn);
        taken.existed = 0;
    }
    taken.automation = turn.run.row.automation;
    taken.name = copy(out, turn.run.row.name);
    taken.version = turn.run.row.version;
    taken.status = turn.run.row.status;
    taken.started_ms = turn.run.row.started_ms;
    say_forward_taken(out, taken);
}

/* ---- and back ---- */

struct answering {
    const struct scheduler_state *state;
    const struct forward_taken *taken;
    struct outbox *out;
    uint32_t count;
};

static void
answer_client(
    struct answering *a, const struct run_forwarded *asked, struct message answer)
{
    const struct forward_taken *taken = a->taken;
    if (taken->err != ERR_NONE) {
        answer.code = REFUSED;
        answer.refused = (struct refused){
            .request = asked->request,
            .err = taken->err,
            .detail = taken->detail,
            .details = taken->details,
        };
    } else {
        answer.code = RUN_ACCEPTED;
        answer.run_accepted = (struct run_accepted){
            .request = asked->request,
            .run = taken->run,
            .automation = taken->automation,
            .name = taken->name,
            .version = taken->version,
            .status = taken->status,
            .started_ms = taken->started_ms,
            .existed = taken->existed,
        };
    }
    outbox_put_to(a->out, ACTOR_gateway, asked->gateway, &answer);
}

static void
answer_trigger(struct answering *a, const struct run_forwarded *asked)
{
    struct id automation;
    if (id_read(asked->automation, "aut_", &automation) != ERR_NONE)
        return;
    if (a->taken->err != ERR_NONE)
        say_fire_refused(a->out, (struct fire_refused){
                                     .run = asked->fired,
                                     .automation = automation,
                                     .trigger = asked->trigger,
                                     .slot_ms = asked->slot_ms,
                                     .event = asked->event,
                                     .refusal = refusal_words(a->out->arena,
                                         a->taken->detail, a->taken->details),
                                 });
    else
        outbox_put_to(a->out, ACTOR_trigger, 0,
            &(struct message){ .code = FIRE_TAKEN,
                .fire_taken = {
                    .automation = automation,
                    .trigger = asked->trigger,
                    .slot_ms = asked->slot_ms,
                    .run = a->taken->run,
                    .event = asked->event,
                } });
}

/* Who asked twice is answered twice; more than a turn takes asks again. */
static void
answer(void *self, const struct telling *telling)
{
    struct answering *a = self;
    if (a->taken->err != ERR_NONE && a->taken->number != 0
        && a->taken->number != telling->record)
        return; /* another was refused */
    a->count++;
    if (!outbox_has_room(a->out, TURN_RESERVE))
        return;
    a->out->project = telling->project;
    struct run_forwarded asked = telling_fact(a->state, a->out, telling).run_forwarded;
    if (asked.request != 0)
        answer_client(a, &asked, (struct message){ .again = false });
    else
        answer_trigger(a, &asked);
}

void
on_forward_taken(
    const struct scheduler_state *state, const struct message *in, struct outbox *out)
{
    const struct forward_taken *taken = &in->forward_taken;
    struct answering answering = { state, taken, out, 0 };
    tellings_about(state, id_partition(&taken->run), &taken->run, TELLING_FORWARD,
        answer, &answering);
    if (answering.count > 0)
        say_forward_settled(
            out, (struct forward_settled){ taken->run, taken->err, taken->detail,
                     taken->err == ERR_NONE ? 0 : taken->number });
}

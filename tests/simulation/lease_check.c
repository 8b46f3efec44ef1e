/* What the lease actor says, against what it was told in this life. */
#include "actors/lease/state.h"
#include "base/pack.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

#include <inttypes.h>
#include <stdlib.h>

/* The last word of its scheduler about a job. */
struct word {
    uint8_t key[ID_SIZE + 4]; /* run and step */
    struct list link;
    uint64_t life, reset; /* of the lease actor; how often that scheduler began anew */
    uint32_t attempt, offer;    /* on offer; 0: none */
    uint32_t withdrawn_attempt; /* nobody wants it, nor any before; 0: none */
    uint64_t withdrawn_ms;
    char queue[16]; /* that it asks for: the same in every life */
};

void
words_open(struct words *words)
{
    list_open(&words->all);
}

void
words_free(struct words *words)
{
    struct list *at;
    while ((at = list_first(&words->all)) != NULL) {
        list_remove(at);
        free(LIST_OF(at, struct word, link));
    }
    map_free(&words->by_job);
}

static struct word *
word_about(const struct machine *m, const struct id *run, uint32_t step)
{
    struct words *words = &m->sim->oracle->words;
    uint8_t key[ID_SIZE + 4];
    memcpy(key, run->bytes, ID_SIZE);
    for (int i = 0; i < 4; i++)
        key[ID_SIZE + i] = (uint8_t)(step >> (24 - 8 * i));
    struct word *word = map_get(&words->by_job, bytes_of(key, sizeof key));
    if (word == NULL) {
        word = sim_room(sizeof *word);
        memcpy(word->key, key, sizeof key);
        list_append(&words->all, &word->link);
        map_put(&words->by_job, bytes_of(word->key, sizeof word->key), word);
    }
    if (word->life != m->life)
        word->attempt = word->offer = word->withdrawn_attempt = 0;
    word->life = m->life;
    return word;
}

/* The job as the table had it when this was decided, if it is held. */
static const struct job *
job_held(const struct machine *m, const struct id *run, uint32_t step)
{
    const struct lease_state *s = m->state;
    const struct job *job = table_job(&s->table, run, step);
    return job != NULL && job->state == JOB_HELD ? job : NULL;
}

static bool
says_cancel(const struct outbox *out, const struct id *session)
{
    for (size_t i = 0; i < out->count; i++)
        if (out->messages[i].code == JOB_CANCEL
            && id_equal(&out->messages[i].job_cancel.session, session))
            return true;
    return false;
}

static void
a_holder_is_told_to_stop(const struct machine *m, const struct job_withdrawn *withdrawn,
    const struct outbox *out)
{
    const struct job *job = job_held(m, &withdrawn->run, withdrawn->step);
    HOLDS(m->sim,
        job == NULL || job->name.attempt > withdrawn->attempt
            || says_cancel(out, &job->name.session),
        "step %" PRIu32 " attempt %" PRIu32, withdrawn->step, withdrawn->attempt);
}

static bool
names(struct bytes list, struct bytes token)
{
    struct cursor c = cursor_over(list);
    size_t count = list.size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(cursor_blob(&c), token))
            return true;
    return false;
}

/* By the next heartbeat that names the job; one that is adopted after it was withdrawn
 * is the scheduler's to refuse. */
static void
a_holder_is_told_to_stop_again(const struct machine *m,
    const struct worker_heartbeat *beat, const struct heartbeat_answer *answer)
{
    struct cursor c = cursor_over(beat->held);
    size_t count = beat->held.size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count; i++) {
        struct bytes token = cursor_blob(&c);
        struct lease_name name;
        if (!lease_token_read(m->sim->secret, token, &name))
            continue;
        const struct job *job = job_held(m, &name.run, name.step);
        const struct word *word = word_about(m, &name.run, name.step);
        bool its = job != NULL && job->name.attempt == name.attempt
                   && job->name.offer == name.offer
                   && job->since_ms < word->withdrawn_ms
                   && id_equal(&job->name.session, &beat->session);
        HOLDS(m->sim,
            !its || name.attempt > word->withdrawn_attempt
                || names(answer->cancel, token),
            "step %" PRIu32 " attempt %" PRIu32, name.step, name.attempt);
    }
}

static void
only_what_is_on_offer_is_granted(
    const struct machine *m, const struct job_granted *granted)
{
    const struct word *word = word_about(m, &granted->run, granted->step);
    uint64_t reset = m->sim->oracle->words.resets[id_partition(&granted->run)];
    HOLDS(m->sim, granted->attempt > word->withdrawn_attempt,
        "attempt %" PRIu32 " was withdrawn", granted->attempt);
    HOLDS(m->sim,
        word->attempt == granted->attempt && word->offer == granted->offer
            && word->reset == reset,
        "attempt %" PRIu32 " offer %" PRIu32 ", not %" PRIu32 " and %" PRIu32,
        granted->attempt, granted->offer, word->attempt, word->offer);
}

static void
a_job_goes_to_its_own_project(
    const struct machine *m, const struct message *said, const struct session *session)
{
    HOLDS(m->sim, id_equal(&session->project, &said->envelope.project),
        "step %" PRIu32 " does not", said->job_granted.step);
}

static void
a_worker_gets_no_more_than_it_takes(
    const struct machine *m, const struct session *session)
{
    HOLDS(m->sim,
        session->held_count < session->capacity
            && session->capacity <= m->sim->config.session_jobs_max,
        "it holds %" PRIu32 " of %" PRIu32, session->held_count, session->capacity);
}

static void
a_chunk_comes_from_the_holder(const struct machine *m, const struct job_printed *said,
    const struct job_log *heard)
{
    const struct job *job = job_held(m, &said->run, said->step);
    HOLDS(m->sim,
        job != NULL && job->name.attempt == said->attempt
            && id_equal(&job->name.session, &heard->session),
        "step %" PRIu32 " attempt %" PRIu32, said->step, said->attempt);
}

/* Its log says who had the job before what that one said or lost. */
static void
a_lease_is_told_before_what_follows(
    const struct machine *m, const struct outbox *out, size_t at)
{
    const struct job_lost *said = &out->messages[at].job_lost;
    const struct job *job = job_held(m, &said->run, said->step);
    bool told = job == NULL || list_empty(&job->of_resay);
    for (size_t i = 0; i < at; i++)
        told |= out->messages[i].code == JOB_LEASED
                && out->messages[i].job_leased.step == said->step
                && id_equal(&out->messages[i].job_leased.run, &said->run);
    HOLDS(m->sim, told, "step %" PRIu32, said->step);
}

/* By itself if it lasts; by its report before that. */
static void
a_report_tells_its_lease(const struct machine *m, const struct job_reported *said)
{
    struct lease_name name = { said->run, said->step, said->attempt, said->offer,
        said->session };
    const struct job *job = job_held(m, &said->run, said->step);
    bool held = job != NULL && lease_current(m->state, &name);
    HOLDS(m->sim, held == (said->worker.size > 0), "step %" PRIu32, said->step);
    if (held && !list_empty(&job->of_resay))
        sim_probe(PROBE_LEASE_REPORTED);
}

static void
note_queue(struct word *word, struct bytes queue)
{
    size_t size = queue.size < sizeof word->queue ? queue.size : sizeof word->queue - 1;
    if (size > 0)
        memcpy(word->queue, queue.data, size);
    word->queue[size] = '\0';
}

/* Those that are out are counted anew, by what was said of their queues in any life;
 * but of a lease that was adopted by its token alone, its scheduler has yet to say
 * whether it is one. */
static void
no_more_jobs_of_a_queue_are_out_than_its_limit_says(
    const struct machine *m, const struct message *said)
{
    const struct lease_state *s = m->state;
    const struct job_granted *granted = &said->job_granted;
    const struct queue *queue =
        queues_find(&s->table.queues, &said->envelope.project, granted->queue);
    uint32_t out = 0;
    if (queue == NULL || queue->limit == 0)
        return;
    for (struct list *at = s->table.all_jobs.next; at != &s->table.all_jobs;
         at = at->next) {
        const struct job *job = LIST_OF(at, struct job, of_table);
        const struct word *word = word_about(m, &job->name.run, job->name.step);
        out += (job->state == JOB_HELD || job->state == JOB_ADOPTABLE)
               && job->out_of != NULL
               && id_equal(&job->project, &said->envelope.project)
               && bytes_equal(text(word->queue), granted->queue);
    }
    HOLDS(m->sim, out < queue->limit, "%" PRIu32 " are out, of %" PRIu32, out,
        queue->limit);
    if (out + 1 == queue->limit)
        sim_probe(PROBE_QUEUE_FULL);
}

static void
check_grant(const struct machine *m, const struct message *said)
{
    const struct lease_state *s = m->state;
    const struct session *session =
        table_session(&s->table, &said->job_granted.session);
    only_what_is_on_offer_is_granted(m, &said->job_granted);
    a_job_goes_to_its_own_project(m, said, session);
    a_worker_gets_no_more_than_it_takes(m, session);
    no_more_jobs_of_a_queue_are_out_than_its_limit_says(m, said);
}

static void
note_word(const struct machine *m, const struct message *in)
{
    struct words *words = &m->sim->oracle->words;
    const struct job_offered *offered = &in->job_offered;
    const struct job_withdrawn *withdrawn = &in->job_withdrawn;
    struct word *word;
    switch ((int)in->code) {
    case HELLO:
        if (in->envelope.from == ACTOR_scheduler && in->hello.resync != RESYNC_ASKED)
            words->resets[in->envelope.instance]++;
        return;
    case JOB_OFFERED:
        word = word_about(m, &offered->run, offered->step);
        word->attempt = offered->leased ? 0 : offered->attempt;
        word->offer = offered->offer;
        note_queue(word, offered->queue);
        word->reset = words->resets[id_partition(&offered->run)];
        return;
    case JOB_WITHDRAWN:
        word = word_about(m, &withdrawn->run, withdrawn->step);
        word->withdrawn_attempt = withdrawn->attempt;
        word->withdrawn_ms = machine_now_ms(m);
        return;
    default: return;
    }
}

void
lease_check_end(const struct machine *m)
{
    const struct lease_state *s = m->state;
    if (!list_empty(&s->table.unsaid))
        sim_probe(PROBE_DIED_UNTOLD);
}

void
lease_check(const struct machine *m, const struct message *in, const struct outbox *out)
{
    if (in != NULL && in->code == JOB_WITHDRAWN)
        a_holder_is_told_to_stop(m, &in->job_withdrawn, out);
    if (in != NULL)
        note_word(m, in);
    for (size_t i = 0; i < out->count; i++) {
        const struct message *said = &out->messages[i];
        if (said->code == JOB_GRANTED)
            check_grant(m, said);
        else if (said->code == JOB_PRINTED)
            a_chunk_comes_from_the_holder(m, &said->job_printed, &in->job_log);
        else if (said->code == JOB_REPORTED)
            a_report_tells_its_lease(m, &said->job_reported);
        else if (said->code == HEARTBEAT_ANSWER && said->heartbeat_answer.known)
            a_holder_is_told_to_stop_again(
                m, &in->worker_heartbeat, &said->heartbeat_answer);
        if (said->code == JOB_PRINTED || said->code == JOB_LOST
            || said->code == JOB_RETURNED)
            a_lease_is_told_before_what_follows(m, out, i);
    }
}

#include "actors/lease/state.h"
#include "base/put.h"

#include <assert.h>

enum { INSTANCE_MAX = 200 };

static void
refuse(struct outbox *out, uint64_t request, enum err err, const char *detail)
{
    say_refused(out,
        (struct refused){ .request = request, .err = err, .detail = text(detail) });
}

/* What a session says it holds, told apart. */
struct claim {
    const struct lease_state *state;
    struct outbox *out;
    uint64_t now_ms;
    struct id session;
    struct bytes instance; /* of the session */
    struct bytes held;     /* msgpack array of tokens */
    struct map said;       /* those of them that were judged */
    bool each;             /* it holds others besides, perhaps */
    struct buffer *lost, *cancel;
    size_t lost_count, cancel_count;
};

static struct bytes
token_of(const struct claim *claim, const struct job *job)
{
    return tokens_make(claim->state->tokens, &job->name, claim->out->arena);
}

/* May the session go on with a job that we do not have it down for?  Yes if we do not
 * know the job, or wait for its holder: our life is younger than the lease.  Whether it
 * is current is then the scheduler's to say. */
static bool
adoptable(const struct lease_state *s, const struct lease_name *name)
{
    const struct job *job = table_job(&s->table, &name->run, name->step);
    return job == NULL
           || (job->state == JOB_ADOPTABLE && job->name.attempt == name->attempt
               && job->name.offer == name->offer);
}

static void
adopt(struct claim *claim, const struct lease_name *name)
{
    say_job_adopted(claim->out, (struct job_adopted){
                                    .run = name->run,
                                    .step = name->step,
                                    .attempt = name->attempt,
                                    .offer = name->offer,
                                    .session = name->session,
                                });
    say_job_leased(claim->out,
        (struct job_leased){
            .run = name->run,
            .step = name->step,
            .attempt = name->attempt,
            .offer = name->offer,
            .session = name->session,
            .worker = claim->instance,
            .unknown = table_job(&claim->state->table, &name->run, name->step) == NULL,
        });
}

static void
judge(struct claim *claim, struct bytes token)
{
    const struct lease_state *s = claim->state;
    struct lease_name name;
    bool genuine = tokens_read(s->tokens, token, &name)
                   && id_equal(&name.session, &claim->session)
                   && id_partition(&name.run) < s->config->schedulers;

    if (genuine && lease_current(s, &name)) {
        if (claim->each && outbox_has_room(claim->out, 8))
            say_job_heard(
                claim->out, (struct job_heard){ .run = name.run, .step = name.step });
        if (!table_job(&s->table, &name.run, name.step)->cancelled)
            return;
        pack_blob(claim->cancel, token);
        claim->cancel_count++;
        return;
    }
    if (genuine && adoptable(s, &name) && outbox_has_room(claim->out, 8)) {
        adopt(claim, &name);
        return;
    }
    if (genuine && adoptable(s, &name))
        return; /* the next heartbeat says it again */
    pack_blob(claim->lost, token);
    claim->lost_count++;
}

/* A grant that the session should have by now, and does not name, never arrived. */
static void
return_ungranted(struct claim *claim, uint64_t patience_ms)
{
    const struct lease_state *s = claim->state;
    const struct session *session = table_session(&s->table, &claim->session);
    if (session == NULL)
        return;
    for (struct list *at = session->held.next; at != &session->held; at = at->next) {
        const struct job *job = LIST_OF(at, struct job, of_session);
        if (!outbox_has_room(claim->out, 8))
            return;
        if (job->since_ms + patience_ms <= claim->now_ms
            && map_get(&claim->said, token_of(claim, job)) == NULL)
            say_over(job, false, claim->out);
    }
}

static struct bytes
array_of(struct outbox *out, size_t count, const struct buffer *items)
{
    struct buffer array = { 0 };
    if (count == 0)
        return (struct bytes){ 0 };
    pack_array(&array, count);
    buffer_append_bytes(&array, buffer_bytes(items));
    struct bytes copy = arena_copy(out->arena, buffer_bytes(&array));
    buffer_free(&array);
    return copy;
}

static bool
pack_recalled(const struct claim *claim, const struct job *job, struct buffer *tokens)
{
    struct bytes token = token_of(claim, job);
    if (map_get(&claim->said, token) != NULL)
        return false;
    pack_blob(tokens, token);
    return true;
}

/* The leases of before that are the session's, though it does not name them.  What it
 * holds in our table is told if its gateway began anew (`stray`): else a grant that is
 * not named never arrived. */
static struct bytes
recall(struct claim *claim, const struct session *stray)
{
    const struct list *adoptable = &claim->state->table.adoptable;
    struct buffer tokens = { 0 };
    size_t count = 0;
    for (struct list *at = stray == NULL ? NULL : stray->held.next;
         at != NULL && at != &stray->held; at = at->next)
        count += pack_recalled(claim, LIST_OF(at, struct job, of_session), &tokens);
    for (struct list *at = adoptable->next;
         at != adoptable && outbox_has_room(claim->out, 8); at = at->next) {
        const struct job *job = LIST_OF(at, struct job, of_waiting);
        if (!id_equal(&job->name.session, &claim->session)
            || !id_equal(&job->project, &claim->out->project)
            || !pack_recalled(claim, job, &tokens))
            continue;
        adopt(claim, &job->name);
        count++;
    }
    struct bytes recalled = array_of(claim->out, count, &tokens);
    buffer_free(&tokens);
    return recalled;
}

/* Its session, if that was of an earlier life of the gateway that asks for it. */
static const struct session *
stray_of(const struct lease_state *s, const struct message *in, const struct id *id)
{
    const struct session *session = table_session(&s->table, id);
    return in->worker_register.recall != 0 && session != NULL && session->stray
                   && id_equal(&session->project, &in->envelope.project)
               ? session
               : NULL;
}

/* Fill in what is lost and what to cancel of `held`. */
static void
judge_all(struct claim *claim, struct bytes *lost, struct bytes *cancel)
{
    struct buffer lost_items = { 0 }, cancel_items = { 0 };
    struct cursor c = cursor_over(claim->held);
    size_t count = claim->held.size == 0 ? 0 : cursor_array(&c);
    claim->lost = &lost_items;
    claim->cancel = &cancel_items;
    for (size_t i = 0; i < count && !c.bad; i++) {
        struct bytes token = cursor_blob(&c);
        if (token.size > 0)
            map_put(&claim->said, token, claim);
        judge(claim, token);
    }
    *lost = array_of(claim->out, claim->lost_count, &lost_items);
    *cancel = array_of(claim->out, claim->cancel_count, &cancel_items);
    buffer_free(&lost_items);
    buffer_free(&cancel_items);
}

/* Another live process uses the name: it is heard, and this one is not it. */
static bool
in_use(const struct lease_state *s, uint64_t now_ms, const struct session *other,
    const struct id *session)
{
    return other != NULL && !id_equal(&other->id, session) && other->connected
           && other->heard_ms + 2 * s->config->heartbeat_ms > now_ms;
}

static void
join(const struct lease_state *s, const struct message *in, const struct id *id,
    struct outbox *out)
{
    const struct worker_register *asked = &in->worker_register;
    uint32_t max = s->config->session_jobs_max;
    say_worker_joined(
        out, (struct worker_joined){
                 .session = *id,
                 .instance = asked->instance,
                 .name = asked->name,
                 .version = asked->version,
                 .queues = asked->queues,
                 .actions = asked->actions,
                 .labels = asked->labels,
                 .environment = asked->environment,
                 .capacity = asked->capacity < max ? asked->capacity : max,
                 .dialect = asked->dialect,
                 .each = asked->each,
                 .recall = asked->recall,
                 .gateway = in->envelope.instance,
             });
}

void
on_register(const struct lease_state *s, uint64_t now_ms, const struct message *in,
    struct outbox *out)
{
    const struct worker_register *asked = &in->worker_register;
    struct id id = asked->session;

    if (asked->instance.size == 0 || asked->instance.size > INSTANCE_MAX) {
        refuse(out, asked->request, ERR_INVALID, "instance must have 1 to 200 bytes");
        return;
    }
    if (asked->token.size > 0)
        session_token_read(
            s->secret, asked->token, &out->project, asked->instance, &id);
    if (in_use(s, now_ms, table_instance(&s->table, &out->project, asked->instance),
            &id)) {
        refuse(out, asked->request, ERR_CONFLICT,
            "another live worker uses this instance id");
        return;
    }
    if (s->table.sessions.count >= s->config->sessions_max
        && table_session(&s->table, &id) == NULL) {
        refuse(out, asked->request, ERR_BUSY, "as many workers as sessions_max");
        return;
    }
    join(s, in, &id, out);
    struct claim claim = {
        .state = s,
        .out = out,
        .now_ms = now_ms,
        .session = id,
        .instance = asked->instance,
        .held = asked->held,
        .each = asked->each != 0,
    };
    struct bytes lost, cancel, recalled = { 0 };
    const struct session *stray = stray_of(s, in, &id);
    judge_all(&claim, &lost, &cancel);
    if (asked->recall != 0)
        recalled = recall(&claim, stray);
    if (!claim.each && stray == NULL)
        return_ungranted(
            &claim, asked->again != 0 ? 2 * (uint64_t)s->config->heartbeat_ms : 0);
    map_free(&claim.said);
    out->project = in->envelope.project;
    struct message m = { .code = WORKER_REGISTERED };
    m.worker_registered = (struct worker_registered){
        .request = asked->request,
        .session = id,
        .token =
            session_token(s->secret, &id, &out->project, asked->instance, out->arena),
        .lease_ms = s->config->lease_ms,
        .heartbeat_ms = s->config->heartbeat_ms,
        .lost = lost,
        .recalled = recalled,
    };
    outbox_put_to(out, ACTOR_gateway, in->envelope.instance, &m);
}

static const struct session *
known(const struct lease_state *s, const struct message *in, const struct id *id)
{
    const struct session *session = table_session(&s->table, id);
    return session != NULL && !session->leaving
                   && id_equal(&session->project, &in->envelope.project)
               ? session
               : NULL;
}

void
on_ready(const struct lease_state *s, const struct message *in, struct outbox *out)
{
    const struct worker_ready *ready = &in->worker_ready;
    uint32_t max = s->config->session_jobs_max;
    if (known(s, in, &ready->session) != NULL)
        say_worker_heard(
            out, (struct worker_heard){
                     .session = ready->session,
                     .capacity = (ready->capacity < max ? ready->capacity : max) + 1,
                 });
}

/* Whoever speaks for the holder has heard nothing from it for too long. */
static void
lose_silent(const struct lease_state *s, const struct worker_heartbeat *beat,
    struct outbox *out)
{
    struct cursor c = cursor_over(beat->silent);
    size_t count = beat->silent.size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count && !c.bad && outbox_has_room(out, 8); i++) {
        struct lease_name name;
        if (tokens_read(s->tokens, cursor_blob(&c), &name)
            && id_equal(&name.session, &beat->session) && lease_current(s, &name))
            say_over(table_job(&s->table, &name.run, name.step), true, out);
    }
}

void
on_heartbeat(const struct lease_state *s, uint64_t now_ms, const struct message *in,
    struct outbox *out)
{
    const struct worker_heartbeat *beat = &in->worker_heartbeat;
    struct heartbeat_answer answer = { .session = beat->session,
        .request = beat->request };

    const struct session *session = known(s, in, &beat->session);
    if (session != NULL) {
        struct claim claim = { .state = s,
            .out = out,
            .now_ms = now_ms,
            .session = beat->session,
            .instance = arena_copy(out->arena, session->instance),
            .held = beat->held,
            .each = session->each };
        answer.known = 1;
        say_worker_heard(out, (struct worker_heard){ .session = beat->session });
        judge_all(&claim, &answer.lost, &answer.cancel);
        if (session->recall)
            answer.recalled = recall(&claim, NULL);
        lose_silent(s, beat, out);
        if (!claim.each)
            return_ungranted(&claim, 2 * (uint64_t)s->config->heartbeat_ms);
        map_free(&claim.said);
        out->project = in->envelope.project;
    }
    say_heartbeat_answer(out, answer);
}

struct session *
idle_session(const struct lease_state *s, struct bytes ids, size_t i)
{
    struct id id;
    memcpy(id.bytes, ids.data + i * ID_SIZE, ID_SIZE);
    struct session *session = table_session(&s->table, &id);
    return session == NULL || session->leaving ? NULL : session;
}

/* Of a session that, as its gateway knows, holds nothing. */
static void
judge_idle(const struct lease_state *s, uint64_t now_ms, const struct session *session,
    struct outbox *out)
{
    struct claim claim = { .state = s,
        .out = out,
        .now_ms = now_ms,
        .session = session->id,
        .instance = arena_copy(out->arena, session->instance) };
    struct heartbeat_answer answer = { .session = session->id, .known = 1 };
    if (session->held_count > 0 && !session->each)
        return_ungranted(&claim, 2 * (uint64_t)s->config->heartbeat_ms);
    if (!session->recall || list_empty(&s->table.adoptable))
        return;
    out->project = session->project;
    answer.recalled = recall(&claim, NULL);
    if (answer.recalled.size > 0)
        say_heartbeat_answer(out, answer);
}

void
on_idle(const struct lease_state *s, uint64_t now_ms, const struct message *in,
    struct outbox *out)
{
    const struct workers_idle *idle = &in->workers_idle;
    const struct bytes lists[] = { idle->heard, idle->kept };
    for (size_t list = 0; list < COUNT(lists); list++)
        for (size_t i = 0; i < lists[list].size / ID_SIZE; i++) {
            const struct session *session = idle_session(s, lists[list], i);
            struct heartbeat_answer unknown = { 0 };
            if (!outbox_has_room(out, 8))
                break; /* the next time says it again */
            if (session != NULL) {
                judge_idle(s, now_ms, session, out);
                continue;
            }
            memcpy(unknown.session.bytes, lists[list].data + i * ID_SIZE, ID_SIZE);
            say_heartbeat_answer(out, unknown);
        }
    say_workers_idle(out, *idle);
}

void
on_gone(const struct lease_state *s, const struct message *in, struct outbox *out)
{
    const struct worker_gone *gone = &in->worker_gone;
    struct id id = gone->session;
    if (gone->token.size > 0)
        session_token_read(s->secret, gone->token, &out->project, gone->instance, &id);
    const struct session *session = known(s, in, &id);
    if (session != NULL && session->gateway == in->envelope.instance)
        say_worker_left(
            out, (struct worker_left){ .session = id, .leaving = gone->goodbye });
}

static void
pack_list(struct buffer *out, const char *key, struct bytes list)
{
    pack_string(out, key);
    if (list.size == 0)
        pack_array(out, 0);
    else
        pack_raw(out, list);
}

static void
pack_id(struct buffer *out, const char *key, const struct id *id, const char *prefix)
{
    char printed[ID_TEXT_MAX];
    put_text(out, key, text(id_print(id, prefix, printed)));
}

enum { JOBS_LISTED_MAX = 2048 };

/* The longest first; of a session that holds more `busy` says how many. */
static void
pack_held(struct buffer *out, const struct session *session)
{
    uint32_t count = session->held_count;
    count = count < JOBS_LISTED_MAX ? count : JOBS_LISTED_MAX;
    pack_string(out, "jobs");
    pack_array(out, count);
    for (struct list *at = session->held.next; count-- > 0; at = at->next) {
        const struct job *job = LIST_OF(at, struct job, of_session);
        struct id id = id_derive(&job->name.run, job->name.step);
        pack_map(out, 5);
        pack_id(out, "job", &id, "job_");
        pack_id(out, "run", &job->name.run, "run_");
        put_number(out, "step_index", job->name.step);
        put_number(out, "attempt", job->name.attempt);
        put_number(out, "leased_ms", job->since_ms);
    }
}

static void
pack_session(struct buffer *out, const struct session *session)
{
    const char *status = session->leaving         ? "leaving"
                         : !session->connected    ? "disconnected"
                         : session->capacity == 0 ? "draining"
                                                  : "active";
    pack_map(out, 14);
    pack_id(out, "id", &session->id, "wsess_");
    put_text(out, "instance", session->instance);
    put_text(out, "name", session->name);
    put_text(out, "version", session->version);
    put_text(out, "dialect", session->dialect);
    put_text(out, "status", text(status));
    pack_list(out, "queues", session->queues);
    pack_list(out, "actions", session->actions);
    pack_list(out, "labels", session->labels);
    put_text(out, "environment", session->environment);
    put_number(out, "concurrency", session->capacity);
    put_number(out, "busy", session->held_count);
    put_number(out, "heard_ms", session->heard_ms);
    pack_held(out, session);
}

static void
put_items(struct buffer *out, size_t count, struct bytes items)
{
    pack_string(out, "items");
    pack_array(out, count);
    buffer_append_bytes(out, items);
}

static void
answer_with(uint64_t request, struct bytes document, struct outbox *out)
{
    say_document(out, (struct document){
                          .request = request,
                          .document = arena_copy(out->arena, document),
                      });
}

void
say_items(uint64_t request, size_t count, struct bytes items, struct outbox *out)
{
    struct buffer document = { 0 };
    pack_map(&document, 1);
    put_items(&document, count, items);
    answer_with(request, buffer_bytes(&document), out);
    buffer_free(&document);
}

enum { LISTED_MAX = 1000, LISTED_BYTES_MAX = 512 * 1024 };

/* Of all sessions of a project, listed or not. */
struct totals {
    uint64_t sessions, connected, concurrency, busy;
};

static void
add_up(struct totals *totals, const struct session *session)
{
    bool there = !session->leaving && session->connected;
    totals->sessions++;
    totals->connected += there;
    totals->concurrency += there ? session->capacity : 0;
    totals->busy += session->held_count;
}

static void
pack_totals(struct buffer *out, const struct totals *totals)
{
    pack_string(out, "totals");
    pack_map(out, 4);
    put_number(out, "sessions", totals->sessions);
    put_number(out, "connected", totals->connected);
    put_number(out, "concurrency", totals->concurrency);
    put_number(out, "busy", totals->busy);
}

void
on_worker_list(
    const struct lease_state *s, const struct message *in, struct outbox *out)
{
    const struct list *all = &s->table.all_sessions;
    struct buffer items = { 0 }, document = { 0 };
    struct totals totals = { 0 };
    size_t count = 0;
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct session *session = LIST_OF(at, struct session, of_table);
        if (!id_equal(&session->project, &in->envelope.project))
            continue;
        add_up(&totals, session);
        if (count == LISTED_MAX || items.size >= LISTED_BYTES_MAX)
            continue;
        pack_session(&items, session);
        count++;
    }
    pack_map(&document, 2);
    put_items(&document, count, buffer_bytes(&items));
    pack_totals(&document, &totals);
    answer_with(in->worker_list.request, buffer_bytes(&document), out);
    buffer_free(&items);
    buffer_free(&document);
}

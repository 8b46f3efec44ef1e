#include "tests/simulation/oracle.h"

#include "actors/history.h"
#include "actors/lease/state.h"
#include "actors/scheduler/run.h"
#include "base/wrong.h"
#include "tests/simulation/automations.h"
#include "tests/simulation/keepers.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/publishers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* When a session was last heard by the lease actor of this life. */
struct hearing {
    struct id session;
    uint64_t life, at_ms;
    bool owned;
    struct hash owner; /* project and instance */
    struct list link;
};

/* Folding a log costs as much as a life: some are. */
enum { REPLAYED_OF_10000 = 3500, TURNS_OF_10000 = 5 };

struct oracle *
oracle_new(struct sim *sim)
{
    struct oracle *o = sim_room(sizeof *o);
    (void)sim;
    list_open(&o->all_grants);
    list_open(&o->all_told);
    list_open(&o->all_heard);
    list_open(&o->all_fires);
    words_open(&o->words);
    return o;
}

void
oracle_free(struct oracle *o)
{
    struct list *at;
    while ((at = list_first(&o->all_grants)) != NULL) {
        list_remove(at);
        free(LIST_OF(at, struct grant, link));
    }
    while ((at = list_first(&o->all_told)) != NULL) {
        list_remove(at);
        free(LIST_OF(at, struct told, link));
    }
    while ((at = list_first(&o->all_heard)) != NULL) {
        list_remove(at);
        free(LIST_OF(at, struct hearing, link));
    }
    map_free(&o->grants);
    map_free(&o->told);
    map_free(&o->heard);
    words_free(&o->words);
    events_forget(o);
    fires_forget(o);
    free(o);
}

static uint8_t *
put_u32(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> (24 - 8 * i));
    return at + 4;
}

static void
name_grant(uint8_t name[GRANT_NAME_SIZE], const struct id *run, uint32_t step,
    uint32_t attempt, uint32_t offer)
{
    memcpy(name, run->bytes, ID_SIZE);
    put_u32(put_u32(put_u32(name + ID_SIZE, step), attempt), offer);
}

struct grant *
oracle_grant(const struct oracle *o, const struct id *run, uint32_t step,
    uint32_t attempt, uint32_t offer)
{
    uint8_t name[GRANT_NAME_SIZE];
    name_grant(name, run, step, attempt, offer);
    return map_get(&o->grants, bytes_of(name, GRANT_NAME_SIZE));
}

static struct grant *
grant_of(struct oracle *o, const uint8_t *name)
{
    struct grant *grant = map_get(&o->grants, bytes_of(name, GRANT_NAME_SIZE));
    if (grant != NULL)
        return grant;
    grant = sim_room(sizeof *grant);
    memcpy(grant->name, name, GRANT_NAME_SIZE);
    list_append(&o->all_grants, &grant->link);
    map_put(&o->grants, bytes_of(grant->name, GRANT_NAME_SIZE), grant);
    return grant;
}

const struct told *
oracle_told(const struct oracle *o, const struct id *run)
{
    return map_get(&o->told, id_bytes(run));
}

static struct hearing *
hearing_of(struct oracle *o, const struct id *session)
{
    struct hearing *hearing = map_get(&o->heard, id_bytes(session));
    if (hearing != NULL)
        return hearing;
    hearing = sim_room(sizeof *hearing);
    hearing->session = *session;
    list_append(&o->all_heard, &hearing->link);
    map_put(&o->heard, id_bytes(&hearing->session), hearing);
    return hearing;
}

uint64_t
oracle_heard_ms(const struct machine *lease, const struct id *session)
{
    const struct hearing *hearing = hearing_of(lease->sim->oracle, session);
    return hearing->life == lease->life ? hearing->at_ms : 0;
}

/* The start that began the run, if it was answered. */
static const struct start *
start_of(const struct oracle *o, const struct id *run)
{
    for (size_t i = 0; i < o->start_count; i++)
        if (id_equal(&o->starts[i].run, run))
            return &o->starts[i];
    return NULL;
}

static const char *
print_run(const struct id *run)
{
    static char printed[ID_TEXT_MAX];
    return id_print(run, "run_", printed);
}

/* ---- what leaves ---- */

static void
nothing_leaves_before_its_sync(const struct machine *m, const struct message *said)
{
    if (m->journal == NULL)
        return;
    HOLDS(m->sim, !journal_dirty(m->journal) && memory_disk_unsynced(m->disk) == 0,
        "%s says %s", m->title, message_shapes[said->code].name);
}

static void
no_offer_is_granted_twice(struct sim *sim, const struct job_granted *granted)
{
    uint8_t name[GRANT_NAME_SIZE];
    name_grant(name, &granted->run, granted->step, granted->attempt, granted->offer);
    struct grant *grant = grant_of(sim->oracle, name);
    HOLDS(sim, !grant->granted,
        "%s step %" PRIu32 " attempt %" PRIu32 " offer %" PRIu32,
        print_run(&granted->run), granted->step, granted->attempt, granted->offer);
    grant->granted = true;
    grant->session = granted->session;
    memcpy(grant->token, granted->token.data, LEASE_TOKEN_SIZE);
    sim_probe(PROBE_GRANTED);
}

void
oracle_hear_leave(const struct machine *m, const struct message *said)
{
    nothing_leaves_before_its_sync(m, said);
    if (said->code == JOB_GRANTED)
        no_offer_is_granted_twice(m->sim, &said->job_granted);
}

/* ---- what is decided ---- */

static bool
kind_is(const struct message *m, enum message_kind kind)
{
    return message_routes[m->code].kind == kind;
}

static void
a_stale_report_changes_nothing(const struct machine *m, const struct outbox *out)
{
    bool stale = false, facts = false;
    for (size_t i = 0; i < out->count; i++) {
        const struct message *said = &out->messages[i];
        facts |= kind_is(said, FACT);
        if (said->code != JOB_SETTLED || !said->job_settled.reported)
            continue;
        stale |= said->job_settled.verdict == VERDICT_STALE;
    }
    if (stale)
        sim_probe(PROBE_REFUSED_STALE);
    else if (!facts)
        sim_probe(PROBE_ACCEPTED_AGAIN);
    HOLDS(m->sim, !stale || !facts, "a fact follows from a stale report");
}

/* Asked again it is answered again, out of what is there. */
static void
a_report_that_was_decided_changes_nothing(
    const struct machine *m, const struct message *in, const struct outbox *out)
{
    const struct job_reported *report = &in->job_reported;
    struct arena arena = { 0 };
    struct run run;
    bool facts = false, ended = false;
    for (size_t i = 0; i < out->count; i++)
        facts |= kind_is(&out->messages[i], FACT);
    if (run_read(&run, m->journal, NULL, &arena, &in->envelope.project, &report->run))
        ended =
            run_over(&run)
            || step_ending(run_step(&run, report->step), report->attempt).ending != 0;
    HOLDS(m->sim, !ended || !facts, "%s step %" PRIu32 " attempt %" PRIu32,
        print_run(&report->run), report->step, report->attempt);
    arena_free(&arena);
}

static void
no_lease_is_lost_to_a_worker_that_is_heard(
    const struct machine *m, const struct job_lost *lost)
{
    uint64_t now_ms = machine_now_ms(m); /* whatever clock it went by */
    uint64_t heard_ms = oracle_heard_ms(m, &lost->session);
    sim_probe(PROBE_SILENCE_COST);
    HOLDS(m->sim, heard_ms + m->sim->config.lease_ms <= now_ms,
        "heard %" PRIu64 " ms ago", now_ms - heard_ms);
}

bool
oracle_genuine(const struct sim *sim, struct bytes token, const struct id *session)
{
    const struct grant *grant = NULL;
    if (token.size == LEASE_TOKEN_SIZE)
        grant = map_get(&sim->oracle->grants, bytes_of(token.data, GRANT_NAME_SIZE));
    return grant != NULL && grant->granted && id_equal(&grant->session, session)
           && memcmp(grant->token, token.data, LEASE_TOKEN_SIZE) == 0;
}

static void
only_holders_of_a_token_are_heard(
    const struct machine *m, const struct message *in, const struct outbox *out)
{
    for (size_t i = 0; i < out->count; i++) {
        const struct message *said = &out->messages[i];
        if (said->code == JOB_REPORTED)
            HOLDS(m->sim,
                oracle_genuine(m->sim, in->job_report.token, &in->job_report.session),
                "a report was passed on");
        if (said->code == JOB_PRINTED)
            HOLDS(m->sim,
                oracle_genuine(m->sim, in->job_log.token, &in->job_log.session),
                "a chunk was passed on");
    }
}

static bool
withdraws(const struct outbox *out, const struct id *run, uint32_t step)
{
    for (size_t i = 0; i < out->count; i++) {
        const struct message *said = &out->messages[i];
        if (said->code == JOB_WITHDRAWN && said->job_withdrawn.step == step
            && id_equal(&said->job_withdrawn.run, run))
            return true;
    }
    return false;
}

/* So no worker goes on with it for longer than it must. */
static void
a_job_that_nobody_wants_is_withdrawn(const struct machine *m, const struct outbox *out)
{
    for (size_t i = 0; i < out->count; i++) {
        const struct message *said = &out->messages[i];
        bool ended = said->code == STEP_CANCELLED || said->code == STEP_SKIPPED
                     || said->code == STEP_OVERRIDDEN;
        if (!ended
            && (said->code != ACTION_FAILED
                || said->action_failed.ending != ENDING_TIME))
            continue;
        struct arena arena = { 0 };
        struct run run;
        const struct id *id = (const void *)said->body;
        uint32_t step = said->step_cancelled.step;
        if (!run_read(&run, m->journal, NULL, &arena, &said->envelope.project, id))
            continue; /* it begins */
        uint32_t status = run_step(&run, step)->status;
        bool wanted = status == STEP_OPEN || status == STEP_LEASED;
        HOLDS(m->sim, !wanted || withdraws(out, id, step), "step %" PRIu32 " of %s",
            step, print_run(id));
        arena_free(&arena);
    }
}

static void
a_session_keeps_its_owner(const struct machine *m, const struct message *said)
{
    const struct worker_joined *joined = &said->worker_joined;
    struct hearing *hearing = hearing_of(m->sim->oracle, &joined->session);
    struct hash owner = hash_of(id_bytes(&said->envelope.project));
    owner = hash_chain(&owner, joined->instance);
    HOLDS(m->sim,
        !hearing->owned || hash_same(owner.bytes, hearing->owner.bytes, HASH_SIZE),
        "it became that of %.*s", (int)joined->instance.size,
        (const char *)joined->instance.data);
    hearing->owned = true;
    hearing->owner = owner;
}

static void
note_one(const struct machine *m, uint64_t now_ms, const struct id *session)
{
    struct hearing *hearing = hearing_of(m->sim->oracle, session);
    hearing->life = m->life;
    hearing->at_ms = now_ms;
}

static void
note_idle(const struct machine *m, uint64_t now_ms, struct bytes ids)
{
    struct id session;
    for (size_t i = 0; i < ids.size / ID_SIZE; i++) {
        memcpy(session.bytes, ids.data + i * ID_SIZE, ID_SIZE);
        note_one(m, now_ms, &session);
    }
}

/* Who reports is there, unless its connection is known to be broken. */
static const struct id *
reporter(const struct machine *m, const struct job_reported *reported)
{
    const struct lease_state *s = m->state;
    const struct session *session = table_session(&s->table, &reported->session);
    return session != NULL && session->connected ? &reported->session : NULL;
}

static void
note_hearing(const struct machine *m, uint64_t now_ms, const struct message *in,
    const struct outbox *out)
{
    const struct id *session = NULL;
    if (in->code == WORKER_HEARTBEAT)
        session = &in->worker_heartbeat.session;
    if (in->code == WORKER_READY)
        session = &in->worker_ready.session;
    for (size_t i = 0; i < out->count; i++)
        if (out->messages[i].code == WORKER_JOINED)
            a_session_keeps_its_owner(m, &out->messages[i]);
    for (size_t i = 0; i < out->count; i++)
        if (out->messages[i].code == WORKER_REGISTERED)
            session = &out->messages[i].worker_registered.session;
        else if (out->messages[i].code == JOB_REPORTED)
            session = reporter(m, &out->messages[i].job_reported);
    if (in->code == WORKERS_IDLE)
        note_idle(m, now_ms, in->workers_idle.heard);
    if (in->code == WORKERS_IDLE)
        note_idle(m, now_ms, in->workers_idle.kept);
    if (session != NULL)
        note_one(m, now_ms, session);
}

static void
note_way_to(struct oracle *o, const struct wait_opened *opened)
{
    struct on_its_way *way = &o->on_their_way[o->next_way++ % WAITS_WATCHED];
    if (opened->event_type.size > 0)
        *way = (struct on_its_way){ opened->run, opened->step, opened->attempt };
}

static void
note_arrival(struct oracle *o, const struct wait_learned *learned)
{
    for (size_t i = 0; i < WAITS_WATCHED; i++) {
        struct on_its_way *way = &o->on_their_way[i];
        if (id_equal(&way->run, &learned->run) && way->step == learned->step
            && way->attempt == learned->attempt)
            *way = (struct on_its_way){ .step = 0 };
    }
}

static void
note_event(const struct oracle *o)
{
    for (size_t i = 0; i < WAITS_WATCHED; i++)
        if (!id_is_zero(&o->on_their_way[i].run))
            sim_probe(PROBE_WAIT_AT_ONCE);
}

static void
note_run_fact(const struct message *fact)
{
    switch ((int)fact->code) {
    case RUN_DEFERRED:
        sim_probe(!fact->run_deferred.ending ? PROBE_DEFERRED
                  : fact->run_deferred.more  ? PROBE_ENDING_DEFERRED
                                             : PROBE_CLEANS_UP);
        return;
    case RUN_COMPLETED:
        if (fact->run_completed.has_output)
            sim_probe(PROBE_DECLARED_OUTPUT);
        return;
    case RUN_FAILED:
        if (bytes_equal(fact->run_failed.stop_reason, text("wall_clock_exceeded")))
            sim_probe(PROBE_RUN_TIMED_OUT);
        return;
    case RUN_CANCELLED:
        sim_probe(bytes_equal(fact->run_cancelled.stop_reason, text("replaced"))
                      ? PROBE_REPLACED
                      : PROBE_CANCELLED);
        return;
    case RUN_QUEUED: sim_probe(PROBE_QUEUED_FIRST); return;
    case RUN_FORWARDED: sim_probe(PROBE_FORWARDED); return;
    }
}

static void
note_fact(const struct sim *sim, const struct message *fact)
{
    switch ((int)fact->code) {
    case JOB_REOFFERED: sim_probe(PROBE_REOFFERED); return;
    case JOB_PRINTED: sim_probe(PROBE_PRINTED); return;
    case STEP_EXPANDED: sim_probe(PROBE_EXPANDED); return;
    case STEP_STARTED:
        if (bytes_equal(fact->step_started.kind, text("parallel")))
            sim_probe(PROBE_IN_PARALLEL);
        if (bytes_equal(fact->step_started.kind, text("set")))
            sim_probe(PROBE_SET);
        return;
    case WAIT_RESUMED:
        if (bytes_equal(fact->wait_resumed.by, text("timer")))
            sim_probe(PROBE_SLEPT);
        return;
    case WAIT_OPENED: note_way_to(sim->oracle, &fact->wait_opened); return;
    case WAIT_LEARNED: note_arrival(sim->oracle, &fact->wait_learned); return;
    case EVENT_KEPT: note_event(sim->oracle); return;
    case INTERACTION_REQUESTED:
        sim_probe(
            fact->interaction_requested.escalated ? PROBE_ESCALATED : PROBE_ASKED);
        return;
    case INTERACTION_RESPONDED: sim_probe(PROBE_ANSWERED); return;
    case CHECK_FAILED: sim_probe(PROBE_FAILED_ASSERTION); return;
    case CHECK_PASSED: sim_probe(PROBE_ASSERTED); return;
    case ACTION_FAILED:
        if (fact->action_failed.ending == ENDING_TIME)
            sim_probe(PROBE_TIMED_OUT);
        return;
    case ACTION_COMPLETED:
        if (fact->action_completed.output.size > sim->config.inline_max)
            sim_probe(PROBE_BLOBS);
        return;
    case STEP_RETRIED: sim_probe(PROBE_RETRIED); return;
    case STEP_SKIPPED: sim_probe(PROBE_SKIPPED); return;
    case STEP_FAILED: sim_probe(PROBE_GIVEN_UP); return;
    case CHILD_ENDED:
        if (fact->child_ended.status == RUN_BROKEN)
            sim_probe(PROBE_CHILD_FAILED);
        return;
    case TOLD_AGAIN: sim_probe(PROBE_TOLD_AGAIN); return;
    case CHILD_CANCEL: sim_probe(PROBE_CHILD_WITHDRAWN); return;
    case AUTOMATION_FAILING: sim_probe(PROBE_FAILING); return;
    case REFUSED:
        if (fact->refused.err == ERR_CONFLICT)
            sim_probe(PROBE_HELD);
        return;
    case JOB_ADOPTED: sim_probe(PROBE_ADOPTED); return;
    case JOB_RETURNED: sim_probe(PROBE_RETURNED); return;
    case LANE_READ: sim_probe(PROBE_BACKLOG); return;
    default: note_run_fact(fact); return;
    }
}

void
oracle_hear_decision(const struct machine *m, uint64_t now_ms, const struct message *in,
    const struct outbox *out)
{
    for (size_t i = 0; i < out->count; i++) {
        const struct message *said = &out->messages[i];
        note_fact(m->sim, said);
        if (said->code == EVENT_KEPT)
            events_hear(m->sim, said);
        else if (said->code == TRIGGER_FIRED)
            fires_hear(m->sim, said);
        sim_trace_message(
            m->sim, kind_is(said, FACT) ? "fact" : "note", m->title, "", said);
        if (m->name == ACTOR_lease && said->code == JOB_LOST
            && table_holds(m, &said->job_lost.run, said->job_lost.step))
            no_lease_is_lost_to_a_worker_that_is_heard(m, &said->job_lost);
    }
    if (m->name == ACTOR_registry)
        registry_check(m, out);
    if (m->name == ACTOR_trigger)
        no_more_fires_are_told_than_there_is_room_for(m, out);
    if (m->name == ACTOR_lease)
        lease_check(m, in, out);
    if (m->name == ACTOR_lease && in != NULL) {
        note_hearing(m, now_ms, in, out);
        only_holders_of_a_token_are_heard(m, in, out);
    }
    if (m->name == ACTOR_scheduler)
        a_job_that_nobody_wants_is_withdrawn(m, out);
    if (m->name == ACTOR_scheduler && in != NULL && in->code == JOB_REPORTED) {
        a_stale_report_changes_nothing(m, out);
        a_report_that_was_decided_changes_nothing(m, in, out);
    }
}

/* ---- what clients and workers hear ---- */

static void
answers_for_a_key_are_equal(struct sim *sim, const struct start *start)
{
    const struct oracle *o = sim->oracle;
    for (size_t i = 0; i < o->start_count; i++) {
        const struct start *other = &o->starts[i];
        if (other->input != start->input || start->key[0] == '\0')
            continue;
        HOLDS(sim, id_equal(&other->run, &start->run), "%s has two runs", start->key);
        HOLDS(sim, other->version == start->version, "%s has two versions", start->key);
    }
}

void
oracle_hear_started(struct sim *sim, const struct start *start, bool existed)
{
    struct oracle *o = sim->oracle;
    (void)existed;
    answers_for_a_key_are_equal(sim, start);
    if (o->start_count == STARTS_MAX)
        WRONG("more starts than the oracle can remember");
    o->starts[o->start_count++] = *start;
}

void
oracle_hear_hand(struct sim *sim, const struct id *run, uint64_t said)
{
    struct oracle *o = sim->oracle;
    if (o->hand_count < STARTS_MAX)
        o->hands[o->hand_count++] = (struct hand){ *run, said };
}

void
oracle_hear_refused(struct sim *sim, const struct id *run)
{
    struct oracle *o = sim->oracle;
    if (o->refused_count < STARTS_MAX)
        o->refused[o->refused_count++] = *run;
}

void
oracle_hear_answered(struct sim *sim, const struct id *run,
    const struct id *interaction, const char *who)
{
    struct oracle *o = sim->oracle;
    if (o->answer_count == STARTS_MAX)
        WRONG("more answers than the oracle can remember");
    o->answers[o->answer_count++] = (struct answered){ *run, *interaction, who };
}

static void
a_run_is_said_to_end_once(struct sim *sim, const struct told *told, uint32_t status)
{
    HOLDS(sim, told->status == 0 || told->status == status || told->retried,
        "%s was said to be in state %" PRIu32 ", then %" PRIu32, print_run(&told->run),
        told->status, status);
}

static void
tell(struct sim *sim, const struct id *run, uint64_t sequence, uint32_t status)
{
    struct oracle *o = sim->oracle;
    struct told *told = map_get(&o->told, id_bytes(run));
    if (told == NULL) {
        told = sim_room(sizeof *told);
        told->run = *run;
        list_append(&o->all_told, &told->link);
        map_put(&o->told, id_bytes(&told->run), told);
    }
    if (sequence > told->sequence)
        told->sequence = sequence;
    if (!run_status_final((enum run_status)status))
        return;
    a_run_is_said_to_end_once(sim, told, status);
    told->status = status;
}

void
oracle_hear_cancelled(struct sim *sim, const struct run_accepted *accepted)
{
    tell(sim, &accepted->run, 0, accepted->status);
}

void
oracle_hear_retry(struct sim *sim, const struct id *run)
{
    tell(sim, run, 0, 0);
    struct told *told = map_get(&sim->oracle->told, id_bytes(run));
    told->retried = true;
}

void
oracle_hear_hint(struct sim *sim, const struct run_changed *hint)
{
    tell(sim, &hint->run, hint->sequence, hint->status);
}

void
oracle_hear_report(struct sim *sim, const uint8_t *token, uint32_t outcome)
{
    struct grant *grant = grant_of(sim->oracle, token);
    if (grant->outcome == 0)
        grant->outcome = outcome;
}

static void
verdicts_for_a_lease_are_equal(
    struct sim *sim, const struct grant *grant, enum verdict verdict)
{
    HOLDS(sim, grant->verdict == 0 || grant->verdict == verdict,
        "verdict %" PRIu32 ", then %d", grant->verdict, (int)verdict);
}

void
oracle_hear_verdict(struct sim *sim, struct bytes token, enum verdict verdict)
{
    struct grant *grant = grant_of(sim->oracle, token.data);
    verdicts_for_a_lease_are_equal(sim, grant, verdict);
    grant->verdict = verdict;
}

/* ---- rows ---- */

static void
an_accepted_start_exists(struct sim *sim, const struct start *start)
{
    struct arena arena = { 0 };
    struct run run;
    struct id project = project_id(start->project);
    const struct machine *m =
        machine_named(sim, ACTOR_scheduler, id_partition(&start->run));
    HOLDS(sim,
        m != NULL && run_read(&run, m->journal, NULL, &arena, &project, &start->run),
        "%s is not there", print_run(&start->run));
    HOLDS(sim,
        bytes_equal(run.row.name, text(automation_name(start->automation)))
            && run.row.version == start->version
            && bytes_equal(run.row.key, text(start->key)),
        "%s is another", print_run(&start->run));
    arena_free(&arena);
}

/* No position that somebody heard of lies behind the end of the log. */
static void
no_position_is_ahead_of_the_log(const struct machine *m, const struct told *told)
{
    struct arena arena = { 0 };
    struct run run;
    const struct start *start = start_of(m->sim->oracle, &told->run);
    if (start == NULL || id_partition(&told->run) != m->instance)
        return;
    struct id project = project_id(start->project);
    HOLDS(m->sim, run_read(&run, m->journal, NULL, &arena, &project, &told->run),
        "%s is not there", print_run(&told->run));
    HOLDS(m->sim, told->sequence <= run.row.events,
        "%s has %" PRIu64 " events, %" PRIu64 " were told of", print_run(&told->run),
        run.row.events, told->sequence);
    arena_free(&arena);
}

static void
what_was_heard_outside_survives(const struct machine *m)
{
    const struct oracle *o = m->sim->oracle;
    for (size_t i = 0; i < o->start_count; i++)
        if (id_partition(&o->starts[i].run) == m->instance)
            an_accepted_start_exists(m->sim, &o->starts[i]);
    for (struct list *at = o->all_told.next; at != &o->all_told; at = at->next)
        no_position_is_ahead_of_the_log(m, LIST_OF(at, struct told, link));
}

void
oracle_hear_start(struct machine *m)
{
    if (m->name == ACTOR_scheduler && !m->sim->removing)
        what_was_heard_outside_survives(m);
    if (m->life > 1 && chance_hits(sim_chance(m->sim, STREAM_TURNS), REPLAYED_OF_10000))
        replay_gives_the_same_rows(m);
}

/* ---- what is kept in memory ---- */

void
oracle_hear_turn(struct machine *m)
{
    if (m->journaled && chance_hits(sim_chance(m->sim, STREAM_TURNS), TURNS_OF_10000))
        replay_gives_the_same_rows(m);
    if (m->name == ACTOR_scheduler) {
        lanes_check(m);
        groups_check(m);
    } else if (m->name == ACTOR_lease) {
        table_check(m);
    } else if (m->name == ACTOR_trigger) {
        windows_check(m);
    }
}

/* ---- the end ---- */

static bool
any_row(void *self, struct bytes key, struct bytes value)
{
    (void)key;
    (void)value;
    *(bool *)self = true;
    return false;
}

static bool
has_rows(struct journal *journal, char letter)
{
    struct row_key from = row_key(letter), to = row_key_after(&from);
    bool found = false;
    journal_scan(
        journal, row_key_bytes(&from), row_key_bytes(&to), false, any_row, &found);
    return found;
}

const char *
oracle_waits_for(const struct sim *sim)
{
    static const struct {
        enum actor_name actor;
        char letter;
        const char *what;
    } rests[] = {
        { ACTOR_scheduler, 'O', "a run is open" },
        { ACTOR_scheduler, 'o', "a run is counted as open" },
        { ACTOR_scheduler, 'W', "a run is left waiting" },
        { ACTOR_scheduler, 'T', "a timer is set" },
        { ACTOR_scheduler, 'J', "a job is not settled" },
        { ACTOR_scheduler, 'C', "a group has runs" },
        { ACTOR_scheduler, 'U', "a slot is held" },
        { ACTOR_scheduler, 'D', "another actor may not know something" },
        { ACTOR_registry, 'U', "a version is not known to all" },
        { ACTOR_trigger, 'F', "a slot is not settled" },
        { ACTOR_trigger, 'M', "the event of a wait is not taken" },
        { ACTOR_trigger, 'J', "an event is held back" },
        { ACTOR_trigger, 'W', "a wait is open" },
    };
    static char said[80];
    for (size_t i = 0; i < sim->machine_count; i++) {
        const struct machine *m = sim->machines[i];
        if (!m->up)
            return "a process is down";
        for (size_t r = 0; r < COUNT(rests); r++) {
            if (m->name != rests[r].actor || !has_rows(m->journal, rests[r].letter))
                continue;
            snprintf(said, sizeof said, "%s in %s", rests[r].what, m->title);
            return said;
        }
        if (m->name == ACTOR_lease && !table_empty(m))
            return "the lease actor still knows jobs";
    }
    return NULL;
}

static void
records_follow_each_other_in_a_chain(const struct machine *m)
{
    struct fault fault;
    HOLDS(m->sim, journal_verify(m->journal, &fault) == ERR_NONE, "%s: %s", m->title,
        fault.detail);
}

/* Wherever it may have been forwarded to. */
static void
what_was_refused_does_not_exist(struct sim *sim, const struct id *refused)
{
    for (uint32_t i = 0; i < sim->dials.schedulers; i++) {
        const struct machine *m = machine_named(sim, ACTOR_scheduler, i);
        struct id run = id_move(refused, i);
        for (uint32_t project = 0; project < PROJECTS; project++) {
            struct id of = project_id(project);
            struct row_key key = row_key_run('R', &of, &run);
            HOLDS(sim, journal_get(m->journal, row_key_bytes(&key)).data == NULL,
                "%s is in %s", print_run(&run), m->title);
        }
    }
}

void
oracle_replay(struct machine *m)
{
    records_follow_each_other_in_a_chain(m);
    replay_gives_the_same_rows(m);
}

void
oracle_judge(struct sim *sim)
{
    const struct oracle *o = sim->oracle;
    for (size_t i = 0; i < o->refused_count; i++)
        what_was_refused_does_not_exist(sim, &o->refused[i]);
    for (size_t i = 0; i < o->start_count; i++)
        an_accepted_start_exists(sim, &o->starts[i]);
    for (size_t i = 0; i < sim->machine_count; i++) {
        struct machine *m = sim->machines[i];
        if (!m->journaled)
            continue;
        if (chance_hits(sim_chance(sim, STREAM_TURNS), REPLAYED_OF_10000))
            oracle_replay(m);
        if (m->name == ACTOR_scheduler) {
            log_check(sim, m);
            groups_judge(sim, m);
        } else if (m->name == ACTOR_trigger) {
            trigger_check(sim, m);
            events_check(sim, m);
            keepers_check(sim, m);
            holds_check(sim, m);
        }
    }
    children_judge(sim);
    ends_judge(sim);
    status_judge(sim);
}

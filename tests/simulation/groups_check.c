/* Runs that see each other: slots, what is replaced, the order of queues; from the rows
 * after each turn, and from the whole log when all is over. */
#include "actors/record.h"
#include "actors/scheduler/groups.h"
#include "base/wrong.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/oracle.h"

#include <inttypes.h>
#include <stdlib.h>

enum { MEMBERS_MAX = 1024 };

/* ---- rows ---- */

struct counting {
    struct journal *journal;
    const struct sim *sim;
};

static bool
count_run(void *self, const struct id *run)
{
    (void)run;
    ++*(uint32_t *)self;
    return true;
}

static bool
slots_follow_from_the_runs_that_are_active(
    void *self, struct bytes key, struct bytes value)
{
    struct counting *c = self;
    struct bytes left = bytes_of(key.data + 1, key.size - 1);
    struct group group;
    group.project = row_take_id(&left);
    group.automation = row_take_id(&left);
    group.id = row_take_id(&left);
    struct group_row row = group_read(c->journal, &group);
    uint32_t active = 0, queued = 0;
    (void)value;
    group_active(c->journal, &group, count_run, &active);
    group_queued(c->journal, &group, count_run, &queued);
    HOLDS(c->sim, active == row.active && queued == row.queued,
        "%" PRIu32 " active, counted %" PRIu32 "; %" PRIu32 " queued, counted %" PRIu32,
        active, row.active, queued, row.queued);
    return true;
}

void
groups_check(const struct machine *m)
{
    struct counting counting = { m->journal, m->sim };
    struct row_key from = row_key('C'), to = row_key_after(&from);
    journal_scan(m->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        slots_follow_from_the_runs_that_are_active, &counting);
}

/* ---- the log ---- */

enum member_state { MEMBER_QUEUED, MEMBER_ACTIVE, MEMBER_OVER };

struct member {
    struct id run, automation, group;
    uint32_t concurrency, version, max;
    enum member_state state;
    bool ending; /* it is cleaning up, or said to be cancelled over several turns */
};

struct reading {
    struct sim *sim;
    struct member members[MEMBERS_MAX]; /* in the order of acceptance */
    size_t count;
};

static struct member *
member_of(struct reading *r, const struct message *fact)
{
    for (size_t i = 0; i < r->count; i++)
        if (memcmp(fact->body, r->members[i].run.bytes, ID_SIZE) == 0)
            return &r->members[i];
    return NULL;
}

static bool
together(const struct member *a, const struct member *b)
{
    return id_equal(&a->automation, &b->automation) && id_equal(&a->group, &b->group);
}

static size_t
count_of(const struct reading *r, const struct member *of, enum member_state state,
    size_t until)
{
    size_t count = 0;
    for (size_t i = 0; i < until; i++)
        count += together(&r->members[i], of) && r->members[i].state == state;
    return count;
}

static void
no_more_runs_are_active_than_the_policy_says(
    struct reading *r, const struct member *begins)
{
    size_t active = count_of(r, begins, MEMBER_ACTIVE, r->count);
    HOLDS(r->sim, active <= begins->max, "%zu of %" PRIu32, active, begins->max);
}

static void
what_is_replaced_is_over_before_the_newer_run_begins(
    struct reading *r, const struct member *begins)
{
    size_t at = (size_t)(begins - r->members);
    if (begins->concurrency != PLAN_REPLACE)
        return;
    HOLDS(r->sim,
        count_of(r, begins, MEMBER_ACTIVE, at) < begins->max
            && count_of(r, begins, MEMBER_QUEUED, at) == 0,
        "an older run goes on");
    sim_probe(PROBE_REPLACING);
}

static void
queued_runs_begin_in_the_order_of_acceptance(
    struct reading *r, const struct member *begins)
{
    size_t at = (size_t)(begins - r->members);
    HOLDS(r->sim, count_of(r, begins, MEMBER_QUEUED, at) == 0,
        "an earlier one is queued");
}

static void
a_run_begins_with_the_version_that_it_was_accepted_with(
    struct reading *r, const struct member *member, const struct run_started *fact)
{
    HOLDS(r->sim, member->version == fact->version, "%" PRIu32 ", not %" PRIu32,
        fact->version, member->version);
}

/* Not merely some day: so the newer one never waits for what nobody ends. */
static void
what_is_replaced_ends_when_the_newer_run_is_accepted(
    struct reading *r, const struct member *newer)
{
    size_t at = (size_t)(newer - r->members), going_on = 0;
    for (size_t i = 0; i < at && newer->concurrency == PLAN_REPLACE; i++)
        going_on += together(&r->members[i], newer) && !r->members[i].ending
                    && r->members[i].state != MEMBER_OVER;
    HOLDS(r->sim, going_on == 0 || going_on < newer->max, "%zu go on", going_on);
}

static void
accept(struct reading *r, const struct message *fact)
{
    const struct run_started *started = &fact->run_started;
    struct id group = group_id(started);
    if (id_is_zero(&group))
        return;
    if (r->count == MEMBERS_MAX)
        WRONG("more runs than can be looked at");
    r->members[r->count++] = (struct member){
        .run = started->run,
        .automation = started->automation,
        .group = group,
        .concurrency = started->concurrency,
        .version = started->version,
        .max = started->runs_max,
        .state = MEMBER_QUEUED,
    };
    what_is_replaced_ends_when_the_newer_run_is_accepted(r, &r->members[r->count - 1]);
}

static void
begin(struct reading *r, const struct message *fact)
{
    if (!fact->run_started.queued)
        accept(r, fact);
    struct member *member = member_of(r, fact);
    if (member == NULL)
        return;
    member->state = MEMBER_ACTIVE;
    no_more_runs_are_active_than_the_policy_says(r, member);
    what_is_replaced_is_over_before_the_newer_run_begins(r, member);
    queued_runs_begin_in_the_order_of_acceptance(r, member);
    a_run_begins_with_the_version_that_it_was_accepted_with(
        r, member, &fact->run_started);
    if (fact->run_started.queued)
        sim_probe(PROBE_QUEUED);
}

static void
follow(void *self, uint64_t at_ms, const struct message *fact)
{
    struct reading *r = self;
    struct member *member;
    (void)at_ms;
    switch ((int)fact->code) {
    case RUN_QUEUED: accept(r, fact); return;
    case RUN_STARTED: begin(r, fact); return;
    case RUN_DEFERRED:
        member = member_of(r, fact);
        if (member != NULL)
            member->ending = fact->run_deferred.ending != 0;
        return;
    case RUN_RESUMED:
        member = member_of(r, fact);
        if (member == NULL)
            return;
        member->state = MEMBER_ACTIVE;
        member->ending = false;
        no_more_runs_are_active_than_the_policy_says(r, member);
        return;
    case RUN_COMPLETED:
    case RUN_FAILED:
    case RUN_CANCELLED:
        member = member_of(r, fact);
        if (member != NULL)
            member->state = MEMBER_OVER;
        return;
    }
}

void
log_each(const struct machine *m, log_fn *each, void *self)
{
    struct arena arena = { 0 };
    for (uint64_t n = 1; n <= journal_last(m->journal); n++) {
        struct record record;
        struct record_reader reader;
        struct message fact;
        if (journal_read(m->journal, n, &record) != ERR_NONE
            || !record_open(&reader, m->journal, &arena, record.facts))
            WRONG("a record cannot be read");
        while (record_next(&reader, &fact)) {
            if (fact.code == EVENT_KEPT)
                an_event_that_is_gone_keeps_its_number(m->sim, n, &fact);
            else if (fact.code == TRIGGER_FIRED)
                a_fire_that_is_settled_keeps_its_name(m->sim, n, &fact);
            each(self, record.at_ms, &fact);
        }
        arena_reset(&arena);
    }
    arena_free(&arena);
}

void
groups_judge(struct sim *sim, const struct machine *scheduler)
{
    struct reading *r = sim_room(sizeof *r);
    r->sim = sim;
    log_each(scheduler, follow, r);
    free(r);
}

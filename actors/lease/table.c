#include "actors/lease/table.h"

#include "base/pack.h"
#include "base/wrong.h"

#include <assert.h>
#include <stdlib.h>

void
table_open(struct table *table, uint32_t partitions)
{
    *table = (struct table){ .few = TABLE_FEW };
    queues_open(&table->queues, partitions);
    list_open(&table->all_jobs);
    list_open(&table->all_lanes);
    list_open(&table->all_sessions);
    list_open(&table->ready);
    list_open(&table->leaving);
    list_open(&table->adoptable);
    list_open(&table->unsure);
    list_open(&table->resay);
    list_open(&table->unsaid);
    list_open(&table->beats);
}

static void *
make(size_t size)
{
    void *made = calloc(1, size);
    if (made == NULL)
        WRONG("out of memory");
    return made;
}

/* One allocation for several texts; each is pointed to its copy. */
static uint8_t *
own(struct bytes *const *texts, size_t count)
{
    size_t size = 1;
    for (size_t i = 0; i < count; i++)
        size += texts[i]->size;
    uint8_t *memory = make(size), *at = memory;
    for (size_t i = 0; i < count; i++) {
        if (texts[i]->size > 0)
            memcpy(at, texts[i]->data, texts[i]->size);
        texts[i]->data = at;
        at += texts[i]->size;
    }
    return memory;
}

static void
set_key(uint8_t key[ID_SIZE + 4], const struct id *run, uint32_t step)
{
    memcpy(key, run->bytes, ID_SIZE);
    for (int i = 0; i < 4; i++)
        key[ID_SIZE + i] = (uint8_t)(step >> (24 - 8 * i));
}

struct job *
table_job(const struct table *table, const struct id *run, uint32_t step)
{
    uint8_t key[ID_SIZE + 4];
    set_key(key, run, step);
    return map_get(&table->jobs, bytes_of(key, sizeof key));
}

struct session *
table_session(const struct table *table, const struct id *id)
{
    return map_get(&table->sessions, id_bytes(id));
}

struct session *
table_instance(
    const struct table *table, const struct id *project, struct bytes instance)
{
    uint8_t owner[ID_SIZE + 256];
    assert(instance.size > 0 && instance.size <= sizeof owner - ID_SIZE);
    memcpy(owner, project->bytes, ID_SIZE);
    memcpy(owner + ID_SIZE, instance.data, instance.size);
    return map_get(&table->instances, bytes_of(owner, ID_SIZE + instance.size));
}

bool
list_contains(struct bytes list, struct bytes text)
{
    struct cursor c = cursor_over(list);
    size_t count = list.size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count; i++) {
        struct bytes item = cursor_skip(&c);
        struct cursor t = cursor_over(item);
        if (cursor_type(&t) == PACK_TEXT && bytes_equal(cursor_text(&t), text))
            return true;
    }
    return false;
}

/* The queue itself, or what it begins with and a star. */
static bool
names_queue(struct bytes item, struct bytes queue)
{
    if (item.size > 0 && item.data[item.size - 1] == '*')
        return bytes_begin(queue, bytes_of(item.data, item.size - 1));
    return bytes_equal(item, queue);
}

static bool
looks_in(struct bytes queues, struct bytes queue)
{
    struct cursor c = cursor_over(queues);
    size_t count = cursor_array(&c);
    for (size_t i = 0; i < count && !c.bad; i++)
        if (names_queue(cursor_text(&c), queue))
            return true;
    return false;
}

static size_t
length(struct bytes list)
{
    struct cursor c = cursor_over(list);
    return list.size == 0 ? 0 : cursor_array(&c);
}

static bool
contains_all(struct bytes list, struct bytes wanted)
{
    struct cursor c = cursor_over(wanted);
    size_t count = wanted.size == 0 ? 0 : cursor_array(&c);
    for (size_t i = 0; i < count; i++)
        if (!list_contains(list, cursor_text(&c)))
            return false;
    return true;
}

enum lack
session_lacks(const struct session *session, const struct lane *lane)
{
    if (length(session->actions) > 0 && !list_contains(session->actions, lane->action))
        return LACKS_ACTION;
    if (length(session->queues) == 0 ? !bytes_equal(lane->queue, text("default"))
                                     : !looks_in(session->queues, lane->queue))
        return LACKS_QUEUE;
    if (!contains_all(session->labels, lane->labels))
        return LACKS_LABEL;
    return bytes_equal(session->environment, lane->environment) ? LACKS_NOTHING
                                                                : LACKS_ENVIRONMENT;
}

bool
session_takes(const struct session *session, const struct lane *lane)
{
    return id_equal(&session->project, &lane->project)
           && session_lacks(session, lane) == LACKS_NOTHING;
}

static bool
can_take(const struct session *session)
{
    return session->connected && session->held_count < session->capacity;
}

struct session *
lane_choice(const struct lane *lane)
{
    /* never: of a lane that is ready, one can */
    for (size_t i = 0; i < lane->member_count; i++) {
        struct session *member = lane->members[(lane->next + i) % lane->member_count];
        if (can_take(member))
            return member;
    }
    return NULL;
}

static void
weigh(struct table *table, struct lane *lane)
{
    bool ready = !list_empty(&lane->jobs) && lane->free > 0
                 && queue_has_room(&table->queues, lane->in);
    bool listed = !list_empty(&lane->of_ready);
    if (ready && !listed)
        list_append(&table->ready, &lane->of_ready);
    if (!ready && listed)
        list_remove(&lane->of_ready);
}

/* Whether the queue has room has changed, or may have. */
static void
weigh_queue(struct table *table, struct queue *queue)
{
    for (struct list *at = queue->lanes.next; at != &queue->lanes; at = at->next)
        weigh(table, LIST_OF(at, struct lane, of_queue));
}

static void
weigh_limited(struct table *table, bool all)
{
    struct list *queues = &table->queues.all;
    for (struct list *at = queues->next; at != queues; at = at->next) {
        struct queue *queue = LIST_OF(at, struct queue, of_table);
        if (all || queue->limit > 0)
            weigh_queue(table, queue);
    }
}

/* The job is out, or no longer. */
static void
count_out(struct table *table, struct job *job, struct queue *queue)
{
    struct queue *before = job->out_of;
    job->out_of = queue;
    list_remove(&job->of_queue);
    if (before != NULL)
        before->out--;
    if (queue != NULL) {
        list_append(&queue->jobs, &job->of_queue);
        queue->out++;
    }
    if (before != NULL && before->limit > 0)
        weigh_queue(table, before);
    if (queue != NULL && queue->limit > 0)
        weigh_queue(table, queue);
}

void
table_learn(struct table *table, struct job *job, struct bytes queue)
{
    assert(job->state == JOB_HELD);
    count_out(table, job, queues_get(&table->queues, &job->project, queue));
}

void
table_limit(
    struct table *table, const struct id *project, struct bytes name, uint32_t limit)
{
    struct queue *queue = queues_get(&table->queues, project, name);
    queue->limit = limit;
    weigh_queue(table, queue);
}

void
table_limits_known(struct table *table, uint64_t at_ms)
{
    if (table->queues.known)
        return;
    table->queues.known = true;
    table->queues.opened_ms = at_ms;
    weigh_limited(table, true);
}

void
table_leases_told(struct table *table, uint32_t partition)
{
    table->queues.told |= UINT64_C(1) << partition;
    weigh_limited(table, false);
}

/* Whether the session can take a job has changed, or may have. */
static void
weigh_session(struct table *table, struct session *session, bool could)
{
    bool can = can_take(session);
    if (can == could)
        return;
    for (size_t i = 0; i < session->lane_count; i++) {
        struct lane *lane = session->lanes[i];
        lane->free += can;
        lane->free -= could;
        weigh(table, lane);
    }
}

static void
add_member(struct lane *lane, struct session *session)
{
    if (lane->member_count == lane->member_capacity) {
        lane->member_capacity = lane->member_capacity * 2 + 4;
        lane->members =
            realloc(lane->members, lane->member_capacity * sizeof(struct session *));
    }
    if (session->lane_count == session->lane_capacity) {
        session->lane_capacity = session->lane_capacity * 2 + 4;
        session->lanes =
            realloc(session->lanes, session->lane_capacity * sizeof(struct lane *));
    }
    if (lane->members == NULL || session->lanes == NULL)
        WRONG("out of memory");
    lane->members[lane->member_count++] = session;
    session->lanes[session->lane_count++] = lane;
    lane->free += can_take(session);
}

static void
remove_member(struct table *table, struct lane *lane, const struct session *session)
{
    size_t kept = 0;
    for (size_t i = 0; i < lane->member_count; i++)
        if (lane->members[i] != session)
            lane->members[kept++] = lane->members[i];
    lane->member_count = kept;
    lane->next = 0;
    lane->free -= can_take(session);
    weigh(table, lane);
}

static void
leave_lanes(struct table *table, struct session *session)
{
    for (size_t i = 0; i < session->lane_count; i++)
        remove_member(table, session->lanes[i], session);
    session->lane_count = 0;
}

static void
lane_free(struct table *table, struct lane *lane)
{
    for (size_t i = 0; i < lane->member_count; i++) {
        struct session *member = lane->members[i];
        size_t at = 0;
        while (member->lanes[at] != lane)
            at++;
        member->lanes[at] = member->lanes[--member->lane_count];
    }
    list_remove(&lane->of_table);
    list_remove(&lane->of_queue);
    list_remove(&lane->of_ready);
    map_remove(&table->lanes, bytes_of(&lane->number, sizeof lane->number));
    free(lane->members);
    free(lane->memory);
    free(lane);
}

/* Those that have no open job are kept, for the next one, as long as they are few. */
static void
forget_idle(struct table *table)
{
    struct list *next;
    for (struct list *at = table->all_lanes.next; at != &table->all_lanes; at = next) {
        struct lane *lane = LIST_OF(at, struct lane, of_table);
        next = at->next;
        if (list_empty(&lane->jobs))
            lane_free(table, lane);
    }
    size_t twice = table->lanes.count * 2;
    table->few = twice < TABLE_FEW ? TABLE_FEW : twice;
}

static struct lane *
lane_of(
    struct table *table, const struct id *project, const struct job_offered *offered)
{
    struct lane *lane =
        map_get(&table->lanes, bytes_of(&offered->lane, sizeof offered->lane));
    if (lane != NULL)
        return lane;
    if (table->lanes.count >= table->few)
        forget_idle(table);
    lane = make(sizeof *lane);
    lane->number = offered->lane;
    lane->project = *project;
    lane->action = offered->action;
    lane->queue = offered->queue;
    lane->environment = offered->environment;
    lane->labels = offered->labels;
    lane->memory = own((struct bytes *[]){ &lane->action, &lane->queue,
                           &lane->environment, &lane->labels },
        4);
    list_open(&lane->jobs);
    list_open(&lane->of_ready);
    list_append(&table->all_lanes, &lane->of_table);
    lane->in = queues_get(&table->queues, project, lane->queue);
    list_append(&lane->in->lanes, &lane->of_queue);
    map_put(&table->lanes, bytes_of(&lane->number, sizeof lane->number), lane);
    for (struct list *at = table->all_sessions.next; at != &table->all_sessions;
         at = at->next) {
        struct session *session = LIST_OF(at, struct session, of_table);
        if (session_takes(session, lane))
            add_member(lane, session);
    }
    return lane;
}

static struct job *
make_job(
    struct table *table, const struct id *project, const struct id *run, uint32_t step)
{
    struct job *job = make(sizeof *job);
    set_key(job->key, run, step);
    job->project = *project;
    job->name.run = *run;
    job->name.step = step;
    job->state = JOB_OVER;
    list_append(&table->all_jobs, &job->of_table);
    list_open(&job->of_lane);
    list_open(&job->of_session);
    list_open(&job->of_waiting);
    list_open(&job->of_beats);
    list_open(&job->of_resay);
    list_open(&job->of_queue);
    map_put(&table->jobs, bytes_of(job->key, sizeof job->key), job);
    return job;
}

/* Take the job out of whatever its state keeps it in. */
static void
leave_state(struct table *table, struct job *job)
{
    list_remove(&job->of_waiting);
    list_remove(&job->of_beats);
    count_out(table, job, NULL);
    if (job->state == JOB_OPEN) {
        list_remove(&job->of_lane);
        weigh(table, job->lane);
        table->open_count--;
    }
    if (job->state == JOB_HELD) {
        bool could = can_take(job->session);
        list_remove(&job->of_session);
        job->session->held_count--;
        table->held_count--;
        weigh_session(table, job->session, could);
    }
    job->lane = NULL;
    job->session = NULL;
    job->cancelled = false;
    job->state = JOB_OVER;
}

static void
forget_texts(struct job *job)
{
    free(job->memory);
    job->memory = NULL;
    job->key_text = job->automation = job->action = job->queue = job->parameters =
        (struct bytes){ 0 };
}

static void
queue_job(struct table *table, struct job *job, struct lane *lane)
{
    job->state = JOB_OPEN;
    job->lane = lane;
    /* Nearly always the last one. */
    struct list *at = lane->jobs.prev;
    while (at != &lane->jobs && LIST_OF(at, struct job, of_lane)->order > job->order)
        at = at->prev;
    list_append(at->next, &job->of_lane);
    table->open_count++;
    weigh(table, lane);
}

void
table_offer(struct table *table, const struct id *project,
    const struct job_offered *offered, uint64_t at_ms)
{
    struct job *job = table_job(table, &offered->run, offered->step);
    if (job == NULL)
        job = make_job(table, project, &offered->run, offered->step);
    leave_state(table, job);
    list_remove(&job->of_resay);
    forget_texts(job);
    job->name.attempt = offered->attempt;
    job->name.offer = offered->offer;
    job->name.session = offered->session;
    job->order = offered->order;
    job->since_ms = at_ms;
    job->deadline_ms = offered->deadline_ms;
    job->ready_us = offered->ready_us;
    if (offered->leased) {
        job->state = JOB_ADOPTABLE;
        list_append(
            offered->leased == OFFERED_HELD ? &table->adoptable : &table->unsure,
            &job->of_waiting);
        count_out(table, job, queues_get(&table->queues, project, offered->queue));
        return;
    }
    job->key_text = offered->key;
    job->automation = offered->automation;
    job->action = offered->action;
    job->queue = offered->queue;
    job->parameters = offered->parameters;
    job->memory = own((struct bytes *[]){ &job->key_text, &job->automation,
                          &job->action, &job->queue, &job->parameters },
        5);
    queue_job(table, job, lane_of(table, project, offered));
}

void
table_hold(struct table *table, const struct id *project, const struct lease_name *name,
    uint64_t at_ms)
{
    struct job *job = table_job(table, &name->run, name->step);
    struct session *session = table_session(table, &name->session);
    assert(session != NULL);
    if (job == NULL)
        job = make_job(table, project, &name->run, name->step);
    struct lane *lane = job->lane;
    struct queue *queue = lane != NULL ? lane->in : job->out_of;
    leave_state(table, job);
    forget_texts(job);
    bool could = can_take(session);
    job->name = *name;
    job->state = JOB_HELD;
    job->session = session;
    job->since_ms = at_ms;
    list_append(&session->held, &job->of_session);
    session->held_count++;
    table->held_count++;
    count_out(table, job, queue);
    table_beat(table, job, at_ms);
    weigh_session(table, session, could);
    if (lane == NULL)
        return;
    /* Turns: the next member first, the next lane first. */
    for (size_t i = 0; i < lane->member_count; i++)
        if (lane->members[i] == session)
            lane->next = (i + 1) % lane->member_count;
    if (!list_empty(&lane->of_ready)) {
        list_remove(&lane->of_ready);
        weigh(table, lane);
    }
}

void
table_beat(struct table *table, struct job *job, uint64_t at_ms)
{
    job->heard_ms = at_ms;
    list_remove(&job->of_beats);
    if (job->session->each)
        list_append(&table->beats, &job->of_beats);
}

void
table_over(struct table *table, struct job *job, bool lost)
{
    leave_state(table, job);
    list_remove(&job->of_resay);
    job->lost = lost;
}

void
table_drop(struct table *table, struct job *job)
{
    leave_state(table, job);
    list_remove(&job->of_resay);
    list_remove(&job->of_table);
    map_remove(&table->jobs, bytes_of(job->key, sizeof job->key));
    forget_texts(job);
    free(job);
}

void
table_resay(struct table *table, struct job *job)
{
    list_remove(&job->of_resay);
    list_append(&table->resay, &job->of_resay);
}

void
table_unsaid(struct table *table, struct job *job)
{
    list_remove(&job->of_resay);
    list_append(&table->unsaid, &job->of_resay);
}

void
table_said(struct job *job)
{
    list_remove(&job->of_resay);
}

static void
describe(struct session *session, const struct worker_joined *joined)
{
    struct bytes owner = { session->project.bytes, ID_SIZE };
    free(session->memory);
    session->instance = joined->instance;
    session->name = joined->name;
    session->version = joined->version;
    session->queues = joined->queues;
    session->actions = joined->actions;
    session->labels = joined->labels;
    session->environment = joined->environment;
    session->dialect = joined->dialect;
    session->owner = owner;
    /* The copies lie one behind the other: owner and instance make one key. */
    session->memory =
        own((struct bytes *[]){ &session->owner, &session->instance, &session->name,
                &session->version, &session->queues, &session->actions,
                &session->labels, &session->environment, &session->dialect },
            9);
    session->owner.size += session->instance.size;
}

static void
join_lanes(struct table *table, struct session *session)
{
    for (struct list *at = table->all_lanes.next; at != &table->all_lanes;
         at = at->next) {
        struct lane *lane = LIST_OF(at, struct lane, of_table);
        if (!session_takes(session, lane))
            continue;
        add_member(lane, session);
        weigh(table, lane);
    }
}

struct session *
table_join(struct table *table, const struct id *project,
    const struct worker_joined *joined, uint64_t at_ms)
{
    struct session *session = table_session(table, &joined->session);
    if (session == NULL) {
        session = make(sizeof *session);
        session->id = joined->session;
        session->project = *project;
        list_open(&session->held);
        list_open(&session->of_leaving);
        list_append(&table->all_sessions, &session->of_table);
        map_put(&table->sessions, id_bytes(&session->id), session);
    } else {
        leave_lanes(table, session);
        list_remove(&session->of_leaving);
        if (map_get(&table->instances, session->owner) == session)
            map_remove(&table->instances, session->owner);
    }
    describe(session, joined);
    /* Whoever used the name before is found by its id alone from now on. */
    map_remove(&table->instances, session->owner);
    map_put(&table->instances, session->owner, session);
    session->gateway = joined->gateway;
    session->capacity = joined->capacity;
    session->connected = true;
    session->leaving = false;
    session->each = joined->each != 0;
    session->recall = joined->recall != 0;
    session->stray = false;
    table_heard(table, session, at_ms);
    join_lanes(table, session);
    return session;
}

void
table_heard(struct table *table, struct session *session, uint64_t at_ms)
{
    bool could = can_take(session);
    session->heard_ms = at_ms;
    /* Whoever is heard is connected: what broke was an older connection of it. */
    session->connected = true;
    weigh_session(table, session, could);
    table_keep(table, session, at_ms);
}

void
table_keep(struct table *table, struct session *session, uint64_t at_ms)
{
    session->there_ms = at_ms;
    list_remove(&session->of_table);
    list_append(&table->all_sessions, &session->of_table);
}

void
table_capacity(struct table *table, struct session *session, uint32_t capacity)
{
    bool could = can_take(session);
    session->capacity = capacity;
    weigh_session(table, session, could);
}

void
table_disconnect(struct table *table, struct session *session, bool leaving)
{
    bool could = can_take(session);
    session->connected = false;
    session->leaving = leaving;
    weigh_session(table, session, could);
    list_remove(&session->of_leaving);
    if (leaving)
        list_append(&table->leaving, &session->of_leaving);
}

void
table_forget(struct table *table, struct session *session)
{
    assert(session->held_count == 0);
    leave_lanes(table, session);
    list_remove(&session->of_table);
    list_remove(&session->of_leaving);
    map_remove(&table->sessions, id_bytes(&session->id));
    if (map_get(&table->instances, session->owner) == session)
        map_remove(&table->instances, session->owner);
    free(session->lanes);
    free(session->memory);
    free(session);
}

void
table_close(struct table *table)
{
    struct list *at;
    while ((at = list_first(&table->all_jobs)) != NULL)
        table_drop(table, LIST_OF(at, struct job, of_table));
    while ((at = list_first(&table->all_sessions)) != NULL)
        table_forget(table, LIST_OF(at, struct session, of_table));
    while ((at = list_first(&table->all_lanes)) != NULL)
        lane_free(table, LIST_OF(at, struct lane, of_table));
    map_free(&table->jobs);
    map_free(&table->lanes);
    map_free(&table->sessions);
    map_free(&table->instances);
    queues_close(&table->queues);
}

#include "actors/scheduler/lanes.h"

#include "base/wrong.h"
#include "store/rows.h"

#include <assert.h>
#include <stdlib.h>

struct told_job {
    struct id run; /* with `step` the key: no gap between them */
    uint8_t step[4];
    struct list link;
    struct lane *lane;
    size_t bytes;
};

static struct bytes
told_key(const struct told_job *job)
{
    return bytes_of(job->run.bytes, ID_SIZE + 4);
}

static struct told_job
key_of(const struct id *run, uint32_t step)
{
    struct told_job key = { .run = *run };
    for (int i = 0; i < 4; i++)
        key.step[i] = (uint8_t)(step >> (24 - 8 * i));
    return key;
}

static struct bytes
lane_key(const struct lane *lane)
{
    return bytes_of(&lane->number, sizeof lane->number);
}

static bool
hungry(const struct lanes *lanes, const struct lane *lane)
{
    return (lane->count > 0 || lane->more) && lane->told < lanes->jobs_max
           && lane->told_bytes < lanes->bytes_max;
}

static void
weigh(struct lanes *lanes, struct lane *lane)
{
    bool listed = lane->link.next != &lane->link;
    if (hungry(lanes, lane) == listed)
        return;
    if (listed)
        list_remove(&lane->link);
    else
        list_append(&lanes->hungry, &lane->link);
}

static void
lane_free(struct lanes *lanes, struct lane *lane)
{
    list_remove(&lane->all);
    list_remove(&lane->link);
    map_remove(&lanes->lanes, lane_key(lane));
    free(lane->next);
    free(lane);
}

/* Those that have no job are kept, for the next one, as long as they are few. */
static void
forget_idle(struct lanes *lanes)
{
    struct list *next;
    for (struct list *at = lanes->all.next; at != &lanes->all; at = next) {
        struct lane *lane = LIST_OF(at, struct lane, all);
        next = at->next;
        if (lane->count == 0 && lane->told == 0 && !lane->more)
            lane_free(lanes, lane);
    }
    size_t twice = lanes->lanes.count * 2;
    lanes->few = twice < LANES_FEW ? LANES_FEW : twice;
}

static struct lane *
lane_of(struct lanes *lanes, uint64_t number)
{
    struct lane *lane = map_get(&lanes->lanes, bytes_of(&number, sizeof number));
    if (lane != NULL)
        return lane;
    if (lanes->lanes.count >= lanes->few)
        forget_idle(lanes);
    lane = calloc(1, sizeof *lane);
    if (lane == NULL)
        WRONG("out of memory");
    lane->number = number;
    list_open(&lane->link);
    list_append(&lanes->all, &lane->all);
    map_put(&lanes->lanes, lane_key(lane), lane);
    return lane;
}

static void
set_more(struct lanes *lanes, struct lane *lane, bool more)
{
    lanes->unread += more;
    lanes->unread -= lane->more;
    lane->more = more;
}

static bool
first_lane(void *self, struct bytes key, struct bytes value)
{
    struct bytes left = bytes_of(key.data + 1, key.size - 1);
    (void)value;
    *(uint64_t *)self = row_take_u64(&left);
    return false;
}

/* The lowest lane from `number` on that has jobs in the store; UINT64_MAX if none. */
static uint64_t
stored_lane(struct lanes *lanes, uint64_t number)
{
    struct row_key from = row_key('J'), all = row_key('J'), to = row_key_after(&all);
    uint64_t found = UINT64_MAX;
    row_key_u64(&from, number);
    journal_scan(lanes->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        first_lane, &found);
    return found;
}

static void
read_again(struct lanes *lanes, struct lane *lane)
{
    set_more(lanes, lane, true);
    lane->read = (struct lane_job){ 0 };
    lane->head = lane->count = lane->told = 0;
    lane->told_bytes = 0;
    weigh(lanes, lane);
}

void
lanes_open(
    struct lanes *lanes, struct journal *journal, uint32_t jobs_max, size_t bytes_max)
{
    *lanes = (struct lanes){
        .journal = journal,
        .jobs_max = jobs_max,
        .bytes_max = bytes_max,
        .few = LANES_FEW,
    };
    list_open(&lanes->all);
    list_open(&lanes->hungry);
    list_open(&lanes->told_jobs);
    for (uint64_t number = stored_lane(lanes, 0); number != UINT64_MAX;
         number = stored_lane(lanes, number + 1))
        read_again(lanes, lane_of(lanes, number));
}

static void
forget_told(struct lanes *lanes)
{
    struct list *at;
    while ((at = list_first(&lanes->told_jobs)) != NULL) {
        struct told_job *job = LIST_OF(at, struct told_job, link);
        list_remove(at);
        map_remove(&lanes->told, told_key(job));
        free(job);
    }
}

void
lanes_close(struct lanes *lanes)
{
    struct list *at;
    forget_told(lanes);
    while ((at = list_first(&lanes->all)) != NULL)
        lane_free(lanes, LIST_OF(at, struct lane, all));
    map_free(&lanes->told);
    map_free(&lanes->lanes);
}

void
lanes_reset(struct lanes *lanes)
{
    forget_told(lanes);
    lanes->retold = true;
    for (struct list *at = lanes->all.next; at != &lanes->all; at = at->next)
        read_again(lanes, LIST_OF(at, struct lane, all));
}

void
lanes_add(struct lanes *lanes, uint64_t number, const struct lane_job *job)
{
    struct lane *lane = lane_of(lanes, number);
    if (lane->more) {
        /* It will be found in the store, if it has not been passed by. */
        if (job->record <= lane->read.record)
            lane->read = (struct lane_job){ .record = job->record - 1 };
        return;
    }
    if (lane->count == lanes->jobs_max) {
        set_more(lanes, lane, true);
        lane->read = (struct lane_job){ .record = job->record - 1 };
    } else {
        if (lane->next == NULL
            && (lane->next = calloc(lanes->jobs_max, sizeof *lane->next)) == NULL)
            WRONG("out of memory");
        lane->next[(lane->head + lane->count++) % lanes->jobs_max] = *job;
    }
    weigh(lanes, lane);
}

static bool
same_job(const struct lane_job *a, const struct id *run, uint32_t step)
{
    return a->step == step && id_equal(&a->run, run);
}

/* Take a job out of the ring, if it is there. */
static void
unqueue(struct lanes *lanes, struct lane *lane, const struct id *run, uint32_t step)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < lane->count; i++) {
        struct lane_job job = lane->next[(lane->head + i) % lanes->jobs_max];
        if (i == 0 && same_job(&job, run, step)) {
            lane->head = (lane->head + 1) % lanes->jobs_max;
            lane->count--;
            return;
        }
        if (!same_job(&job, run, step))
            lane->next[(lane->head + kept++) % lanes->jobs_max] = job;
    }
    lane->count = kept;
}

void
lanes_told(
    struct lanes *lanes, uint64_t number, const struct lane_job *job, size_t bytes)
{
    struct lane *lane = lane_of(lanes, number);
    struct told_job key = key_of(&job->run, job->step);
    unqueue(lanes, lane, &job->run, job->step);
    /* never: what was told is not told again before it is dropped */
    if (map_get(&lanes->told, told_key(&key)) == NULL) {
        struct told_job *told = malloc(sizeof *told);
        if (told == NULL)
            WRONG("out of memory");
        *told = key;
        told->lane = lane;
        told->bytes = bytes;
        map_put(&lanes->told, told_key(told), told);
        list_append(&lanes->told_jobs, &told->link);
        lane->told++;
        lane->told_bytes += bytes;
    }
    weigh(lanes, lane);
}

void
lanes_drop(struct lanes *lanes, uint64_t number, const struct id *run, uint32_t step)
{
    struct lane *lane = lane_of(lanes, number);
    struct told_job key = key_of(run, step);
    struct told_job *told = map_remove(&lanes->told, told_key(&key));
    if (told == NULL) {
        unqueue(lanes, lane, run, step);
    } else {
        assert(told->lane == lane);
        lane->told--;
        lane->told_bytes -= told->bytes;
        list_remove(&told->link);
        free(told);
    }
    weigh(lanes, lane);
}

void
lanes_read(struct lanes *lanes, uint64_t number, const struct lane_job *job, bool more)
{
    struct lane *lane = lane_of(lanes, number);
    lane->read = *job;
    set_more(lanes, lane, more);
    weigh(lanes, lane);
}

bool
lanes_whole(const struct lanes *lanes)
{
    assert(list_empty(&lanes->hungry));
    return lanes->retold && lanes->unread == 0;
}

bool
lanes_has_told(const struct lanes *lanes, const struct id *run, uint32_t step)
{
    struct told_job key = key_of(run, step);
    return map_get(&lanes->told, told_key(&key)) != NULL;
}

const struct lane *
lanes_hungry(const struct lanes *lanes)
{
    struct list *at = list_first(&lanes->hungry);
    return at == NULL ? NULL : LIST_OF(at, struct lane, link);
}

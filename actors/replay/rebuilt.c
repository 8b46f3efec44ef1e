#include "actors/replay/rebuilt.h"

#include "actors/record.h"
#include "actors/scheduler/scheduler.h"
#include "actors/view/run_rows.h"
#include "base/wrong.h"

#include <inttypes.h>
#include <stdlib.h>

enum { STATE_CACHE_BYTES = 64 << 20, OTHERS_MAX = 4096 };

static void *
room_new(size_t count, size_t size)
{
    void *made = calloc(count, size);
    if (made == NULL)
        WRONG("out of memory");
    return made;
}

static struct message
plan_learned(
    const struct export_file *file, const struct id *automation, struct bytes name)
{
    return (struct message){ .code = PLAN_LEARNED,
        .envelope = { .project = file->project },
        .plan_learned = { .automation = *automation,
            .name = name,
            .version = file->version,
            .plan = file->plan,
            .revision = 1,
            .current = file->version,
            .status = AUTOMATION_ACTIVE } };
}

static void
commit(struct rebuilt *r)
{
    scheduler_actor.settle(r->state);
    if (journal_commit(r->journal, true) != ERR_NONE)
        WRONG("a journal in memory cannot be written");
}

/* It must know the plan before its run can start. */
static void
learn(struct rebuilt *r)
{
    struct message m = plan_learned(r->file, &r->file->automation, r->file->name);
    struct field_blobs blobs = record_blobs(r->journal, r->config.inline_max);
    struct buffer record = { 0 };
    record_write(&blobs, &m, 1, &record);
    journal_append(r->journal, 0, buffer_bytes(&record));
    scheduler_actor.apply(r->state, 0, &m);
    buffer_free(&record);
    commit(r);
}

void
rebuilt_learn_other(struct rebuilt *r, struct bytes name)
{
    struct id automation;
    if (bytes_equal(name, r->file->name))
        return;
    if (id_read(name, "aut_", &automation) != ERR_NONE)
        automation = id_of_name(name);
    struct message m = plan_learned(r->file, &automation, name);
    scheduler_actor.apply(r->state, 0, &m);
    commit(r);
}

static struct message
other_run(const struct rebuilt *r, enum message_code code, uint32_t number)
{
    static const uint64_t other_tag = (uint64_t)'o' << 56;
    struct message m = { .code = code, .envelope = { .project = r->file->project } };
    m.run_started.run = id_derive(&r->file->run, other_tag | number);
    return m;
}

void
rebuilt_hold_slots(
    struct rebuilt *r, const struct run_started *queued, uint64_t at_ms, bool held)
{
    for (uint32_t i = 0; i < queued->runs_max && i < OTHERS_MAX; i++) {
        struct message begins = other_run(r, RUN_STARTED, i);
        struct message is_ending = other_run(r, RUN_DEFERRED, i);
        struct message ends = other_run(r, RUN_CANCELLED, i);
        struct run_started started = { .run = begins.run_started.run,
            .automation = queued->automation,
            .name = queued->name,
            .version = queued->version,
            .steps = queued->steps,
            .trigger = queued->trigger,
            .concurrency = queued->concurrency,
            .runs_max = queued->runs_max,
            .scoped = queued->scoped,
            .group = queued->group };
        begins.run_started = started;
        is_ending.run_deferred.ending = RUN_STOPPED;
        if (held) {
            scheduler_actor.apply(r->state, at_ms, &begins);
            scheduler_actor.apply(r->state, at_ms, &is_ending);
        } else {
            scheduler_actor.apply(r->state, at_ms, &ends);
        }
    }
    commit(r);
}

void
rebuilt_open(struct rebuilt *r, const struct export_file *file)
{
    struct journal_options options = { .epoch = 1,
        .state_cache_bytes = STATE_CACHE_BYTES };
    struct fault fault;
    *r = (struct rebuilt){ .file = file };
    config_default(&r->config);
    if (journal_open("memory:", &options, &r->journal, &fault) != ERR_NONE)
        WRONG("a journal in memory does not open");
    struct actor_setup setup = { .config = &r->config,
        .journal = r->journal,
        .instance = id_partition(&file->run),
        .epoch = 1 };
    r->state = room_new(1, scheduler_actor.state_size);
    r->facts.list = room_new(OUTBOX_MAX, sizeof *r->facts.list);
    r->facts.apart = room_new(OUTBOX_MAX, sizeof *r->facts.apart);
    r->said = room_new(OUTBOX_MAX, sizeof *r->said);
    r->answer = room_new(1, sizeof *r->answer);
    scheduler_actor.open(r->state, &setup);
    learn(r);
}

void
rebuilt_close(struct rebuilt *r)
{
    scheduler_actor.close(r->state);
    free(r->state);
    free(r->facts.list);
    free(r->facts.apart);
    free(r->said);
    free(r->answer);
    buffer_free(&r->record);
    arena_free(&r->arena);
    journal_close(&r->journal);
}

/* The record as a journal has it, of the facts of this run alone.  Returns their
 * number; 0: it cannot be read. */
static size_t
copy_record(struct rebuilt *r, const struct export_record *record)
{
    struct cursor in = record->facts;
    struct envelope envelope = { .cause = record->cause, .project = r->file->project };
    struct buffer facts = { 0 };
    size_t count = 0;
    bool apart = false;
    memcpy(envelope.trace.bytes, record->trace.data, ID_SIZE);
    for (size_t i = 0; i < record->items && !in.bad && count < OUTBOX_MAX; i++) {
        if (cursor_type(&in) == PACK_NIL) {
            cursor_nil(&in);
            apart = true;
            continue;
        }
        pack_u64(&facts, cursor_u64(&in));
        buffer_append_bytes(&facts, cursor_blob(&in));
        r->facts.apart[count++] = apart;
        apart = false;
        i++;
    }
    buffer_clear(&r->record);
    record_head(&envelope, count, &r->record);
    buffer_append_bytes(&r->record, buffer_bytes(&facts));
    buffer_free(&facts);
    return cursor_done(&in) ? count : 0;
}

enum err
rebuilt_read(struct rebuilt *r, const struct export_record *record, struct fault *fault)
{
    struct record_reader reader;
    arena_reset(&r->arena);
    for (size_t i = 0; i < record->blob_count; i++)
        journal_put_blob(r->journal, record->blobs[i]);
    size_t count = copy_record(r, record);
    r->facts.count = 0;
    if (count > 0
        && record_open(&reader, r->journal, &r->arena, buffer_bytes(&r->record)))
        while (r->facts.count < count
               && record_next(&reader, &r->facts.list[r->facts.count])
               && fact_is_about(&r->facts.list[r->facts.count], &r->file->run))
            r->facts.count++;
    if (count > 0 && r->facts.count == count)
        return ERR_NONE;
    return fault_set(fault, ERR_MALFORMED,
        "record %" PRIu64 ": fact %zu cannot be read", record->number,
        r->facts.count + 1);
}

/* Children in the same partition are taken up by a tick: not here, where there are
 * none.
 */
static void
settle_child(struct rebuilt *r, uint64_t at_ms, const struct id *child)
{
    static const enum telling_kind kinds[] = { TELLING_CALL, TELLING_CANCEL };
    for (size_t i = 0; i < COUNT(kinds) && !id_is_zero(child); i++) {
        struct message m = { .code = TELLING_SETTLED,
            .envelope = { .project = r->file->project },
            .telling_settled = { id_partition(child), *child, kinds[i] } };
        scheduler_actor.apply(r->state, at_ms, &m);
    }
}

static void
settle_children(struct rebuilt *r, uint64_t at_ms)
{
    struct run_rows run;
    if (run_rows_read(&run, r->journal, &r->arena, &r->file->project, &r->file->run)
        != ERR_NONE)
        return;
    for (size_t i = 0; i < r->facts.count; i++) {
        uint32_t step;
        if (fact_step(&r->facts.list[i], &step) && step < run.row.step_count) {
            struct id child = run_rows_step(&run, step)->child;
            settle_child(r, at_ms, &child);
        }
    }
}

void
rebuilt_follow(struct rebuilt *r, const struct export_record *record)
{
    journal_append(r->journal, record->at_ms, buffer_bytes(&r->record));
    for (size_t i = 0; i < r->facts.count; i++) {
        if (r->facts.apart[i])
            scheduler_actor.settle(r->state);
        scheduler_actor.apply(r->state, record->at_ms, &r->facts.list[i]);
    }
    commit(r);
    settle_children(r, record->at_ms);
    commit(r);
}

bool
fact_step(const struct message *fact, uint32_t *step)
{
    const struct shape *shape = &message_shapes[fact->code];
    bool has = shape->field_count > 1 && strcmp(shape->fields[1].name, "step") == 0
               && shape->fields[1].type == FIELD_u32;
    *step = has ? fact->step_started.step : 0;
    return has;
}

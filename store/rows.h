/* rows - how a scheduler's state lies in its journal; the view reads the same rows.
 *
 * Keys are a letter and then ids and big-endian numbers, so that they sort as they
 * should.  Everything of a run is under its project: no key names a run without it.
 *
 *   R project run                 the run and its first 16 steps
 *   S project run page            16 further steps
 *   E project run page            32 positions of its facts in the journal
 *   A project automation ~run     runs of an automation, the newest first
 *   O project ~run                runs that are open, the newest first
 *   o project slice               how many of them began in that slice of time: the
 *                                 deleted rows 'O' of others are not passed
 *   X project status ~run         runs that failed or were cancelled, the newest first
 *   K project hash                the run that an idempotency key named
 *   P project automation version  a plan
 *   N project name                an automation: its current version and status
 *   I project automation          its name
 *   J lane record run step        a job that is not settled
 *   T due project run step kind   a timer
 *   W project run                 a run about which more must be said
 *   L                             the last life of the lease actor
 *   G project run first           the steps that an each became
 *   H project run first page      16 of its items, a msgpack array
 *   Q project interaction         what is or was asked of people
 *   B project asked interaction   one that is not settled, the oldest first
 *   V project run hash            the last event that its waits for a type had
 *   Y record run step             a wait that the trigger actor may not know to be
 *                                 open, or over: project, attempt, open (1 byte)
 *   r asker number                the record in which its start was refused
 *   e project                     somebody listens for the ends of its runs
 *
 * On disk: letters, orders and field numbers are for ever.
 */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H
#include "base/arena.h"
#include "base/field.h"

enum {
    STEPS_PER_PAGE = 16,
    POSITIONS_PER_PAGE = 32,
    ITEMS_PER_PAGE = 16,
    ROW_KEY_MAX = 192
};

struct row_key {
    uint8_t bytes[ROW_KEY_MAX];
    size_t size;
};

static inline struct bytes
row_key_bytes(const struct row_key *key)
{
    return bytes_of(key->bytes, key->size);
}

/* Keys are built from left to right. */
struct row_key row_key(char letter);
void row_key_id(struct row_key *key, const struct id *id);
void row_key_u8(struct row_key *key, uint8_t number);
void row_key_u32(struct row_key *key, uint32_t number);
void row_key_u64(struct row_key *key, uint64_t number);
void row_key_text(struct row_key *key, struct bytes text); /* at most 128 bytes */
/* ~id: the newest first.  RocksDB passes deleted rows ten times as fast forward. */
void row_key_newest(struct row_key *key, const struct id *id);
/* Open runs are counted by when they began, in slices of 16 ms, the newest first; and
 * the keys of all that one slice can have, from `from` on and before `to`. */
uint64_t row_slice(const struct id *run);
void row_slice_bounds(
    const struct id *project, uint64_t slice, struct row_key *from, struct row_key *to);
/* The first key after all that begin with `key`. */
struct row_key row_key_after(const struct row_key *key);

struct row_key row_key_run(char letter, const struct id *project, const struct id *run);

/* Reading a key from left to right; `left` shrinks. */
struct id row_take_id(struct bytes *left);
struct id row_take_newest(struct bytes *left);
uint8_t row_take_u8(struct bytes *left);
uint32_t row_take_u32(struct bytes *left);
uint64_t row_take_u64(struct bytes *left);

/* clang-format off */
#define run_row_FIELDS(F, S)                                                             \
    F(S, 1,  id,      automation,    "automation id")                                    \
    F(S, 2,  text,    name,          "of the automation")                                \
    F(S, 3,  u32,     version,       "of the automation")                                \
    F(S, 4,  u32,     status,        "enum run_status")                                  \
    F(S, 5,  text,    source,        "api, trigger, …")                                  \
    F(S, 6,  text,    key,           "idempotency key, or nothing")                      \
    F(S, 7,  u64,     started_ms,    "unix ms")                                          \
    F(S, 8,  u64,     updated_ms,    "unix ms")                                          \
    F(S, 9,  u64,     finished_ms,   "unix ms; 0: open")                                 \
    F(S, 10, u64,     deadline_ms,   "unix ms when the run times out; 0: never")         \
    F(S, 11, u32,     step_count,    "steps, those of its eaches included")              \
    F(S, 12, u32,     steps_done,    "completed")                                        \
    F(S, 13, u32,     steps_failed,  "failed for good")                                  \
    F(S, 14, u32,     steps_over,    "completed, failed, skipped or cancelled")          \
    F(S, 15, u32,     steps_open,    "started and not over")                             \
    F(S, 16, u64,     events,        "sequence of the last event")                       \
    F(S, 17, blob,    chain,         "hash of all its facts, each with the one before")  \
    F(S, 18, blob,    positions,     "where its last facts lie, see store/position.h")    \
    F(S, 19, u32,     pages,         "full pages of positions before those")             \
    F(S, 20, text,    failed_step,   "key of the first step that failed and by which the run fails") \
    F(S, 21, text,    error_type,    "of it")                                            \
    F(S, 22, text,    error_message, "of it")                                            \
    F(S, 23, text,    stop_reason,   "step_failed, wall_clock_exceeded, cancelled, …")   \
    F(S, 24, u32,     ending,        "enum run_status that it will have; 0: it is not ending") \
    F(S, 25, u64,     log_bytes,     "printed by its jobs and kept")                     \
    F(S, 26, blob,    steps,         "its first page of steps")                          \
    F(S, 27, u64,     record,        "of run_started, which has the inputs")              \
    F(S, 28, u32,     mains,         "steps that are in no body and no cleanup")          \
    F(S, 29, u32,     mains_over,    "of them")                                           \
    F(S, 30, u32,     mains_failed,  "of them, those by which the run fails")             \
    F(S, 31, u32,     cleanups,      "cleanup steps that are in no body")                 \
    F(S, 32, u32,     cleanups_over, "of them")                                           \
    F(S, 33, u32,     cleaning,      "1: only cleanup is left; then `ending` is its status") \
    F(S, 34, u32,     steps_leased,  "whose job a worker holds: then the run is running") \
    F(S, 35, text,    title,         "what it is called, or nothing")                     \
    F(S, 36, u64,     finish,        "record of run_completed, if that has an output; else 0") \
    F(S, 37, u32,     left,          "1: it was left with more to say, and has a row 'W'") \
    F(S, 40, id,      group,         "its concurrency group, or zero: none")              \
    F(S, 41, u64,     queued,        "record of run_queued, while it is queued; else 0")   \
    F(S, 42, u64,     queued_ms,     "unix ms when it was queued; 0: it never was")        \
    F(S, 43, text,    queue_reason,  "why it is or was queued, for people")                \
    F(S, 44, u32,     attempt,       "2 when it was resumed for the first time; 0: never") \
    F(S, 45, id,      parent,        "run whose step started it, or zero")                 \
    F(S, 46, u32,     parent_step,   "index of that step")                                 \
    F(S, 47, u32,     parent_attempt, "of that step")                                      \
    F(S, 48, u32,     awaited,       "1: the parent waits for its end")                    \
    F(S, 49, u32,     depth,         "generations above it")                               \
    F(S, 50, id,      origin,        "run that it was forked from, or zero")               \
    F(S, 51, text,    trigger,       "key of the trigger, or nothing")                      \
    F(S, 52, u32,     children,      "runs that its steps started")                        \
    F(S, 53, u32,     copying,       "1: a fork to which steps are still to be copied")    \
    F(S, 54, blob,    hands,         "who had its steps: msgpack of session, worker, session, …") \
    F(S, 55, u32,     echo,          "1: the end of a run led to it, so its own is no event") \
    F(S, 56, u32,     closing,       "1: it cleaned up, and that is still to be cancelled") \
    F(S, 57, text,    resumed_by,    "key that had it resumed last, or nothing")           \
    F(S, 58, text,    resumed_from,  "key of the step from which, or nothing: what failed") \
    F(S, 59, text,    cancelled_by,  "who wanted its end, or nothing")                     \
    F(S, 60, text,    cancel_reason, "why, for people, or nothing")

#define step_row_FIELDS(F, S)                                                            \
    F(S, 1,  u32,  status,        "enum step_status")                                    \
    F(S, 2,  u32,  attempt,       "the current or last one")                             \
    F(S, 3,  u32,  offer,         "of that attempt")                                     \
    F(S, 4,  id,   session,       "worker session that holds or held it")                \
    F(S, 5,  text, worker,        "instance id of that worker")                          \
    F(S, 6,  u64,  started_ms,    "unix ms")                                             \
    F(S, 7,  u64,  finished_ms,   "unix ms; 0: not over")                                \
    F(S, 8,  u64,  called,        "record of action_called, wait_opened, interaction_requested or such") \
    F(S, 9,  u64,  offered,       "record that made the current offer")                  \
    F(S, 10, u64,  output,        "record that has the output; 0: none has")             \
    F(S, 11, u64,  due_ms,        "unix ms of the retry, of the attempt's or the wait's end; 0: none") \
    F(S, 12, u64,  lane,          "number of the kind of job it is")                     \
    F(S, 13, u32,  needs_met,     "steps it needs that have completed, or might as well have") \
    F(S, 14, u32,  doomed,        "1: a step it needs will never complete")              \
    F(S, 15, blob, endings,       "of its attempts: offer (4 bytes), enum ending (1)")   \
    F(S, 16, text, error_type,    "of the last attempt that failed")                     \
    F(S, 17, text, error_message, "of it")                                               \
    F(S, 18, u64,  leased_ms,     "unix ms of the current lease; 0: not leased")         \
    F(S, 19, u32,  items,         "of an each: items; of a parallel: steps in it")       \
    F(S, 20, u32,  items_begun,   "of them")                                             \
    F(S, 21, u32,  items_over,    "of them")                                             \
    F(S, 22, u32,  items_floor,   "of an each: items before this one are over")          \
    F(S, 23, u32,  first,         "of an each: index of the first step of its first item") \
    F(S, 24, u32,  failed,        "of an each or parallel: index of the first in it that failed, plus 1") \
    F(S, 25, u32,  beside_over,   "of an item's first step: steps of the item that are over") \
    F(S, 26, u32,  handled,       "of a handler: index of the step that failed, plus 1") \
    F(S, 27, u32,  passed,        "1: skipped or failed, and what needs it goes on")     \
    F(S, 28, u64,  untold,        "record of its open wait for an event; 0: it has none") \
    F(S, 29, id,   interaction,   "that it asks or asked, or zero")                      \
    F(S, 30, blob, closed,        "waits that no event ended: record (8 bytes), attempt (4)") \
    F(S, 35, u32,  attempts_past, "of them, those before its run was resumed")           \
    F(S, 36, u32,  overridden,    "1: its output was set by hand")                       \
    F(S, 37, id,   child,         "run that it started last, or zero")                 \
    F(S, 38, u32,  hand,          "on disk alone, in place of 4 and 5: which pair of the run's hands, plus 1") \
    F(S, 39, u64,  started_in,    "for 6: ms after the run's id, plus 1")                \
    F(S, 40, u64,  finished_in,   "for 7: the same")                                     \
    F(S, 41, u64,  leased_in,     "for 18: the same")                                    \
    F(S, 42, u64,  called_in,     "for 8: records after that of the run, plus 1")        \
    F(S, 43, u64,  offered_in,    "for 9: the same")                                     \
    F(S, 44, u64,  output_in,     "for 10: the same")                                    \
    F(S, 45, u64,  withdrawn,     "record of its step_withdrawn: nothing more begins in it; 0: none") \
    F(S, 46, u32,  items_idle,    "of an each that was resumed: items begun in which nothing goes on yet") \
    F(S, 47, u32,  items_next,    "the first of them")                                   \
    F(S, 48, u32,  idle,          "of an item's first step: 1: it is one of them")

#define expansion_row_FIELDS(F, S)                                                       \
    F(S, 1, u32, step,       "index of the each")                                        \
    F(S, 2, u32, first,      "index of the first step of the first item")                \
    F(S, 3, u32, count,      "items")                                                    \
    F(S, 4, u32, body_first, "of the each, in the plan")                                 \
    F(S, 5, u32, body_count, "steps of an item")                                         \
    F(S, 6, u32, direct,     "of them, those that lie in no parallel and no each")       \
    F(S, 7, u64, record,     "of step_expanded")

#define interaction_row_FIELDS(F, S)                                                     \
    F(S, 1, id,      run,      "run id")                                                 \
    F(S, 2, u32,     step,     "index in the run")                                       \
    F(S, 3, u32,     status,   "enum interaction_status")                                \
    F(S, 4, u64,     record,   "of interaction_requested")                               \
    F(S, 5, u64,     asked_ms, "unix ms")                                                \
    F(S, 6, u64,     due_ms,   "unix ms when it expires; 0: never")                      \
    F(S, 7, u64,     over_ms,  "unix ms when it was settled; 0: it is not")              \
    F(S, 8, payload, answers,  "array of maps {by, value, comment, at_ms}")

#define group_row_FIELDS(F, S)                                                           \
    F(S, 1, u32, active, "runs that hold a slot")                                        \
    F(S, 2, u32, queued, "runs that wait for one")                                       \
    F(S, 3, u32, max,    "slots, as the last start said")                                \
    F(S, 4, u64, head,   "record of run_queued of the run that left the queue last")     \
    F(S, 5, u64, newest, "record of run_queued of the last run that replaces those before it; 0: none")

#define failures_row_FIELDS(F, S)                                                        \
    F(S, 1, u32, count, "in a row")                                                      \
    F(S, 2, u32, told,  "1: the registry was told that there are too many")

#define name_row_FIELDS(F, S)                                                            \
    F(S, 1, id,  automation, "automation id")                                            \
    F(S, 2, u32, version,    "the one that starts use; 0: none")                         \
    F(S, 3, u32, status,     "enum automation_status; 0: active")                        \
    F(S, 4, u64, revision,   "of the automation")                                        \
    F(S, 5, u32, latest,     "the highest version that is known")
/* clang-format on */

struct run_row {
    run_row_FIELDS(FIELD_MEMBER, run_row)
};
struct step_row {
    step_row_FIELDS(FIELD_MEMBER, step_row)
};
struct name_row {
    name_row_FIELDS(FIELD_MEMBER, name_row)
};
struct group_row {
    group_row_FIELDS(FIELD_MEMBER, group_row)
};
struct failures_row {
    failures_row_FIELDS(FIELD_MEMBER, failures_row)
};
struct expansion_row {
    expansion_row_FIELDS(FIELD_MEMBER, expansion_row)
};
struct interaction_row {
    interaction_row_FIELDS(FIELD_MEMBER, interaction_row)
};
extern const struct shape run_row_shape, step_row_shape, name_row_shape,
    expansion_row_shape, interaction_row_shape, group_row_shape, failures_row_shape;

/* On disk: never renumber. */
enum step_status {
    STEP_PENDING = 0,
    STEP_OPEN = 1,    /* its job waits for a worker */
    STEP_LEASED = 2,  /* a worker holds its job */
    STEP_DELAYED = 3, /* the next attempt waits for its time */
    STEP_DONE = 4,
    STEP_BROKEN = 5,
    STEP_SKIPPED_OVER = 6,
    STEP_STOPPED = 7,
    STEP_WAITING = 8, /* for a moment, an event, a person, a run */
    STEP_INSIDE = 9,  /* what lies in it is under way */
};
/* "pending", "suspended", "running", "completed", "failed", "skipped", "cancelled". */
const char *step_status_name(enum step_status status);
static inline bool
step_status_over(uint32_t status)
{
    return status >= STEP_DONE && status <= STEP_STOPPED;
}

/* On disk: never renumber. */
enum interaction_status {
    INTERACTION_PENDING = 1,
    INTERACTION_COMPLETED = 2,
    INTERACTION_EXPIRED = 3,
    INTERACTION_CANCELLED = 4,
};
/* "pending", "completed", "expired", "cancelled". */
const char *interaction_status_name(enum interaction_status status);

/* What a row 'D' says.  On disk: never renumber. */
enum telling_kind {
    TELLING_FORWARD = 1, /* subject: the run to be */
    TELLING_CALL = 2,    /* the child to be */
    TELLING_CANCEL = 3,  /* the child that nobody waits for any more */
    TELLING_END = 4,     /* the child that has ended */
    TELLING_FAILING = 5, /* the automation */
    TELLING_ENDED = 6,   /* the end of a run that is an event */
    TELLING_REFUSED = 7, /* the run that a slot has not got */
};
enum { PEER_TRIGGER = 254, PEER_REGISTRY = 255 }; /* other peers are partitions */

/* A page of steps is a msgpack array of blobs, shorter if the last steps are pending.
 * In each lies the map of a step, so that it is found without looking into those before
 * it; nothing if it is pending. */
MUST_CHECK enum err step_page_split(struct bytes in, struct bytes *steps);
/* A step lies in a page in a short form, as a run's row is written again and again:
 * much of it is said by what never changes of the run.  Those of before lie there in
 * full.
 */
MUST_CHECK enum err step_read(struct bytes in, const struct id *run,
    const struct run_row *row, struct step_row *step);
/* May lengthen row->hands, in `arena`. */
void step_write(const struct step_row *step, const struct id *run, struct run_row *row,
    struct arena *arena, struct buffer *out);
bool step_is_pending(const struct step_row *step);
#endif

/* schedule - the rows of trigger.h: their keys and values, and what follows from them.
 */
#ifndef ACTORS_TRIGGER_SCHEDULE_H
#define ACTORS_TRIGGER_SCHEDULE_H
#include "store/journal.h"
#include "store/rows.h"

/* clang-format off */
#define schedule_FIELDS(F, S)                                                            \
    F(S, 1, u64, interval_ms, "between slots")                                           \
    F(S, 2, u64, next_ms,     "unix ms of the next slot")                                \
    F(S, 3, u64, fired_ms,    "unix ms of the slot that is not settled; 0: none")

#define fire_FIELDS(F, S)                                                                \
    F(S, 1, id,   project,    "project")                                                 \
    F(S, 2, id,   automation, "automation id")                                           \
    F(S, 3, text, trigger,    "trigger key")                                             \
    F(S, 4, u64,  slot_ms,    "unix ms")
/* clang-format on */

struct schedule {
    schedule_FIELDS(FIELD_MEMBER, schedule)
};
struct fire {
    fire_FIELDS(FIELD_MEMBER, fire)
};
extern const struct shape schedule_shape, fire_shape;

/* A trigger of an automation; `key` is borrowed. */
struct trigger_name {
    struct id project, automation;
    struct bytes key;
};

struct row_key key_of_schedule(const struct trigger_name *name);
struct row_key key_of_due(uint64_t due_ms, const struct trigger_name *name);
struct row_key key_of_fire(const struct id *run);
/* Reads key_of_due; the name borrows from it. */
struct trigger_name due_read(struct bytes key, uint64_t *due_ms);

/* False if there is no such row.  Borrows from the journal, as journal_get does. */
bool schedule_read(struct journal *journal, const struct trigger_name *name,
    struct schedule *schedule);
bool fire_read(struct journal *journal, const struct id *run, struct fire *fire);

/* The latest slot that is not after `now_ms`; the next one has come. */
uint64_t schedule_slot(const struct schedule *schedule, uint64_t now_ms);

/* The id of the run of a slot, in one of `partitions`. */
struct id
slot_run(const struct trigger_name *name, uint64_t slot_ms, uint32_t partitions);
#endif

/* plan_parts - what reading, writing and checking a plan share. */
#ifndef ACTORS_PLAN_PLAN_PARTS_H
#define ACTORS_PLAN_PLAN_PARTS_H
#include "actors/plan/plan.h"
#include "base/field.h"

/* False where plan_step_at and plan_trigger_at would end the process. */
bool plan_step_read(const struct plan *plan, uint32_t index, struct arena *arena,
    struct plan_step *step);
bool plan_trigger_read(
    const struct plan *plan, uint32_t index, struct plan_trigger *trigger);
/* False where plan_config_read would. */
bool plan_record_read(const struct shape *shape, struct bytes in, void *record);
/* Is it one well-formed value of that type? */
bool plan_payload_is(struct bytes payload, enum pack_type type);
/* The indexes in a msgpack array, and how many; false if it is none of such.  Nothing
 * at all is no indexes. */
bool plan_indexes_read(
    struct bytes in, struct arena *arena, const uint32_t **indexes, uint32_t *count);
/* Do bodies lie where they must, and do needs, handlers and cleanup keep to theirs? */
bool plan_bodies_hold(
    const struct plan *plan, const struct plan_step *steps, struct arena *arena);
/* Is the config of a step or trigger what its kind asks for? */
bool plan_step_config_holds(const struct plan_step *step);
bool plan_trigger_config_holds(const struct plan_trigger *trigger);
/* Do the records lie one behind the other, to the last byte? */
bool plan_whole(const struct plan *plan);

/* Who is fed by whom: the reverse of needs, in one run of indexes. */
struct feeds {
    uint32_t *indexes;
    uint32_t
        *ends; /* [step_count + 1]: those of step i lie from ends[i] to ends[i + 1] */
};

struct feeds
plan_feeds(const struct plan_step *steps, uint32_t count, struct arena *arena);
#endif

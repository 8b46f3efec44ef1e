/* inputs - what an automation declares that a run is given: inputs, and its config. */
#ifndef ACTORS_PLAN_INPUTS_H
#define ACTORS_PLAN_INPUTS_H
#include "actors/plan/form.h"

/* Read a map of name to declaration: its msgpack, as written, in the arena.  Each is a
 * JSON Schema with `required`; its default must be as it says, and so must be what
 * `given` holds, a map that may be NULL. */
struct bytes
inputs_read(struct reading *r, const struct node *map, const struct node *given);
/* The map of what `config.…` is unless a run is given others: the defaults of what is
 * declared, and above them those that are given; either may be NULL. */
struct bytes
config_defaults(struct reading *r, const struct node *map, const struct node *given);
#endif

/* payload - the free parts of an automation as msgpack: parameters, inputs, tags. */
#ifndef ACTORS_PLAN_PAYLOAD_H
#define ACTORS_PLAN_PAYLOAD_H
#include "actors/plan/mistakes.h"

/* The msgpack of `node`, in the arena; nothing after a mistake: a template, a number
 * that cannot be carried exactly, or more than limits->payload_max bytes. */
struct bytes payload_pack(struct reading *r, const struct node *node);
#endif

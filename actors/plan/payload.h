/* payload - the free parts of an automation as msgpack: parameters, inputs, tags. */
#ifndef ACTORS_PLAN_PAYLOAD_H
#define ACTORS_PLAN_PAYLOAD_H
#include "actors/plan/templates.h"

/* The msgpack of `node`, in the arena; its templates speak of `names`.  Nothing after a
 * mistake: a template where none may stand, a number that cannot be carried exactly, or
 * more than limits->payload_max bytes. */
struct bytes payload_pack(struct reading *r, const struct node *node, enum names names);
/* A list of texts, or one text, as an array of texts. */
struct bytes texts_pack(struct reading *r, const struct node *node, enum names names);
/* Is there a template among the values? */
bool payload_templated(const struct node *node);
#endif

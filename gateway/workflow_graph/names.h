/* names - ids of workflow-graph as names of automations and keys of steps, and back.
 *
 * Ids may be any text, keys are made of [A-Za-z0-9._-]: every other byte is written as
 * _-x and two hex digits.  What is a key already stays as it is, and so does a key that
 * no text became.  Pure.
 */
#ifndef GATEWAY_WORKFLOW_GRAPH_NAMES_H
#define GATEWAY_WORKFLOW_GRAPH_NAMES_H
#include "base/buffer.h"

void key_from_id(struct buffer *out, struct bytes id);
void id_from_key(struct buffer *out, struct bytes key);
#endif

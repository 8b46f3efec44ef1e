/* event_line - one event of a run's log as a line for people.  Pure.
 *
 *   step.started     step=print kind=action
 */
#ifndef WORKERS_CLI_EVENT_LINE_H
#define WORKERS_CLI_EVENT_LINE_H
#include "base/buffer.h"

#include <jansson.h>

/* Append the line, without its end: the type and the fields that tell it apart. */
void event_line(const json_t *event, struct buffer *out);

/* The same with number, time and every field of the payload. */
void event_line_full(const json_t *event, struct buffer *out);

/* How the run ended: "completed", "failed", "cancelled"; NULL when it goes on. */
const char *event_ending(const json_t *event);
#endif

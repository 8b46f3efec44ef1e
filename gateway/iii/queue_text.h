/* queue_text - queues and topics of iii as automations of ours: their names, what is
 * set for them, and the text that says so.
 *
 * A message of a queue is a run of `iii.queue QUEUE -> FUNCTION`; what was published to
 * a topic starts runs of `iii.topic TOPIC -> FUNCTION`, one for each subscriber.  Pure.
 */
#ifndef GATEWAY_III_QUEUE_TEXT_H
#define GATEWAY_III_QUEUE_TEXT_H
#include "base/buffer.h"
#include "base/err.h"

#include <stdbool.h>

enum iii_source { III_QUEUE, III_TOPIC };

/* Both names, and what stands between them, are at most so many bytes. */
enum { III_AUTOMATION_MAX = 128 };

/* Append the name of the automation.  False: the names are empty, too long, or have
 * spaces where they must not. */
bool iii_queue_name(enum iii_source source, struct bytes name, struct bytes function,
    struct buffer *out);
/* The parts of such a name; false: it is the name of something else. */
bool iii_queue_parts(struct bytes automation, enum iii_source *source,
    struct bytes *name, struct bytes *function);
/* Append the name of our queue whose limit is the concurrency of this one. */
void iii_queue_lane(struct bytes queue, struct buffer *out);

/* What a queue, or a subscriber, is set to. */
struct iii_queue_config {
    uint32_t attempts;    /* deliveries in all */
    uint32_t concurrency; /* 0: any */
    uint32_t backoff_ms;  /* before the second one; then twice as long each time */
    uint32_t timeout_ms;  /* of one; 0: none */
    bool fifo;
    struct bytes group;     /* field of the data: one at a time of each value */
    struct bytes condition; /* function that is asked first, or nothing */
};

extern const struct iii_queue_config iii_queue_default, iii_topic_default;

/* Read a config, a msgpack map or nothing, over what `config` has; borrows.
 *
 * ERR_INVALID  `fault` says which field cannot be what it is */
MUST_CHECK enum err iii_queue_config_read(
    struct bytes settings, struct iii_queue_config *config, struct fault *fault);
/* The same of a subscriber: `max_retries`, `backoff_ms` and `queue_config`. */
MUST_CHECK enum err iii_topic_config_read(
    struct bytes settings, struct iii_queue_config *config, struct fault *fault);
/* Append it as iii says it. */
void iii_queue_config_pack(struct buffer *out, const struct iii_queue_config *config);

/* Append the text of the automation called `automation`. */
void iii_queue_text(
    struct buffer *out, struct bytes automation, const struct iii_queue_config *config);
#endif

/* letters - what waits in queues and topics, and what became of what could not be done:
 * a dead letter is a failed run, and is known by its id as a UUID.
 */
#ifndef GATEWAY_III_LETTERS_H
#define GATEWAY_III_LETTERS_H
#include "gateway/iii/hub.h"

/* {queue|topic} → {queue, redriven} */
void iii_queue_redrive(struct iii_worker *caller, const struct iii_frame *asked);
/* {queue|topic, message_id} → {queue, message_id, redriven: 0|1}; or discarded */
void iii_queue_redrive_one(struct iii_worker *caller, const struct iii_frame *asked);
void iii_queue_discard_one(struct iii_worker *caller, const struct iii_frame *asked);
/* → [{name, broker_type, subscriber_count}] */
void iii_queue_topics(struct iii_worker *caller, const struct iii_frame *asked);
/* {topic|queue} → {depth, consumer_count, dlq_depth, config} */
void iii_queue_stats(struct iii_worker *caller, const struct iii_frame *asked);
/* → [{topic, broker_type, message_count}] */
void iii_queue_dead_topics(struct iii_worker *caller, const struct iii_frame *asked);
/* {topic, offset?, limit?} → [{id, payload, error, failed_at, retries, size_bytes}] */
void iii_queue_dead_letters(struct iii_worker *caller, const struct iii_frame *asked);
#endif

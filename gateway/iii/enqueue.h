/* enqueue - what must not be lost: messages of queues are runs, what is published to a
 * topic is an event.  Whoever asks is answered when it is durable.
 */
#ifndef GATEWAY_III_ENQUEUE_H
#define GATEWAY_III_ENQUEUE_H
#include "gateway/iii/hub.h"

/* A call with the action {"type": "enqueue", "queue"}: → {messageReceiptId} */
void iii_enqueue_call(struct iii_worker *caller, const struct iii_frame *asked);
/* {queue, function_id, data, messageReceiptId?} → {messageReceiptId} */
void iii_enqueue(struct iii_worker *caller, const struct iii_frame *asked);
/* {queue, config} → {queue, changed} */
void iii_queue_define(struct iii_worker *caller, const struct iii_frame *asked);
/* {topic (or queue), data} → nothing */
void iii_durable_publish(struct iii_worker *caller, const struct iii_frame *asked);

/* Forget which automations are known to be there. */
void iii_routes_forget(struct hub *hub);
#endif

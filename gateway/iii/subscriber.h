/* subscriber - triggers of the type durable:subscriber (or queue): what is published to
 * their topic starts a run that calls their function, also when nobody is there.
 */
#ifndef GATEWAY_III_SUBSCRIBER_H
#define GATEWAY_III_SUBSCRIBER_H
#include "gateway/iii/hub.h"

/* See to its automation.  False: `fault` says why there cannot be one. */
bool iii_subscriber_bind(struct iii_entry *trigger, struct fault *fault);
/* It was unregistered, which is more than that its worker left: nothing is called any
 * more. */
void iii_subscriber_ended(const struct iii_entry *trigger);
/* Its worker says it anew: the same, if no other automation is meant. */
void
iii_subscriber_replaced(const struct iii_entry *trigger, const struct iii_frame *by);
#endif

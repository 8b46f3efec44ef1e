/* topic - publish {topic, data}: whoever has a trigger of the type subscribe with this
 * topic is called with the data, once; nobody waits, nothing is kept. */
#ifndef GATEWAY_III_TOPIC_H
#define GATEWAY_III_TOPIC_H
#include "gateway/iii/hub.h"

void topic_publish(struct iii_worker *caller, const struct iii_frame *asked);
/* As struct iii_own_type has it. */
bool topic_bind(struct iii_entry *trigger, struct fault *fault);
#endif

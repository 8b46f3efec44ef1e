#include "gateway/iii/topic.h"

#include "gateway/iii/invoke.h"
#include "gateway/said.h"

bool
topic_bind(struct iii_entry *trigger, struct fault *fault)
{
    trigger->topic = said_text(trigger->said.config, "topic");
    if (trigger->topic.size > 0)
        return true;
    (void)fault_set(fault, ERR_MALFORMED, "topic must be a text that is not empty");
    return false;
}

/* A function that does not read ends its own connection at most, and later. */
void
topic_publish(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct hub *hub = caller->hub;
    struct list *all = &hub->entries[III_TRIGGER];
    struct bytes topic = said_text(asked->data, "topic");
    struct bytes data = pack_or_nil(pack_find(asked->data, "data"));
    if (topic.size == 0) {
        iii_refuse(caller, asked, "topic_not_set",
            text("publish takes {topic, data}, and the topic is not empty"));
        return;
    }
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct iii_entry *trigger = LIST_OF(at, struct iii_entry, of_hub);
        const struct iii_frame *said = &trigger->said;
        if (bytes_equal(trigger->topic, topic))
            iii_fire(hub, said->function_id, data, said->metadata);
    }
    iii_answer(caller, asked, (struct bytes){ 0 });
}

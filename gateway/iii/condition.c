#include "gateway/iii/condition.h"

#include "base/log.h"
#include "base/quoted.h"
#include "gateway/iii/invoke.h"
#include "gateway/said.h"

static void
fire(const struct iii_entry *trigger, struct bytes data)
{
    iii_fire(
        trigger->worker->hub, trigger->said.function_id, data, trigger->said.metadata);
}

static void
skip(struct bytes trigger, struct bytes condition, const char *why)
{
    log_line(LOG_UNUSUAL, "iii_condition_failed", "trigger=%s condition=%s why=%s",
        quoted(trigger).text, quoted(condition).text, why);
}

void
iii_fire_if(const struct iii_entry *trigger, struct bytes data)
{
    struct hub *hub = trigger->worker->hub;
    struct bytes condition = said_text(trigger->said.config, "condition_function_id");
    if (condition.size == 0) {
        fire(trigger, data);
        return;
    }
    const struct iii_entry *asked = hub_find(hub, III_FUNCTION, condition);
    struct iii_call *call = asked == NULL ? NULL
                                          : iii_call(asked->worker, III_CONDITION,
                                              condition, data, (struct bytes){ 0 });
    if (call == NULL) {
        skip(trigger->said.id, condition, "nobody_has_it");
        return;
    }
    buffer_append_bytes(&call->trigger, trigger->said.id);
    buffer_append_bytes(&call->data, data);
}

void
iii_condition_said(const struct iii_call *call, const struct iii_frame *said)
{
    struct bytes id = buffer_bytes(&call->trigger);
    const struct iii_entry *trigger = hub_find(call->worker->hub, III_TRIGGER, id);
    struct cursor verdict = cursor_over(said->result);
    if (said->error.size > 0)
        skip(id, buffer_bytes(&call->function), "it_failed");
    else if (trigger != NULL
             && (said->result.size == 0 || cursor_type(&verdict) != PACK_BOOL
                 || cursor_bool(&verdict)))
        fire(trigger, buffer_bytes(&call->data));
}

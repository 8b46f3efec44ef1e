#include "gateway/iii/binding.h"

#include "base/clock.h"
#include "base/wrong.h"
#include "gateway/iii/invoke.h"
#include "gateway/iii/subscriber.h"
#include "gateway/iii/trigger.h"
#include "gateway/said.h"

#include <stdlib.h>

enum { PROVIDER_MS = 10000 };

/* Somebody waits for what a provider says of a trigger. */
struct binding {
    struct list link; /* of the hub */
    struct hub *hub;
    char trigger[III_UUID_SIZE + 1], call[III_UUID_SIZE + 1];
    struct alarm patience;
};

/* Who has them: a worker that is never there. */
static struct iii_worker *
nobody(struct hub *hub)
{
    if (hub->nobody == NULL) {
        hub->nobody = hub_worker_new(hub);
        hub->nobody->name = text("capstan");
    }
    return hub->nobody;
}

static void
answer_id(struct iii_worker *caller, const struct iii_frame *asked, const char *id)
{
    struct buffer out = { 0 };
    pack_map(&out, 1);
    pack_string(&out, "id");
    pack_string(&out, id);
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}

/* Tell who waits, if it is still there; `error` is nothing if all is well. */
static void
settle(struct binding *binding, struct bytes error)
{
    struct iii_call *call = hub_call_find(binding->hub, text(binding->call));
    alarm_clear(&binding->hub->gateway->alarms, &binding->patience);
    list_remove(&binding->link);
    if (call != NULL && call->worker == NULL) {
        struct iii_frame asked = { .invocation_id = text(call->id),
            .function_id = buffer_bytes(&call->function) };
        if (error.size == 0)
            answer_id(call->caller, &asked, binding->trigger);
        else
            iii_refuse(call->caller, &asked, "trigger_registration_failed",
                said_text(error, "message"));
        hub_call_drop(&call);
    }
    free(binding);
}

/* It is registered, and its provider is slow to say so. */
static void
waited(struct alarm *alarm)
{
    settle(LIST_OF(alarm, struct binding, patience), (struct bytes){ 0 });
}

static struct binding *
binding_new(struct hub *hub, const char *trigger, struct bytes call)
{
    struct gateway *g = hub->gateway;
    struct binding *binding = calloc(1, sizeof *binding);
    if (binding == NULL)
        WRONG("out of memory");
    binding->hub = hub;
    memcpy(binding->trigger, trigger, sizeof binding->trigger);
    memcpy(binding->call, call.data, III_UUID_SIZE);
    binding->patience.ring = waited;
    alarm_set(&g->alarms, &binding->patience, g->now_ms + PROVIDER_MS);
    list_append(&hub->bindings, &binding->link);
    return binding;
}

void
binding_result(const struct iii_entry *trigger, const struct iii_frame *said)
{
    struct hub *hub = trigger->worker->hub;
    for (struct list *at = hub->bindings.next; at != &hub->bindings; at = at->next) {
        struct binding *binding = LIST_OF(at, struct binding, link);
        if (bytes_equal(text(binding->trigger), trigger->said.id)) {
            settle(binding, said->error);
            return;
        }
    }
}

void
bindings_end(struct hub *hub)
{
    struct list *at;
    while ((at = list_first(&hub->bindings)) != NULL)
        settle(LIST_OF(at, struct binding, link), (struct bytes){ 0 });
    if (hub->nobody == NULL)
        return;
    trigger_leave(hub->nobody);
    iii_stop(hub->nobody);
}

static void
pack_member(struct buffer *out, const char *name, struct bytes asked)
{
    pack_string(out, name);
    pack_raw(out, pack_find(asked, name));
}

/* The frame that would have registered it. */
static void
pack_frame(struct buffer *out, const char *id, struct bytes asked)
{
    pack_map(out, 6);
    pack_string(out, "type");
    pack_string(out, "registertrigger");
    pack_string(out, "id");
    pack_string(out, id);
    pack_member(out, "trigger_type", asked);
    pack_member(out, "function_id", asked);
    pack_member(out, "config", asked);
    pack_member(out, "metadata", asked);
}

/* The trigger, or NULL: it was refused. */
static struct iii_entry *
put(struct iii_worker *caller, const struct iii_frame *asked, const char *id)
{
    struct buffer frame = { 0 };
    struct iii_frame said;
    struct fault fault = { 0 };
    struct iii_entry *trigger = NULL;
    const char *code = "trigger_registration_failed";
    pack_frame(&frame, id, asked->data);
    if (iii_frame_read(buffer_bytes(&frame), &said, &fault) != ERR_NONE)
        code = "INVALID_ARGUMENTS";
    else if (!trigger_allowed(caller->key, said.trigger_type))
        (void)fault_set(&fault, ERR_FORBIDDEN, "the key may not have this trigger");
    else if ((trigger = hub_put(nobody(caller->hub), III_TRIGGER, buffer_bytes(&frame)))
             == NULL)
        (void)fault_set(&fault, ERR_BUSY, "there are too many triggers");
    else if (!trigger_came(trigger, &fault))
        trigger = NULL;
    if (trigger == NULL)
        iii_refuse(caller, asked, code, text(fault.detail));
    buffer_free(&frame);
    return trigger;
}

void
binding_register(struct iii_worker *caller, const struct iii_frame *asked)
{
    char id[III_UUID_SIZE + 1];
    iii_uuid_print(id_fresh(0).bytes, id);
    const struct iii_entry *trigger = put(caller, asked, id);
    if (trigger == NULL)
        return;
    if (trigger->provider == NULL || asked->invocation_id.size == 0
        || hub_call(caller->hub, asked->invocation_id, asked->function_id, NULL, caller,
               III_ANSWER)
               == NULL) {
        answer_id(caller, asked, id);
        return;
    }
    (void)binding_new(caller->hub, id, asked->invocation_id);
}

void
binding_unregister(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct iii_entry *trigger =
        hub_find(caller->hub, III_TRIGGER, said_text(asked->data, "id"));
    /* What is nobody's may end whoever may have it. */
    bool may = trigger != NULL
               && (trigger->worker == caller
                   || (trigger->worker == caller->hub->nobody
                       && trigger_allowed(caller->key, trigger->said.trigger_type)));
    struct buffer out = { 0 };
    if (may) {
        iii_subscriber_ended(trigger);
        trigger_left(trigger);
        hub_drop(&trigger);
    }
    pack_map(&out, 1);
    pack_string(&out, "removed");
    pack_bool(&out, may);
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}

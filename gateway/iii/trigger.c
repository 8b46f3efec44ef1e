#include "gateway/iii/trigger.h"

#include "base/log.h"
#include "base/pack.h"
#include "base/quoted.h"
#include "gateway/iii/binding.h"
#include "gateway/iii/cron.h"
#include "gateway/iii/functions.h"
#include "gateway/iii/invoke.h"
#include "gateway/iii/records.h"
#include "gateway/iii/route.h"
#include "gateway/iii/state.h"
#include "gateway/iii/subscriber.h"
#include "gateway/iii/topic.h"

static const struct iii_own_type own_types[] = {
    { "engine::workers-available", "a worker connects, describes itself or leaves",
        NULL, 0 },
    { "engine::functions-available", "functions are registered or go", NULL, 0 },
    { "cron", "a time of a schedule comes", iii_cron_bind, 0 },
    { "durable:subscriber", "something is published to a topic, and is not lost",
        iii_subscriber_bind, SCOPE_START },
    { "http", "a request comes for a path", iii_route_bind, 0 },
    { "log", "a worker logs something", records_bind, 0 },
    { "queue", "the same as durable:subscriber", iii_subscriber_bind, SCOPE_START },
    { "state", "a value of the project's state changes", iii_state_bind, SCOPE_READ },
    { "subscribe", "something is published to a topic", topic_bind, 0 },
};

const struct iii_own_type *
trigger_own_type(size_t i)
{
    return i < COUNT(own_types) ? &own_types[i] : NULL;
}

const struct iii_own_type *
trigger_own_type_named(struct bytes type)
{
    for (size_t i = 0; i < COUNT(own_types); i++)
        if (bytes_equal(type, text(own_types[i].id)))
            return &own_types[i];
    return NULL;
}

bool
trigger_allowed(const struct key *key, struct bytes type)
{
    const struct iii_own_type *own = trigger_own_type_named(type);
    return own == NULL || key_may(key, own->scope);
}

static void
tell_provider(struct iii_entry *trigger, struct iii_worker *provider)
{
    const struct iii_frame *said = &trigger->said;
    struct buffer *out = iii_page(provider->hub);
    iii_begin(out, "registertrigger");
    iii_put(out, "id", said->id);
    iii_put(out, "trigger_type", said->trigger_type);
    iii_put(out, "function_id", said->function_id);
    iii_put_value(out, "config", pack_or_map(said->config));
    iii_put_value(out, "metadata", said->metadata);
    iii_end(out);
    trigger->provider = iii_say(provider) ? provider : NULL;
}

static void
tell_failure(const struct iii_entry *trigger, struct bytes error, const char *code,
    struct bytes message)
{
    struct buffer *out = iii_page(trigger->worker->hub);
    iii_begin(out, "triggerregistrationresult");
    iii_put(out, "id", trigger->said.id);
    iii_put(out, "trigger_type", trigger->said.trigger_type);
    iii_put(out, "function_id", trigger->said.function_id);
    if (error.size > 0)
        iii_put_value(out, "error", error);
    else
        iii_put_error(out, code, message);
    iii_end(out);
    (void)iii_say(trigger->worker);
}

void
trigger_failed(struct iii_entry **trigger, struct bytes why)
{
    tell_failure(*trigger, (struct bytes){ 0 }, "trigger_registration_failed", why);
    hub_drop(trigger);
}

static bool
bind_own(
    struct iii_entry *trigger, const struct iii_own_type *type, struct fault *fault)
{
    /* Whose it is has no key if engine::register_trigger let it in. */
    const struct key *key = trigger->worker->key;
    if (key != NULL && !trigger_allowed(key, text(type->id)))
        (void)fault_set(fault, ERR_FORBIDDEN, "the key may not have this trigger");
    else if (type->bind == NULL || type->bind(trigger, fault))
        return true;
    trigger_failed(&trigger, text(fault->detail));
    return false;
}

bool
trigger_came(struct iii_entry *trigger, struct fault *fault)
{
    struct hub *hub = trigger->worker->hub;
    struct bytes type = trigger->said.trigger_type;
    const struct iii_own_type *own = trigger_own_type_named(type);
    const struct iii_entry *found = hub_find(hub, III_TYPE, type);
    if (own != NULL)
        return bind_own(trigger, own, fault);
    if (found != NULL) {
        tell_provider(trigger, found->worker);
        return true;
    }
    log_line(LOG_INFO, "iii_trigger_parked", "worker=%s type=%s", trigger->worker->id,
        quoted(type).text);
    if (iii_unserved_type(type))
        tell_failure(trigger, (struct bytes){ 0 }, "trigger_type_not_found",
            text("this engine does not provide this trigger type: the trigger waits "
                 "until a worker does"));
    return true;
}

void
trigger_left(struct iii_entry *trigger)
{
    if (trigger->provider == NULL)
        return;
    struct buffer *out = iii_page(trigger->provider->hub);
    iii_begin(out, "unregistertrigger");
    iii_put(out, "id", trigger->said.id);
    iii_put(out, "trigger_type", trigger->said.trigger_type);
    iii_end(out);
    (void)iii_say(trigger->provider);
    trigger->provider = NULL;
}

void
trigger_type_came(struct iii_entry *type)
{
    struct list *all = &type->worker->hub->entries[III_TRIGGER];
    for (struct list *at = all->next; at != all; at = at->next) {
        struct iii_entry *trigger = LIST_OF(at, struct iii_entry, of_hub);
        if (bytes_equal(trigger->said.trigger_type, type->said.id)
            && trigger_own_type_named(type->said.id) == NULL)
            tell_provider(trigger, type->worker);
    }
}

void
trigger_type_lost(struct iii_worker *provider, struct bytes type)
{
    struct list *all = &provider->hub->entries[III_TRIGGER];
    for (struct list *at = all->next; at != all; at = at->next) {
        struct iii_entry *trigger = LIST_OF(at, struct iii_entry, of_hub);
        if (trigger->provider == provider
            && bytes_equal(trigger->said.trigger_type, type))
            trigger_left(trigger);
    }
}

void
trigger_replaced(struct iii_entry *trigger, const struct iii_frame *by)
{
    iii_subscriber_replaced(trigger, by);
    if (!bytes_equal(trigger->said.trigger_type, by->trigger_type))
        trigger_left(trigger);
}

void
trigger_type_left(struct iii_entry *type)
{
    static const struct iii_frame agreed = { .verb = III_NOTHING };
    struct list *all = &type->worker->hub->entries[III_TRIGGER];
    for (struct list *at = all->next; at != all; at = at->next) {
        struct iii_entry *trigger = LIST_OF(at, struct iii_entry, of_hub);
        if (trigger->provider != type->worker
            || !bytes_equal(trigger->said.trigger_type, type->said.id))
            continue;
        trigger->provider = NULL;
        /* It waits for the next one. */
        binding_result(trigger, &agreed);
    }
}

void
trigger_result(struct iii_worker *provider, const struct iii_frame *said)
{
    struct iii_entry *trigger = hub_find(provider->hub, III_TRIGGER, said->id);
    if (trigger == NULL || trigger->provider != provider)
        return;
    binding_result(trigger, said);
    if (said->error.size == 0)
        return;
    trigger->provider = NULL;
    if (trigger->worker == provider->hub->nobody) {
        hub_drop(&trigger);
        return;
    }
    tell_failure(trigger, said->error, "", (struct bytes){ 0 });
}

void
trigger_leave(struct iii_worker *worker)
{
    struct list *at;
    while ((at = list_first(&worker->entries[III_TYPE])) != NULL) {
        struct iii_entry *type = LIST_OF(at, struct iii_entry, of_worker);
        trigger_type_left(type);
        hub_drop(&type);
    }
    while ((at = list_first(&worker->entries[III_TRIGGER])) != NULL) {
        struct iii_entry *trigger = LIST_OF(at, struct iii_entry, of_worker);
        trigger_left(trigger);
        hub_drop(&trigger);
    }
}

/* A function that does not read ends its own connection at most, and later. */
void
trigger_fire(struct hub *hub, const char *type, struct bytes data)
{
    struct list *all = &hub->entries[III_TRIGGER];
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct iii_entry *trigger = LIST_OF(at, struct iii_entry, of_hub);
        if (bytes_equal(trigger->said.trigger_type, text(type)))
            iii_fire(hub, trigger->said.function_id, data, trigger->said.metadata);
    }
}

#include "gateway/iii/functions.h"

#include "base/pack.h"
#include "gateway/iii/baggage.h"
#include "gateway/iii/binding.h"
#include "gateway/iii/channel.h"
#include "gateway/iii/discovery.h"
#include "gateway/iii/enqueue.h"
#include "gateway/iii/invoke.h"
#include "gateway/iii/letters.h"
#include "gateway/iii/records.h"
#include "gateway/iii/runs.h"
#include "gateway/iii/state.h"
#include "gateway/iii/topic.h"
#include "gateway/iii/worker.h"
#include "gateway/said.h"

enum { ABOUT_MAX = 65536 };

static void
register_worker(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct cursor map = cursor_over(asked->data);
    struct buffer done = { 0 };
    if (asked->data.size == 0 || cursor_type(&map) != PACK_MAP
        || asked->data.size > ABOUT_MAX) {
        iii_refuse(caller, asked, "INVALID_ARGUMENTS",
            text("a worker is described by an object of at most 64 KiB"));
        return;
    }
    struct cursor space = cursor_over(pack_find(asked->data, "namespace"));
    struct bytes namespace =
        cursor_type(&space) == PACK_TEXT ? cursor_text(&space) : text("default");
    if (!bytes_equal(namespace, text("default"))) {
        /* Its client stops for good on these words, and on no others. */
        struct buffer *out = iii_page(caller->hub);
        iii_begin(out, "registrationrejected");
        iii_put(out, "code", text("WORKER_NAMESPACE_CONFLICT"));
        iii_put(out, "namespace", namespace);
        iii_put(out, "worker_name", said_text(asked->data, "name"));
        iii_put(out, "owner_worker_id", text(caller->id));
        iii_end(out);
        (void)iii_say(caller);
        websocket_close(caller->socket, WEBSOCKET_POLICY,
            text("this engine has the namespace default and no other"));
        return;
    }
    iii_describe(caller, asked->data);
    pack_map(&done, 1);
    pack_string(&done, "success");
    pack_bool(&done, true);
    iii_answer(caller, asked, buffer_bytes(&done));
    buffer_free(&done);
}

static const struct iii_function functions[] = {
    { "engine::workers::register", "describe the worker that calls", register_worker },
    { "engine::workers::list", "the workers that are connected", discover_workers },
    { "engine::workers::info", "one worker and what it registered", discover_worker },
    { "engine::functions::list", "the functions that there are", discover_functions },
    { "engine::functions::info", "one function and its triggers", discover_function },
    { "engine::triggers::list",
        "the trigger types; to clients before 0.13, the triggers", discover_triggers },
    { "engine::trigger-types::list", "the trigger types", discover_types },
    { "engine::registered-triggers::list", "the triggers", discover_registered },
    { "engine::triggers::info", "one trigger type", discover_type },
    { "engine::registered-triggers::info", "one trigger, its type and its function",
        discover_trigger },
    { "engine::register_trigger", "a trigger that stays when its worker goes",
        binding_register },
    { "engine::unregister_trigger", "end a trigger", binding_unregister },
    { "engine::health::check", "is the engine well?", discover_health },
    { "engine::log::error", "write to the engine's log", records_error },
    { "engine::log::warn", "write to the engine's log", records_warn },
    { "engine::log::info", "write to the engine's log", records_info },
    { "engine::log::debug", "write to the engine's log", records_debug },
    { "engine::log::trace", "write to the engine's log", records_trace },
    { "engine::logs::list", "the latest of what workers logged", records_list },
    { "engine::logs::clear", "forget what workers logged", records_clear },
    { "engine::baggage::get", "a value of the call's baggage", baggage_get },
    { "engine::baggage::set", "does nothing: baggage is the caller's", baggage_set },
    { "engine::baggage::get_all", "all of the call's baggage", baggage_all },
    { "publish", "call the functions that subscribe to a topic", topic_publish },
    { "engine::channels::create", "a channel: one writes, one reads",
        iii_channel_create },
    { "state::set", "keep a value under scope and key", iii_state_set },
    { "state::get", "the value of a key", iii_state_get },
    { "state::delete", "forget a key", iii_state_delete },
    { "state::update", "change a value by operations, in one go", iii_state_update },
    { "state::list", "the values of a scope", iii_state_list },
    { "state::list_groups", "the scopes", iii_state_list_groups },
    { "state::list_keys", "the keys of a scope", iii_state_list_keys },
    { "state::list_entries", "a page of a scope", iii_state_list_entries },
    { "engine::queue::enqueue", "a call that is done once it can be", iii_enqueue },
    { "queue::define", "how a queue retries, and how many calls are out",
        iii_queue_define },
    { "iii::durable::publish", "call the durable subscribers of a topic",
        iii_durable_publish },
    { "iii::queue::redrive", "try all dead letters again", iii_queue_redrive },
    { "iii::queue::redrive_message", "try one dead letter again",
        iii_queue_redrive_one },
    { "iii::queue::discard_message", "give a dead letter up", iii_queue_discard_one },
    { "engine::queue::list_topics", "queues and topics", iii_queue_topics },
    { "engine::queue::topic_stats", "how much waits, and how much is dead",
        iii_queue_stats },
    { "engine::queue::dlq_topics", "those with dead letters", iii_queue_dead_topics },
    { "engine::queue::dlq_messages", "a page of dead letters", iii_queue_dead_letters },
    { "capstan::runs::start", "start a run of an automation", runs_start },
};

const struct iii_function *
iii_function_at(size_t i)
{
    return i < COUNT(functions) ? &functions[i] : NULL;
}

const struct iii_function *
iii_function(struct bytes id)
{
    for (size_t i = 0; i < COUNT(functions); i++)
        if (bytes_equal(id, text(functions[i].id)))
            return &functions[i];
    return NULL;
}

static bool
among(const char *const *names, size_t count, struct bytes id)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_begin(id, text(names[i])))
            return true;
    return false;
}

bool
iii_unserved(struct bytes id)
{
    static const char *const begins[] = { "engine::", "state::", "stream::", "queue::",
        "iii::", "configuration::", "worker::", "compose::" };
    return among(begins, COUNT(begins), id);
}

bool
iii_unserved_type(struct bytes id)
{
    static const char *const begins[] = { "engine::", "stream", "trace",
        "configuration" };
    return among(begins, COUNT(begins), id);
}

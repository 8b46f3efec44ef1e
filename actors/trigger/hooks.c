/* http triggers: a request to the URL of one becomes an event of the project, and fires
 * the trigger.  The same delivery twice is one event, and so one run.
 *
 * Who has no right to call learns nothing: a handle that is not there and a signature
 * that does not hold get the same answer.
 */
#include "actors/plan/plan_kinds.h"
#include "actors/trigger/state.h"
#include "base/wrong.h"

enum { HANDLE_MAX = 128 };

static const char NOT_ACTIVE[] =
    "the trigger is not enabled, or its automation is not active";
static const char NOT_WANTED[] = "the match or the condition of the trigger says no";

struct bytes
hook_handle(const struct trigger_state *s, const struct trigger_name *name,
    struct bytes own, struct arena *arena)
{
    enum { CHARACTERS = 32, FIVE_BITS = 31 };
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    char handle[CHARACTERS];
    struct buffer who = { 0 };
    if (own.size > 0)
        return own;
    buffer_append_bytes(&who, text("hook"));
    buffer_append_bytes(&who, id_bytes(&name->project));
    buffer_append_bytes(&who, id_bytes(&name->automation));
    buffer_append_bytes(&who, name->key);
    struct hash hash = hash_keyed(s->secret, buffer_bytes(&who));
    for (size_t i = 0; i < CHARACTERS; i++)
        handle[i] = alphabet[hash.bytes[i] & FIVE_BITS];
    buffer_free(&who);
    return arena_copy(arena, bytes_of(handle, sizeof handle));
}

/* A call, and the trigger that it is for. */
struct call {
    const struct trigger_state *s;
    const struct hook_call *said;
    struct outbox *out;
    struct trigger_name name;
    struct definition definition;
    struct plan_http config;
    struct bytes delivery;
};

/* Names of headers come in lower case. */
static struct bytes
lower(struct bytes name, struct arena *arena)
{
    uint8_t *out = arena_take(arena, name.size + 1);
    for (size_t i = 0; i < name.size; i++) {
        bool capital = name.data[i] >= 'A' && name.data[i] <= 'Z';
        out[i] = capital ? (uint8_t)(name.data[i] | 0x20) : name.data[i];
    }
    return bytes_of(out, name.size);
}

static bool
find(struct call *call)
{
    const struct trigger_state *s = call->s;
    struct row_key key = key_of_hook(call->said->handle);
    struct hook hook;
    if (call->said->handle.size > HANDLE_MAX
        || !kept_read(s->journal, &key, &hook_shape, NULL, &hook))
        return false;
    call->name = (struct trigger_name){ hook.project, hook.automation,
        arena_copy(call->out->arena, hook.trigger) };
    call->out->project = hook.project;
    if (!definition_read(s, &call->name, call->out->arena, &call->definition))
        WRONG("a hook without its trigger");
    plan_config_read(&plan_http_shape, call->definition.config, &call->config);
    call->config.header = lower(call->config.header, call->out->arena);
    return true;
}

static bool
judge(struct call *call, uint64_t now_ms)
{
    struct hook_request request = { call->said->headers, call->said->body };
    struct bytes secret = secret_value(
        call->s, &call->name.project, call->config.secret, call->out->arena);
    return hook_genuine((enum hook_scheme)call->config.scheme, &request, secret,
        call->config.header, call->config.tolerance_ms, now_ms, &call->delivery);
}

static struct bytes
header(const struct call *call, const char *name)
{
    struct cursor value = cursor_over(pack_find(call->said->headers, name));
    return cursor_done(&value) ? (struct bytes){ 0 } : cursor_text(&value);
}

/* github.push, github.issues.opened, or http.<trigger>. */
static struct bytes
type_of(const struct call *call)
{
    struct bytes word = header(call, "x-github-event");
    struct cursor action = cursor_over(pack_find(call->said->data, "action"));
    struct buffer type = { 0 };
    if (call->config.scheme == HOOK_GITHUB && word.size > 0) {
        buffer_append_bytes(&type, text("github."));
        buffer_append_bytes(&type, word);
        if (!cursor_done(&action) && cursor_type(&action) == PACK_TEXT) {
            buffer_append_bytes(&type, text("."));
            buffer_append_bytes(&type, cursor_text(&action));
        }
    }
    if (!event_type_right(buffer_bytes(&type))) {
        buffer_clear(&type);
        buffer_append_bytes(&type, text("http."));
        buffer_append_bytes(&type, call->name.key);
    }
    if (!event_type_right(buffer_bytes(&type))) {
        buffer_clear(&type);
        buffer_append_bytes(&type, text("http.request"));
    }
    struct bytes result = arena_copy(call->out->arena, buffer_bytes(&type));
    buffer_free(&type);
    return result;
}

/* A body that is no JSON object is shown as one: {"body": …}. */
static struct bytes
data_of(const struct call *call)
{
    const struct hook_call *said = call->said;
    struct cursor c = cursor_over(said->data);
    struct buffer out = { 0 };
    if (said->data.size > 0 && cursor_type(&c) == PACK_MAP)
        return said->data;
    pack_map(&out, 1);
    pack_string(&out, "body");
    if (said->data.size > 0)
        pack_raw(&out, said->data);
    else if (utf8_valid(said->body))
        pack_text(&out, said->body);
    else
        pack_blob(&out, said->body);
    struct bytes data = arena_copy(call->out->arena, buffer_bytes(&out));
    buffer_free(&out);
    return data;
}

/* What may be shown of the request: nothing that proves who sent it. */
static bool
showable(const struct call *call, struct bytes name)
{
    static const char *const kept_back[] = { "authorization", "cookie",
        "proxy-authorization", "webhook-signature", "x-hub-signature",
        "x-hub-signature-256" };
    for (size_t i = 0; i < COUNT(kept_back); i++)
        if (bytes_equal(name, text(kept_back[i])))
            return false;
    return !bytes_equal(name, call->config.header);
}

static struct bytes
meta_of(const struct call *call)
{
    struct buffer headers = { 0 }, out = { 0 };
    struct cursor c = cursor_over(call->said->headers);
    size_t shown = 0;
    size_t count = call->said->headers.size > 0 && cursor_type(&c) == PACK_MAP
                       ? cursor_map(&c)
                       : 0;
    for (; count > 0 && !c.bad; count--) {
        struct bytes name = cursor_text(&c), value = cursor_text(&c);
        if (c.bad || !showable(call, name))
            continue;
        pack_text(&headers, name);
        pack_text(&headers, value);
        shown++;
    }
    pack_map(&out, 3);
    put_text(&out, "trigger_key", call->name.key);
    put_text(&out, "query", call->said->query);
    pack_string(&out, "headers");
    pack_map(&out, shown);
    buffer_append_bytes(&out, buffer_bytes(&headers));
    struct bytes meta = arena_copy(call->out->arena, buffer_bytes(&out));
    buffer_free(&headers);
    buffer_free(&out);
    return meta;
}

/* A delivery is known by its id and its trigger. */
static struct bytes
id_of(const struct call *call)
{
    char automation[ID_TEXT_MAX];
    struct buffer out = { 0 };
    if (call->delivery.size == 0)
        return (struct bytes){ 0 };
    struct hash trigger = hash_of(call->name.key);
    id_print(&call->name.automation, "aut_", automation);
    buffer_print(&out, "%s:%02x%02x%02x%02x:", automation, trigger.bytes[0],
        trigger.bytes[1], trigger.bytes[2], trigger.bytes[3]);
    buffer_append_bytes(&out, call->delivery);
    struct bytes id = arena_copy(call->out->arena, buffer_bytes(&out));
    buffer_free(&out);
    return utf8_valid(id) ? id : (struct bytes){ 0 };
}

/* Does the trigger want it?  Else `*mistake`, if its condition could not be told. */
static bool
wanted(const struct plan_http *config, const struct event *event, struct arena *arena,
    struct bytes *mistake)
{
    *mistake = (struct bytes){ 0 };
    return match_holds(config->match, event->entry.data)
           && condition_holds(config->condition, event, arena, mistake);
}

/* Why no run comes of it, if that is known already; else nothing. */
static struct bytes
refusal_of(const struct call *call, const struct event *event)
{
    struct arena *arena = call->out->arena;
    struct bytes inputs, mistake;
    if (!wanted(&call->config, event, arena, &mistake))
        return mistake.size > 0 ? mistake : text(NOT_WANTED);
    return inputs_of(call->s, call->definition.inputs, event, arena, &inputs, &mistake)
               ? (struct bytes){ 0 }
               : mistake;
}

/* A run is named, and why there will be none, if that is known already. */
static void
answer(const struct call *call, const struct event *event, bool new)
{
    struct automation_kept automation;
    struct buffer document = { 0 };
    struct bytes refusal = refusal_of(call, event);
    struct id run = slot_run(&call->name, event->entry.at_ms, event->entry.number,
        call->s->config->schedulers);
    automation_version(
        call->s->journal, &call->name.project, &call->name.automation, &automation);
    pack_map(&document, 8);
    put_text(&document, "status", text("accepted"));
    put_bool(&document, "deduped", !new);
    put_number(&document, "event", event->entry.number);
    put_id(&document, "run", &run, "run_");
    put_text(&document, "refusal", refusal);
    put_id(&document, "automation_id", &call->name.automation, "aut_");
    put_text(&document, "automation", automation.name);
    put_number(&document, "wait_ms", call->config.wait_ms);
    say_answer(call->out, call->said->request, &document, new);
}

/* What is not wanted is passed over without a word, as by event triggers. */
static bool
may_fire(const struct trigger_state *s, const struct definition *definition,
    const struct event *event, struct outbox *out, struct firing *firing,
    struct bytes *mistake)
{
    struct plan_http config;
    plan_config_read(&plan_http_shape, definition->config, &config);
    return wanted(&config, event, out->arena, mistake)
           && inputs_of(
               s, definition->inputs, event, out->arena, &firing->inputs, mistake);
}

/* It may have been paused, or be gone or another, since it was called. */
void
hook_fires(const struct trigger_state *s, const struct event *event, struct outbox *out)
{
    const struct event_entry *e = &event->entry;
    struct trigger_name name = { out->project, e->automation, e->trigger };
    struct bytes mistake = text(NOT_ACTIVE);
    struct definition definition;
    struct firing firing = {
        .name = name,
        .definition = &definition,
        .slot_ms = e->at_ms,
        .event = e->number,
        .data = e->data,
        .meta = event->meta,
        .source = text("http"),
    };
    if (definition_read(s, &name, out->arena, &definition) && definition.active
        && bytes_equal(definition.kind, text("http"))
        && may_fire(s, &definition, event, out, &firing, &mistake))
        say_fire(s, &firing, out);
    else if (mistake.size > 0)
        say_failed_fire(&name, e->at_ms, e->number, mistake, out);
}

void
on_hook_call(const struct trigger_state *s, uint64_t now_ms, const struct message *in,
    struct outbox *out)
{
    struct call call = { .s = s, .said = &in->hook_call, .out = out };
    struct automation_kept automation;
    struct event event;
    if (!find(&call) || !judge(&call, now_ms)) {
        say_refusal(out, call.said->request, ERR_NOT_FOUND,
            "there is no such hook, or the request is not signed for it");
        return;
    }
    if (!call.definition.active) {
        say_refusal(out, call.said->request, ERR_NOT_RUNNABLE, NOT_ACTIVE);
        return;
    }
    if (call.said->data.size > s->config->payload_max) {
        say_refusal(out, call.said->request, ERR_TOO_LARGE,
            "the body is larger than payload_max");
        return;
    }
    struct publication publication = { .id = id_of(&call),
        .type = type_of(&call),
        .data = data_of(&call),
        .meta = meta_of(&call),
        .hook = &call.name,
        .question = call.said->question };
    uint64_t known = event_known(s, &out->project, &publication);
    if (known != 0) {
        if (!event_read(s, &out->project, known, out->arena, &event.entry))
            WRONG("an event whose id is known is not there");
        event.meta = event_meta(&event.entry, out->arena);
        answer(&call, &event, event_asked(&event.entry, call.said->question));
        return;
    }
    if (event_overloads(s, now_ms, &publication, out)) {
        say_overloaded(out, call.said->request);
        return;
    }
    automation_version(
        s->journal, &call.name.project, &call.name.automation, &automation);
    publication.source = automation.name;
    keep_event(s, now_ms, &publication, out, &event);
    answer(&call, &event, true);
    route_kept(s, &event, out);
}

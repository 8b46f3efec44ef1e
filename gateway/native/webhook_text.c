/* Webhooks as texts of automations, in and out. */
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/put.h"
#include "base/url.h"
#include "gateway/native/body.h"
#include "gateway/native/webhooks.h"
#include "gateway/said.h"

#include <inttypes.h>

enum { NAME_MAX_BYTES = 200, URL_MAX = 2048 };

/* All that happens to runs and that is told. */
static const char *const events_known[] = { "run.completed", "run.failed",
    "run.cancelled" };
static const char every_event[] = "run.*";

/* Of the engine alone, so that nobody's automation has such a name. */
static const char steps[] =
    "\"steps\":[{\"key\":\"deliver\",\"kind\":\"action\",\"action\":\"http.request\","
    "\"parameters\":{\"url\":\"${{ config.url }}\",\"method\":\"POST\","
    "\"timeout\":\"30s\",\"body\":{\"type\":\"${{ inputs.type }}\","
    "\"data\":\"${{ inputs.data }}\"},"
    "\"sign\":{\"secret\":\"${{ config.secret_ref }}\","
    "\"secret_version\":\"${{ config.secret_version }}\","
    "\"sealed_key\":\"${{ config.sealed_key }}\","
    "\"event_type\":\"${{ inputs.type }}\","
    "\"delivery_id\":\"${{ replace(run.id, 'run_', 'whd_') }}\"}},"
    "\"retry\":{\"max_attempts\":10,\"delay\":\"2s\",\"backoff\":\"exponential\","
    "\"max_delay\":\"10m\",\"jitter\":\"20%\","
    "\"retry_on\":[\"Unavailable\",\"Unreachable\",\"LeaseLost\"]}}]";

bool
webhook_is(struct bytes automation)
{
    return bytes_begin(automation, text(WEBHOOK_NAME "wbh_"));
}

/* ---- to a text ---- */

static void
put_value(struct buffer *out, const char *name, struct bytes msgpack)
{
    buffer_print(out, ",\"%s\":", name);
    if (msgpack_to_json(msgpack, out) != ERR_NONE)
        buffer_append_bytes(out, text("null"));
}

static void
put_word(struct buffer *out, const char *name, struct bytes value)
{
    buffer_print(out, ",\"%s\":", name);
    json_write_text(out, value);
}

static void
put_trigger(struct buffer *out, size_t number, struct bytes type)
{
    buffer_print(out, "%s{\"key\":\"event-%zu\",\"kind\":\"event\",\"event_type\":",
        number > 0 ? "," : "", number + 1);
    json_write_text(out, type);
    buffer_print(out, ",\"inputs\":{\"type\":\"${{ meta.event_type }}\","
                      "\"data\":\"${{ event }}\"}}");
}

static bool
named(struct bytes events, const char *name)
{
    struct cursor c = cursor_over(events);
    for (size_t count = cursor_array(&c); count > 0 && !c.bad; count--)
        if (bytes_equal(cursor_text(&c), text(name)))
            return true;
    return false;
}

/* An end fires one trigger, however often it is named; nothing does while there is no
 * address. */
static void
put_triggers(struct buffer *out, struct bytes events)
{
    struct cursor c = cursor_over(events);
    size_t number = 0;
    buffer_print(out, "\"triggers\":[");
    if (cursor_array(&c) == 0 || named(events, every_event))
        put_trigger(out, 0, text(every_event));
    else
        for (size_t i = 0; i < COUNT(events_known); i++)
            if (named(events, events_known[i]))
                put_trigger(out, number++, text(events_known[i]));
    buffer_print(out, "],");
}

struct bytes
webhook_text(struct request *r, const struct webhook *webhook)
{
    char id[ID_TEXT_MAX];
    struct buffer out = { 0 };
    id_print(&webhook->id, "wbh_", id);
    buffer_print(&out, "{\"name\":\"" WEBHOOK_NAME "%s\"", id);
    put_word(&out, "description", text("An outgoing webhook."));
    buffer_print(&out, ",\"default_config\":{\"secret_ref\":\"%s\"", id);
    put_word(&out, "name", webhook->name);
    put_word(&out, "url", webhook->url);
    put_value(&out, "events", webhook->events);
    if (webhook->tags.size > 0)
        put_value(&out, "tags", webhook->tags);
    buffer_print(&out, ",\"secret_version\":\"%" PRIu64 "\"", webhook->secret_version);
    put_word(&out, "sealed_key", webhook->sealed_key);
    buffer_print(&out, "},");
    if (webhook->url.size > 0)
        put_triggers(&out, webhook->events);
    buffer_print(&out, "%s}", steps);
    struct bytes definition = arena_copy(&r->arena, buffer_bytes(&out));
    buffer_free(&out);
    return definition;
}

/* ---- from one ---- */

static struct bytes
config_of(struct request *r, struct bytes document)
{
    struct bytes config = { 0 };
    struct buffer definition = { 0 };
    struct fault fault;
    if (json_to_msgpack(said_text(document, "definition"), &definition, NULL, &fault)
        == ERR_NONE)
        config = arena_copy(
            &r->arena, pack_find(buffer_bytes(&definition), "default_config"));
    buffer_free(&definition);
    return config;
}

static uint64_t
version_read(struct bytes said)
{
    uint64_t version = 0;
    return target_number(said, &version) ? version : 0;
}

bool
webhook_read(struct request *r, struct bytes document, struct webhook *webhook)
{
    struct bytes config = config_of(r, document);
    struct bytes status = said_text(document, "status");
    *webhook = (struct webhook){
        .id = said_id(document, "id", "aut_"),
        .name = said_text(config, "name"),
        .url = said_text(config, "url"),
        .events = pack_find(config, "events"),
        .tags = pack_find(config, "tags"),
        .sealed_key = said_text(config, "sealed_key"),
        .secret_version = version_read(said_text(config, "secret_version")),
        .enabled = bytes_equal(status, text("active")),
        .created_at = arena_copy(&r->arena, said_text(document, "created_at")),
        .updated_at = arena_copy(&r->arena, said_text(document, "updated_at")),
    };
    return webhook_is(said_text(document, "name"))
           && !bytes_equal(status, text("archived")) && webhook->sealed_key.size > 0;
}

/* ---- what is said of one ---- */

bool
webhook_url(struct request *r, struct bytes url)
{
    if (url_valid(url))
        return true;
    request_refuse(r, ERR_INVALID,
        "url must be an address that begins with http:// or https://, of at most %d "
        "printable characters",
        URL_MAX);
    return false;
}

static bool
take_url(struct request *r, struct bytes body, struct webhook *webhook)
{
    struct bytes url;
    if (!body_text(r, body, "url", URL_MAX, &url))
        return false;
    if (pack_find(body, "url").size == 0)
        return true;
    webhook->url = url;
    return url.size == 0 || webhook_url(r, url);
}

static bool
take_name(struct request *r, struct bytes body, struct webhook *webhook, bool new)
{
    struct bytes name;
    if (!body_text(r, body, "name", NAME_MAX_BYTES, &name))
        return false;
    bool absent = pack_find(body, "name").size == 0;
    if (absent && !new)
        return true;
    webhook->name = name;
    if (name.size > 0)
        return true;
    request_refuse(
        r, ERR_INVALID, "name must be a text of 1 to %d bytes", NAME_MAX_BYTES);
    return false;
}

static bool
event_known(struct bytes event)
{
    for (size_t i = 0; i < COUNT(events_known); i++)
        if (bytes_equal(event, text(events_known[i])))
            return true;
    return bytes_equal(event, text(every_event));
}

static bool
take_events(struct request *r, struct bytes body, struct webhook *webhook)
{
    struct bytes events = pack_find(body, "events");
    struct cursor c = cursor_over(events);
    webhook->events = pack_or_list(webhook->events);
    if (events.size == 0 || cursor_type(&c) == PACK_NIL)
        return true;
    webhook->events = events;
    if (cursor_type(&c) != PACK_ARRAY) {
        request_refuse(r, ERR_INVALID, "events must be a list of types; [] is all");
        return false;
    }
    for (size_t count = cursor_array(&c); count > 0; count--) {
        bool is_text = cursor_type(&c) == PACK_TEXT;
        struct bytes event = is_text ? cursor_text(&c) : cursor_skip(&c);
        if (is_text && event_known(event))
            continue;
        request_refuse(r, ERR_INVALID,
            "events: there is no type '%.*s' here; there are run.completed, "
            "run.failed, run.cancelled, and run.* for all of them",
            is_text ? (int)(event.size < 60 ? event.size : 60) : 1,
            is_text ? (const char *)event.data : "?");
        return false;
    }
    return true;
}

static bool
take_tags(struct request *r, struct bytes body, struct webhook *webhook)
{
    struct bytes tags;
    if (!body_map(r, body, "tags", &tags))
        return false;
    if (tags.size == 0)
        return true;
    webhook->tags = tags;
    struct cursor c = cursor_over(tags);
    for (size_t count = cursor_map(&c); count > 0; count--) {
        cursor_skip(&c);
        if (cursor_type(&c) != PACK_TEXT) {
            request_refuse(r, ERR_INVALID, "tags must be an object of texts");
            return false;
        }
        cursor_skip(&c);
    }
    return true;
}

bool
webhook_take(struct request *r, struct bytes body, struct webhook *webhook, bool new)
{
    return take_name(r, body, webhook, new) && take_url(r, body, webhook)
           && take_events(r, body, webhook) && take_tags(r, body, webhook);
}

/* ---- how it is shown ---- */

void
webhook_write(struct buffer *out, const struct webhook *webhook, struct bytes secret)
{
    char id[ID_TEXT_MAX];
    id_print(&webhook->id, "wbh_", id);
    pack_map(out, 9u + (webhook->tags.size > 0) + (secret.size > 0));
    put_text(out, "id", text(id));
    put_text(out, "name", webhook->name);
    put_text(out, "url", webhook->url);
    put_raw(out, "events", webhook->events);
    pack_string(out, "enabled");
    pack_bool(out, webhook->enabled);
    put_text(out, "secret_ref", text(id));
    put_number(out, "secret_version", webhook->secret_version);
    if (webhook->tags.size > 0)
        put_raw(out, "tags", webhook->tags);
    if (secret.size > 0)
        put_text(out, "signing_secret", secret);
    put_text(out, "created_at", webhook->created_at);
    put_text(out, "updated_at", webhook->updated_at);
}

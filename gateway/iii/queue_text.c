#include "gateway/iii/queue_text.h"

#include "base/json_write.h"
#include "base/pack.h"
#include "gateway/said.h"

#include <inttypes.h>

static const char *const begins[] = {
    [III_QUEUE] = "iii.queue ",
    [III_TOPIC] = "iii.topic ",
};
static const char arrow[] = " -> ", lane[] = "iii.";

const struct iii_queue_config iii_queue_default = {
    .attempts = 3, .concurrency = 10, .backoff_ms = 1000
};
const struct iii_queue_config iii_topic_default = { .attempts = 3, .backoff_ms = 1000 };

/* ---- names ---- */

/* Names of actions and queues have no spaces, nor what cannot be seen. */
static bool
is_word(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] <= ' ' || name.data[i] == 0x7f)
            return false;
    return name.size > 0;
}

bool
iii_queue_name(enum iii_source source, struct bytes name, struct bytes function,
    struct buffer *out)
{
    size_t before = out->size;
    if (!is_word(name) || !is_word(function))
        return false;
    buffer_print(out, "%s", begins[source]);
    buffer_append_bytes(out, name);
    buffer_print(out, "%s", arrow);
    buffer_append_bytes(out, function);
    return out->size - before <= III_AUTOMATION_MAX;
}

bool
iii_queue_parts(struct bytes automation, enum iii_source *source, struct bytes *name,
    struct bytes *function)
{
    for (size_t i = 0; i < COUNT(begins); i++) {
        size_t from = strlen(begins[i]);
        if (!bytes_begin(automation, text(begins[i])))
            continue;
        for (size_t at = from; at + sizeof arrow - 1 < automation.size; at++) {
            if (memcmp(automation.data + at, arrow, sizeof arrow - 1) != 0)
                continue;
            size_t end = at + sizeof arrow - 1;
            *source = (enum iii_source)i;
            *name = bytes_of(automation.data + from, at - from);
            *function = bytes_of(automation.data + end, automation.size - end);
            return true;
        }
    }
    return false;
}

void
iii_queue_lane(struct bytes queue, struct buffer *out)
{
    buffer_print(out, "%s", lane);
    buffer_append_bytes(out, queue);
}

/* ---- what is set ---- */

enum {
    ATTEMPTS_MAX = 100,
    CONCURRENCY_MAX = 1000000,
    BACKOFF_MAX_MS = 86400000,
    TIMEOUT_MAX_MS = 86400000
};

static bool
read_number(struct bytes map, const char *name, uint32_t least, uint32_t most,
    uint32_t *value, struct fault *fault)
{
    struct bytes found = pack_find(map, name);
    struct cursor c = cursor_over(found);
    if (found.size == 0 || cursor_type(&c) == PACK_NIL)
        return true;
    uint64_t number = cursor_u64(&c);
    if (!c.bad && number >= least && number <= most) {
        *value = (uint32_t)number;
        return true;
    }
    fault_set(fault, ERR_INVALID, "%s must be a whole number from %u to %u", name,
        (unsigned)least, (unsigned)most);
    return false;
}

static bool
read_word(struct bytes map, const char *name, struct bytes *value, struct fault *fault)
{
    struct bytes found = pack_find(map, name);
    struct cursor c = cursor_over(found);
    if (found.size == 0 || cursor_type(&c) == PACK_NIL)
        return true;
    struct bytes word = cursor_text(&c);
    if (!c.bad && is_word(word) && word.size <= III_AUTOMATION_MAX) {
        *value = word;
        return true;
    }
    fault_set(fault, ERR_INVALID, "%s must be a text without spaces", name);
    return false;
}

static bool
read_type(struct bytes map, bool *fifo, struct fault *fault)
{
    struct bytes type = said_text(map, "type");
    if (type.size == 0)
        return true;
    *fifo = bytes_equal(type, text("fifo"));
    if (*fifo || bytes_equal(type, text("standard"))
        || bytes_equal(type, text("concurrent")))
        return true;
    fault_set(fault, ERR_INVALID, "type must be standard (or concurrent) or fifo");
    return false;
}

static bool
is_map(struct bytes settings, struct fault *fault)
{
    struct cursor c = cursor_over(settings);
    if (settings.size == 0 || cursor_type(&c) == PACK_MAP
        || cursor_type(&c) == PACK_NIL)
        return true;
    fault_set(fault, ERR_INVALID, "the config must be an object");
    return false;
}

static struct bytes
map_or_nothing(struct bytes settings)
{
    struct cursor c = cursor_over(settings);
    return settings.size > 0 && cursor_type(&c) == PACK_MAP ? settings
                                                            : (struct bytes){ 0 };
}

enum err
iii_queue_config_read(
    struct bytes settings, struct iii_queue_config *config, struct fault *fault)
{
    if (!is_map(settings, fault))
        return fault->err;
    settings = map_or_nothing(settings);
    if (!read_number(settings, "max_retries", 1, ATTEMPTS_MAX, &config->attempts, fault)
        || !read_number(
            settings, "concurrency", 1, CONCURRENCY_MAX, &config->concurrency, fault)
        || !read_number(
            settings, "backoff_ms", 0, BACKOFF_MAX_MS, &config->backoff_ms, fault)
        || !read_number(
            settings, "timeout_ms", 1, TIMEOUT_MAX_MS, &config->timeout_ms, fault)
        || !read_type(settings, &config->fifo, fault)
        || !read_word(settings, "message_group_field", &config->group, fault))
        return ERR_INVALID;
    if (config->fifo && config->group.size == 0)
        return fault_set(
            fault, ERR_INVALID, "a queue of type fifo needs message_group_field");
    return ERR_NONE;
}

enum err
iii_topic_config_read(
    struct bytes settings, struct iii_queue_config *config, struct fault *fault)
{
    struct bytes more = map_or_nothing(pack_find(settings, "queue_config"));
    if (!is_map(settings, fault))
        return fault->err;
    if (!read_number(settings, "max_retries", 1, ATTEMPTS_MAX, &config->attempts, fault)
        || !read_number(
            settings, "backoff_ms", 0, BACKOFF_MAX_MS, &config->backoff_ms, fault)
        || !read_word(settings, "condition_function_id", &config->condition, fault)
        || !read_number(more, "maxRetries", 1, ATTEMPTS_MAX, &config->attempts, fault)
        || !read_number(
            more, "backoffDelayMs", 0, BACKOFF_MAX_MS, &config->backoff_ms, fault)
        || !read_number(
            more, "concurrency", 1, CONCURRENCY_MAX, &config->concurrency, fault)
        || !read_type(more, &config->fifo, fault))
        return ERR_INVALID;
    return ERR_NONE;
}

static void
pack_number(struct buffer *out, const char *name, uint32_t value)
{
    pack_string(out, name);
    pack_u64(out, value);
}

void
iii_queue_config_pack(struct buffer *out, const struct iii_queue_config *config)
{
    size_t fields = 3;
    fields += config->concurrency > 0;
    fields += config->timeout_ms > 0;
    fields += config->group.size > 0;
    pack_map(out, fields);
    pack_string(out, "type");
    pack_string(out, config->fifo ? "fifo" : "standard");
    pack_number(out, "max_retries", config->attempts);
    pack_number(out, "backoff_ms", config->backoff_ms);
    if (config->concurrency > 0)
        pack_number(out, "concurrency", config->concurrency);
    if (config->timeout_ms > 0)
        pack_number(out, "timeout_ms", config->timeout_ms);
    if (config->group.size > 0) {
        pack_string(out, "message_group_field");
        pack_text(out, config->group);
    }
}

/* ---- the text ---- */

static void
print_trigger(struct buffer *out, struct bytes topic)
{
    buffer_print(out, "\"triggers\":[{\"key\":\"topic\",\"kind\":\"event\",\"config\":{"
                      "\"event_type\":\"iii.topic\",\"match\":{\"topic\":");
    json_write_text(out, topic);
    buffer_print(out, "}}}],");
}

/* One message of a group at a time, or so many of a subscriber at all. */
static void
print_policy(
    struct buffer *out, enum iii_source source, const struct iii_queue_config *config)
{
    if (source == III_QUEUE && config->fifo)
        buffer_print(out, "\"concurrency\":{\"policy\":\"queue\",\"max\":1,"
                          "\"key\":\"${{ inputs.group }}\"},");
    else if (source == III_TOPIC && (config->fifo || config->concurrency > 0))
        buffer_print(out, "\"concurrency\":{\"policy\":\"queue\",\"max\":%" PRIu32 "},",
            config->fifo ? 1 : config->concurrency);
}

static void
print_call(struct buffer *out, const char *key, struct bytes function,
    const struct iii_queue_config *config)
{
    buffer_print(out, "{\"key\":\"%s\",\"kind\":\"action\",\"action\":", key);
    json_write_text(out, function);
    buffer_print(out, ",\"parameters\":{\"$data\":\"${{ inputs.data }}\"}");
    if (config->attempts > 1)
        buffer_print(out,
            ",\"retry\":{\"max_attempts\":%" PRIu32 ",\"delay\":\"%" PRIu32
            "ms\",\"backoff\":\"exponential\",\"max_delay\":\"24h\"}",
            config->attempts, config->backoff_ms);
    if (config->timeout_ms > 0)
        buffer_print(out, ",\"timeout\":\"%" PRIu32 "ms\"", config->timeout_ms);
}

/* Only an explicit false keeps the function from being called; what fails does, too. */
static void
print_condition(struct buffer *out, struct bytes condition)
{
    static const struct iii_queue_config once = { .attempts = 1 };
    print_call(out, "condition", condition, &once);
    buffer_print(out, ",\"on_error\":\"continue\"},");
}

void
iii_queue_text(
    struct buffer *out, struct bytes automation, const struct iii_queue_config *config)
{
    enum iii_source source = III_QUEUE;
    struct bytes name = { 0 }, function = { 0 };
    struct buffer queue = { 0 };
    (void)iii_queue_parts(automation, &source, &name, &function);
    buffer_print(out, "{\"name\":");
    json_write_text(out, automation);
    buffer_print(out, ",");
    if (source == III_TOPIC)
        print_trigger(out, name);
    print_policy(out, source, config);
    buffer_print(out, "\"steps\":[");
    if (config->condition.size > 0)
        print_condition(out, config->condition);
    print_call(out, "call", function, config);
    if (config->condition.size > 0)
        buffer_print(out, ",\"if\":\"steps.condition.status == 'completed' && "
                          "steps.condition.output != false\"");
    if (source == III_QUEUE) {
        iii_queue_lane(name, &queue);
        buffer_print(out, ",\"queue\":");
        json_write_text(out, buffer_bytes(&queue));
    }
    buffer_print(out, "}]}");
    buffer_free(&queue);
}

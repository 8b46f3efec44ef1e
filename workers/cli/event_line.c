#include "workers/cli/event_line.h"

#include "workers/cli/answer.h"
#include "workers/cli/human.h"

#include <stdlib.h>

enum { TYPE_WIDTH = 16, FIELDS_MAX = 6 };

static const struct {
    const char *type;
    const char *fields[FIELDS_MAX];
} shown[] = {
    { "run.started", { NULL } },
    { "run.completed", { NULL } },
    { "run.failed", { "step", "stop_reason", "error_type", "error" } },
    { "run.cancelled", { "by", "reason" } },
    { "step.started", { "step", "kind" } },
    { "step.completed", { "step" } },
    { "step.failed", { "step", "error_type", "error" } },
    { "step.skipped", { "step", "reason" } },
    { "step.retried", { "step", "attempt", "max_attempts", "delay_ms" } },
    { "step.cancelled", { "step" } },
    { "action.called", { "action_name" } },
    { "action.completed", { "action_name" } },
    { "action.failed", { "action_name", "error_type", "error" } },
    { "run.queued", { "reason" } },
    { "run.resumed", { "step", "attempt", "by", "reason" } },
    { "step.expanded", { "step", "items" } },
    { "step.overridden", { "step", "by", "reason" } },
    { "step.copied", { "step" } },
    { "wait.opened", { "step", "event", "source", "due_at" } },
    { "wait.resumed", { "step", "by", "number" } },
    { "wait.timed_out", { "step" } },
    { "interaction.requested", { "step", "interaction_id", "title", "targets" } },
    { "interaction.responded", { "step", "by", "value", "comment" } },
    { "check.passed", { "step" } },
    { "check.failed", { "step", "checks" } },
    { "child.called", { "step", "automation", "run_id" } },
};

/* Of an event of another type than those above. */
static const char *const usual[FIELDS_MAX] = { "step", "kind", "reason" };

static const char *
type_of(const json_t *event)
{
    const char *type = json_string_value(json_object_get(event, "event_type"));
    return type != NULL ? type : "?";
}

static const json_t *
field_of(const json_t *event, const char *name)
{
    const json_t *value = json_object_get(json_object_get(event, "payload"), name);
    return value != NULL ? value : json_object_get(event, name);
}

static void
print_value(const json_t *value, struct buffer *out)
{
    struct buffer json = { 0 };
    if (answer_plain(value)) {
        human_word(out, bytes_of(json_string_value(value), json_string_length(value)));
        return;
    }
    bool written = answer_write(value, JSON_COMPACT, &json);
    human_clean(out, written ? buffer_bytes(&json) : text("?"));
    buffer_free(&json);
}

static void
print_field(const char *name, const json_t *value, struct buffer *out)
{
    if (value == NULL || json_is_null(value))
        return;
    buffer_append(out, " ", 1);
    human_clean(out, text(name));
    buffer_append(out, "=", 1);
    print_value(value, out);
}

/* The type, filled up to its width when something follows. */
static void
print_head(const char *type, const struct buffer *rest, struct buffer *out)
{
    size_t from = out->size;
    human_clean(out, text(type));
    while (rest->size > 0 && out->size - from < TYPE_WIDTH)
        buffer_append(out, " ", 1);
    buffer_append_bytes(out, buffer_bytes(rest));
}

void
event_line(const json_t *event, struct buffer *out)
{
    const char *type = type_of(event);
    const char *const *fields = usual;
    struct buffer rest = { 0 };
    for (size_t i = 0; i < COUNT(shown); i++) {
        if (strcmp(shown[i].type, type) == 0)
            fields = shown[i].fields;
    }
    for (size_t i = 0; i < FIELDS_MAX && fields[i] != NULL; i++)
        print_field(fields[i], field_of(event, fields[i]), &rest);
    print_head(type, &rest, out);
    buffer_free(&rest);
}

void
event_line_full(const json_t *event, struct buffer *out)
{
    struct buffer rest = { 0 };
    json_t *payload = json_object_get(event, "payload");
    const char *at = json_string_value(json_object_get(event, "at"));
    const char *name;
    json_t *value;
    if (json_object_get(payload, "step") == NULL)
        print_field("step", json_object_get(event, "step"), &rest);
    json_object_foreach(payload, name, value) print_field(name, value, &rest);
    buffer_print(out, "%6lld  ",
        (long long)json_integer_value(json_object_get(event, "sequence")));
    human_clean(out, text(at != NULL ? at : "-"));
    buffer_append(out, "  ", 2);
    print_head(type_of(event), &rest, out);
    buffer_free(&rest);
}

const char *
event_ending(const json_t *event)
{
    static const char *const endings[] = { "completed", "failed", "cancelled" };
    const char *type = type_of(event);
    if (strncmp(type, "run.", 4) != 0)
        return NULL;
    for (size_t i = 0; i < COUNT(endings); i++) {
        if (strcmp(type + 4, endings[i]) == 0)
            return endings[i];
    }
    return NULL;
}

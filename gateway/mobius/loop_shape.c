/* The definition of an automation as a loop: every key and kind in the words of their
 * last release, whichever dialect it was written in. */
#include "base/json_read.h"
#include "gateway/mobius/loops.h"

/* Kinds that their clients know; others are ours, and left out. */
static const struct {
    const char *ours, *theirs;
} kinds[] = {
    { "action", "action" },
    { "agent", "agent" },
    { "sleep", "sleep" },
    { "wait_for_event", "wait_for_event" },
    { "interaction", "interaction" },
    { "loop", "loop" },
    { "automation", "loop" },
    { "check", "check" },
};

struct bytes
definition_of(struct request *r, struct bytes document)
{
    struct buffer out = { 0 };
    struct fault fault;
    struct bytes definition = { 0 };
    if (json_to_msgpack(said_text(document, "definition"), &out, NULL, &fault)
        == ERR_NONE)
        definition = arena_copy(&r->arena, buffer_bytes(&out));
    buffer_free(&out);
    return definition;
}

static struct bytes
first_text(struct bytes map, const char *const *names)
{
    struct bytes found = { 0 };
    for (; found.size == 0 && *names != NULL; names++)
        found = said_text(map, *names);
    return found;
}

static const char *
kind_of(struct bytes step)
{
    struct bytes kind = first_text(step, (const char *const[]){ "type", "kind", NULL });
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (bytes_equal(kind, text(kinds[i].ours)))
            return kinds[i].theirs;
    return NULL;
}

/* Settings that stand beside the kind. */
static void
write_flat_config(struct form *step, struct bytes said)
{
    static const char *const names[] = { "event_type", "source_id", "match", "duration",
        "until", "protocol", "targets", "prompt", "resolution_policy", "spec",
        "loop_id", "checks", "on_fail", "gate", "agent_id", "tool_names",
        "output_schema", "max_turns", NULL };
    struct form config = form_inside(step, "config");
    if (pack_find(said, "type").size > 0) /* then its kind is that of the question */
        form_copy(&config, "protocol", said, "kind");
    form_copy(&config, "action_name", said, "action");
    form_copy(&config, "parameters", said, "with");
    form_copy(&config, "instructions", said, "instructions");
    form_copy(&config, "targets", said, "target_user_ids");
    form_copy(&config, "loop_id", said, "automation");
    form_copy_all(&config, said, names);
    form_close(&config);
}

static void
write_step(struct form *list, struct bytes said, size_t index)
{
    static const char *const names[] = { "name", "if", "retry", "timeout", NULL };
    const char *kind = kind_of(said);
    char number[24];
    if (kind == NULL)
        return;
    form_item(list);
    struct form step = form_open(list->out);
    struct bytes id =
        first_text(said, (const char *const[]){ "id", "key", "name", NULL });
    snprintf(number, sizeof number, "%zu", index);
    form_text(&step, "id", id.size > 0 ? id : text(number));
    form_string(&step, "kind", kind);
    form_copy_all(&step, said, names);
    if (pack_find(said, "config").size > 0)
        form_copy(&step, "config", said, "config");
    else
        write_flat_config(&step, said);
    form_close(&step);
}

/* What theirs has of it, from beside the kind or within; the rest is ours. */
static void
write_trigger_config(struct form *trigger, struct bytes said)
{
    static const struct {
        const char *theirs, *ours;
    } names[] = {
        { "http_handle", "handle" },
        { "cron", "cron" },
        { "interval", "interval" },
        { "timezone", "timezone" },
        { "event_type", "event_type" },
        { "source_id", "source" },
        { "condition", "condition" },
    };
    struct bytes within = pack_find(said, "config");
    struct form config = form_inside(trigger, "config");
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct bytes found[] = { pack_find(within, names[i].theirs),
            pack_find(said, names[i].theirs), pack_find(within, names[i].ours),
            pack_find(said, names[i].ours) };
        size_t k = 0;
        while (k + 1 < COUNT(found) && found[k].size == 0)
            k++;
        form_value(&config, names[i].theirs, found[k]);
    }
    form_close(&config);
}

static void
write_trigger(struct form *list, struct bytes said)
{
    static const char *const names[] = { "key", "name", "enabled", "concurrency_policy",
        "max_concurrent_runs", NULL };
    struct bytes kind = first_text(said, (const char *const[]){ "kind", "type", NULL });
    form_item(list);
    struct form trigger = form_open(list->out);
    form_text(
        &trigger, "kind", bytes_equal(kind, text("webhook")) ? text("http") : kind);
    form_copy_all(&trigger, said, names);
    if (!bytes_equal(kind, text("manual")))
        write_trigger_config(&trigger, said);
    form_close(&trigger);
}

static void
write_steps(struct form *loop, struct bytes definition)
{
    size_t count;
    struct cursor items = said_items(definition, "steps", &count);
    struct form list = form_list(loop, "steps");
    for (size_t i = 0; i < count; i++)
        write_step(&list, cursor_skip(&items), i);
    form_close_list(&list);
}

static void
write_triggers(struct form *loop, struct bytes definition)
{
    size_t count;
    struct cursor items = said_items(definition, "triggers", &count);
    struct form list = form_list(loop, "triggers");
    for (size_t i = 0; i < count; i++)
        write_trigger(&list, cursor_skip(&items));
    form_close_list(&list);
}

static const char *
concurrency_of(struct bytes document)
{
    static const char *const policies[] = { "allow", "queue", "replace" };
    for (size_t i = 0; i < COUNT(policies); i++)
        if (bytes_equal(said_text(document, "concurrency"), text(policies[i])))
            return policies[i];
    return "skip";
}

void
loop_write(struct buffer *out, struct bytes document, struct bytes definition)
{
    static const char *const authored[] = { "owner", "agent_id", "config",
        "repositories", "output", "cleanup", "limits", "run_name", "default_config",
        "settings", NULL };
    struct form loop = form_open(out);
    struct id id = said_id(document, "id", "aut_");
    bool archived = bytes_equal(said_text(document, "status"), text("archived"));
    form_id(&loop, "id", "loop_", &id);
    form_copy(&loop, "name", document, "title");
    form_copy(&loop, "description", document, "description");
    form_text(
        &loop, "status", archived ? text("deleted") : said_text(document, "status"));
    form_string(&loop, "schema_version", "1");
    form_string(&loop, "concurrency", concurrency_of(document));
    if (definition.size > 0) {
        const char *inputs =
            pack_find(definition, "event").size > 0 ? "event" : "inputs";
        form_copy(&loop, "event", definition, inputs);
        form_copy_all(&loop, definition, authored);
        write_triggers(&loop, definition);
        write_steps(&loop, definition);
        struct bytes tags = pack_find(definition, "tags");
        struct cursor c = cursor_over(tags);
        if (cursor_type(&c) == PACK_MAP)
            form_value(&loop, "tags", tags);
    }
    form_copy(&loop, "created_at", document, "created_at");
    form_copy(&loop, "updated_at", document, "updated_at");
    form_close(&loop);
}

void
project_id(const struct request *r, char out[ID_TEXT_MAX])
{
    id_print(&r->key->project, "prj_", out);
}

void
automation_write(const struct request *r, struct buffer *out, struct bytes document,
    struct bytes definition)
{
    static const char *const ours[] = { "id", "description", "status", "latest_version",
        "published_version", "created_at", "updated_at", NULL };
    static const char *const authored[] = { "owner", "default_agent_id",
        "default_inputs", "settings", "tags", NULL };
    struct form automation = form_open(out);
    char project[ID_TEXT_MAX];
    project_id(r, project);
    form_copy_all(&automation, document, ours);
    form_string(&automation, "org_id", "org_local");
    form_string(&automation, "project_id", project);
    form_copy(&automation, "handle", document, "name");
    form_copy(&automation, "name", document, "title");
    form_copy(&automation, "triggers", document, "triggers");
    if (definition.size > 0)
        form_copy_all(&automation, definition, authored);
    form_close(&automation);
}

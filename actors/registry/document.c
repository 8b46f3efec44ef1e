#include "actors/plan/plan.h"
#include "actors/registry/state.h"
#include "base/put.h"
#include "base/stamp.h"
#include "base/wrong.h"

static void
put_string(struct buffer *out, const char *name, const char *value)
{
    put_text(out, name, text(value));
}

static const char *
concurrency_name(enum plan_concurrency concurrency)
{
    switch (concurrency) {
    case PLAN_ALLOW: return "allow";
    case PLAN_FORBID: return "forbid";
    case PLAN_REPLACE: return "replace";
    case PLAN_QUEUE: return "queue";
    }
    return "allow";
}

static void
put_triggers(struct buffer *out, const struct plan *plan)
{
    pack_string(out, "triggers");
    pack_array(out, plan->trigger_count);
    for (uint32_t i = 0; i < plan->trigger_count; i++) {
        struct plan_trigger trigger = plan_trigger_at(plan, i);
        pack_map(out, 3);
        put_text(out, "key", trigger.key);
        put_text(out, "kind", trigger.kind);
        pack_string(out, "enabled");
        pack_bool(out, trigger.enabled);
    }
}

/* Of all steps together: what does not fit is left out. */
enum { PARAMETERS_BYTES_MAX = 1 << 20 };

static void
put_parameters(struct buffer *out, const struct plan_step *step, size_t *left)
{
    bool fits = step->parameters.size <= *left;
    *left -= fits ? step->parameters.size : 0;
    pack_string(out, "parameters");
    pack_raw(out, fits ? step->parameters : (struct bytes){ 0 });
}

static void
put_step(struct buffer *out, const struct plan_step *step, const struct bytes *keys,
    size_t *parameters_left)
{
    pack_map(out, *parameters_left > 0 ? 8 : 7);
    put_text(out, "key", step->key);
    put_text(out, "name", step->name);
    put_string(out, "kind", step_kind_name(step->kind));
    put_text(out, "action", step->action);
    pack_string(out, "needs");
    pack_array(out, step->needs_count);
    for (uint32_t i = 0; i < step->needs_count; i++)
        pack_text(out, keys[step->needs[i]]);
    pack_string(out, "labels");
    pack_raw(out, pack_or_list(step->labels));
    put_number(out, "max_attempts", step->attempts_max);
    if (*parameters_left > 0)
        put_parameters(out, step, parameters_left);
}

static void
put_steps(
    struct buffer *out, const struct plan *plan, bool parameters, struct arena *arena)
{
    /* One byte more than may be used says that they are to be shown. */
    size_t left = parameters ? PARAMETERS_BYTES_MAX + 1 : 0;
    struct bytes *keys = arena_take(arena, plan->step_count * sizeof *keys);
    for (uint32_t i = 0; i < plan->step_count; i++)
        keys[i] = plan_step_at(plan, i, arena).key;
    pack_string(out, "steps");
    pack_array(out, plan->step_count);
    for (uint32_t i = 0; i < plan->step_count; i++) {
        struct plan_step step = plan_step_at(plan, i, arena);
        put_step(out, &step, keys, &left);
    }
}

static void
put_version(struct buffer *out, const char *name, uint32_t version)
{
    pack_string(out, name);
    if (version == 0)
        pack_nil(out);
    else
        pack_u64(out, version);
}

void
put_moment(struct buffer *out, const char *name, uint64_t unix_ms)
{
    char stamp[STAMP_SIZE];
    pack_string(out, name);
    if (unix_ms == 0)
        pack_nil(out);
    else
        pack_string(out, stamp_print(unix_ms, stamp));
}

static const char *
version_status(const struct automation_entry *automation,
    const struct version_entry *version, uint32_t number)
{
    if (automation->version == number)
        return "published";
    return version->published_ms == 0 ? "draft" : "superseded";
}

void
version_line(struct buffer *out, const struct automation_entry *automation,
    const struct version_entry *version, uint32_t number)
{
    pack_map(out, 4);
    put_number(out, "version", number);
    put_string(out, "status", version_status(automation, version, number));
    put_moment(out, "created_at", version->created_ms);
    put_moment(out, "published_at", version->published_ms);
}

static void
put_automation(struct buffer *out, const struct version_name *name,
    const struct automation_entry *entry, const struct plan *plan)
{
    char id[ID_TEXT_MAX];
    put_string(out, "id", id_print(&name->automation, "aut_", id));
    put_text(out, "name", entry->name);
    put_text(out, "title", plan->name);
    put_text(out, "description", plan->description);
    put_string(out, "status", automation_status_name(automation_status_of(entry)));
    put_text(out, "status_reason", entry->reason);
    put_number(out, "version", name->version);
    put_number(out, "latest_version", automation_latest(entry));
    put_version(out, "published_version", entry->version);
    put_string(out, "concurrency", concurrency_name(plan->concurrency));
    put_moment(out, "created_at", entry->created_ms);
    put_moment(out, "updated_at", entry->updated_ms);
    put_triggers(out, plan);
}

struct bytes
automation_document(const struct registry_state *state, struct arena *arena,
    const struct version_name *name, enum document_part part)
{
    enum { BRIEF_FIELDS = 13 };
    struct row_key of_automation = key_of_automation(&name->project, &name->automation);
    struct row_key of_version = key_of_version(name);
    size_t fields = BRIEF_FIELDS;
    struct automation_entry entry;
    struct version_entry version;
    struct plan plan;
    struct buffer out = { 0 };

    entry_read(state->journal, &of_automation, &automation_entry_shape, &entry);
    entry_read(state->journal, &of_version, &version_entry_shape, &version);
    if (plan_open(version.plan, &plan) != ERR_NONE)
        WRONG("a plan of the registry cannot be read");
    fields += part >= DOCUMENT_WHOLE ? 1 : 0;
    fields += part == DOCUMENT_WITH_TEXT ? 1 : 0;
    pack_map(&out, fields);
    put_automation(&out, name, &entry, &plan);
    if (part >= DOCUMENT_WHOLE)
        put_steps(&out, &plan, part == DOCUMENT_WITH_TEXT, arena);
    if (part == DOCUMENT_WITH_TEXT)
        put_text(&out, "definition", version.definition);
    struct bytes document = arena_copy(arena, buffer_bytes(&out));
    buffer_free(&out);
    return document;
}

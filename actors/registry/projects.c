/* What a project is called, and whether it is deleted.
 *
 * Deleting one closes the door to it: its keys are refused until it is brought back,
 * and nothing of it is lost.  So that nothing goes on behind a closed door, it must be
 * quiet before: nothing may start by itself.  Whether runs are open is the schedulers'
 * to know, and is asked before.
 */
#include "actors/plan/plan.h"
#include "actors/registry/access.h"
#include "base/put.h"
#include "base/wrong.h"

#include <stdio.h>

enum { NAME_MAX_BYTES = 100, PROSE_MAX = 1000, TAGS_MAX = 4096 };

static void
project_find(const struct registry_state *state, struct arena *arena,
    const struct id *project, struct project_entry *entry)
{
    struct row_key row = key_of_project(project);
    if (!entry_read(state->journal, &row, &project_entry_shape, entry))
        entry->status = PROJECT_ACTIVE;
    entry->name = arena_copy(arena, entry->name);
    entry->description = arena_copy(arena, entry->description);
    entry->reference = arena_copy(arena, entry->reference);
    entry->tags = arena_copy(arena, entry->tags);
}

bool
project_deleted(const struct registry_state *state, const struct id *project)
{
    struct row_key row = key_of_project(project);
    struct project_entry entry;
    return entry_read(state->journal, &row, &project_entry_shape, &entry)
           && entry.status == PROJECT_DELETED;
}

static void
answer(
    struct outbox *out, uint64_t request, const struct project_entry *entry, bool back)
{
    struct buffer document = { 0 };
    pack_map(&document, 7);
    put_text_or_nil(&document, "name", entry->name);
    put_text_or_nil(&document, "description", entry->description);
    put_text_or_nil(&document, "reference", entry->reference);
    pack_string(&document, "tags");
    pack_raw(&document, pack_or_map(entry->tags));
    pack_string(&document, "deleted");
    pack_bool(&document, entry->status == PROJECT_DELETED);
    put_moment(&document, "created_at", entry->created_ms);
    put_moment(&document, "updated_at", entry->updated_ms);
    answer_one(out, request, buffer_bytes(&document), back);
    buffer_free(&document);
}

void
on_project_get(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    struct project_entry entry;
    project_find(state, out->arena, &out->project, &entry);
    answer(out, in->project_get.request, &entry, false);
}

/* ---- is it quiet? ---- */

struct quiet {
    const struct registry_state *state;
    struct id project;
    struct bytes loud; /* name of an automation that may start by itself */
    struct arena *arena;
};

static bool
starts_by_itself(struct bytes in)
{
    struct plan plan;
    if (plan_open(in, &plan) != ERR_NONE)
        WRONG("a plan of the registry cannot be read");
    for (uint32_t i = 0; i < plan.trigger_count; i++) {
        struct plan_trigger trigger = plan_trigger_at(&plan, i);
        if (trigger.enabled && !bytes_equal(trigger.kind, text("manual")))
            return true;
    }
    return false;
}

static bool
look_at_automation(void *self, struct bytes key, struct bytes value)
{
    struct quiet *quiet = self;
    struct automation_entry automation;
    struct version_name name = { .project = quiet->project };
    struct version_entry version;
    entry_take(value, &automation_entry_shape, &automation);
    if (automation_status_of(&automation) != AUTOMATION_ACTIVE)
        return true;
    key_name_read(key, &name.project, &name.automation);
    name.version = automation_current(&automation);
    struct bytes called = arena_copy(quiet->arena, automation.name);
    version_read(quiet->state, &name, &version);
    if (starts_by_itself(version.plan))
        quiet->loud = called;
    return quiet->loud.size == 0;
}

/* False: it was refused. */
static bool
must_be_quiet(const struct registry_state *state, uint64_t request, struct outbox *out)
{
    enum { DETAIL_MAX = 300 };
    struct quiet quiet = {
        .state = state, .project = out->project, .arena = out->arena
    };
    struct row_key from = row_key('A');
    row_key_id(&from, &out->project);
    struct row_key to = row_key_after(&from);
    journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        look_at_automation, &quiet);
    if (quiet.loud.size == 0)
        return true;
    char *detail = arena_take(out->arena, DETAIL_MAX);
    int size = snprintf(detail, DETAIL_MAX,
        "%.*s is active and has triggers: pause or archive what starts by itself first",
        (int)quiet.loud.size, (const char *)quiet.loud.data);
    refuse(out, request, ERR_CONFLICT, bytes_of(detail, (size_t)size));
    return false;
}

/* ---- changes ---- */

static bool
take_changes(
    const struct project_set *set, struct project_entry *entry, struct outbox *out)
{
    struct bytes reference = entry->reference;
    if (!take_text(set->name, NAME_MAX_BYTES, &entry->name)
        || !take_text(set->description, PROSE_MAX, &entry->description)
        || !take_text(set->reference, NAME_MAX_BYTES, &entry->reference)
        || !take_map(set->tags, TAGS_MAX, &entry->tags)
        || (set->name.size > 0 && entry->name.size > 0
            && !name_holds(entry->name, NAME_MAX_BYTES))
        || set->status > PROJECT_DELETED)
        refuse(out, set->request, ERR_INVALID,
            text("name and reference must be texts of at most 100 bytes, the name "
                 "without control characters, description one of 1000, tags an "
                 "object"));
    else if (reference.size > 0 && !bytes_equal(reference, entry->reference))
        refuse(out, set->request, ERR_CONFLICT,
            text("the project has another reference, which stays"));
    else
        return true;
    return false;
}

void
on_project_set(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct project_set *set = &in->project_set;
    struct project_entry entry;
    project_find(state, out->arena, &out->project, &entry);
    bool was_deleted = entry.status == PROJECT_DELETED;
    if (was_deleted && set->status == 0) {
        refuse(out, set->request, ERR_NOT_FOUND, text(PROJECT_GONE));
        return;
    }
    if (!take_changes(set, &entry, out))
        return;
    entry.status = set->status != 0 ? set->status : entry.status;
    if (entry.status == PROJECT_DELETED && !was_deleted
        && !must_be_quiet(state, set->request, out))
        return;
    entry.updated_ms = now_ms;
    if (entry.created_ms == 0)
        entry.created_ms = now_ms;
    say_project_changed(out, (struct project_changed){
                                 .name = entry.name,
                                 .description = entry.description,
                                 .reference = entry.reference,
                                 .tags = entry.tags,
                                 .status = entry.status,
                             });
    say_project_offered(
        out, (struct project_offered){ .deleted = entry.status == PROJECT_DELETED });
    answer(out, set->request, &entry, was_deleted && entry.status == PROJECT_ACTIVE);
}

void
tell_project(const struct registry_state *state, struct outbox *out)
{
    say_project_offered(out,
        (struct project_offered){ .deleted = project_deleted(state, &out->project) });
}

/* Telling schedulers and the trigger actor of versions.  Each is told in the order in
 * which they were published, a window at a time; the trigger actor only of what all
 * schedulers know, so that no slot comes before its plan. */
#include "actors/registry/state.h"
#include "base/wrong.h"

enum { WINDOW = 32, PLAN_BYTES_MAX = 1 << 20 /* of one tick; one plan may be more */ };

static bool
untold(const struct registry_state *state, uint32_t peer, uint64_t record)
{
    struct row_key key = key_of_untold(peer, record);
    return journal_get(state->journal, row_key_bytes(&key)).data != NULL;
}

static bool
schedulers_know(const struct registry_state *state, uint64_t record)
{
    for (uint32_t i = 0; i < state->config->schedulers; i++)
        if (untold(state, i, record))
            return false;
    return true;
}

bool
known_everywhere(const struct registry_state *state, uint64_t record)
{
    return schedulers_know(state, record)
           && !untold(state, trigger_peer(state), record);
}

/* What the listener may be told after `at`, or 0. */
static uint64_t
next_for(const struct registry_state *state, uint32_t peer, uint64_t at)
{
    uint64_t next = next_untold(state->journal, peer, at);
    if (next != 0 && peer == trigger_peer(state) && !schedulers_know(state, next))
        return 0;
    return next;
}

void
listener_refresh(struct registry_state *state, uint32_t peer)
{
    struct listener *listener = &state->listeners[peer];
    listener->next = next_for(state, peer, listener->at);
}

static bool
may_tell(const struct listener *listener)
{
    return listener->heard && listener->next != 0 && listener->told < WINDOW;
}

bool
plans_to_tell(const struct registry_state *state)
{
    for (uint32_t i = 0; i <= trigger_peer(state); i++)
        if (may_tell(&state->listeners[i]))
            return true;
    return false;
}

/* What leaves must not borrow from the journal: it is committed before. */
static void
say_version(const struct registry_state *state, uint32_t peer,
    const struct version_name *name, const struct version_entry *version,
    struct outbox *out)
{
    struct automation_entry automation;
    struct row_key key = key_of_automation(&name->project, &name->automation);
    entry_read(state->journal, &key, &automation_entry_shape, &automation);
    struct plan_offered offered = {
        .automation = name->automation,
        .name = arena_copy(out->arena, automation.name),
        .version = name->version,
        .plan = arena_copy(out->arena, version->plan),
        .revision = version->revision,
        .current = automation.version,
        .status = automation_status_of(&automation),
    };
    out->project = name->project;
    if (peer != trigger_peer(state)) {
        out->partition = peer;
        say_plan_offered(out, offered);
        return;
    }
    say_triggers_offered(out, (struct triggers_offered){
                                  .automation = offered.automation,
                                  .name = offered.name,
                                  .version = offered.version,
                                  .plan = offered.plan,
                                  .revision = offered.revision,
                                  .current = offered.current,
                                  .status = offered.status,
                              });
}

static void
tell_listener(const struct registry_state *state, uint32_t peer, size_t *bytes,
    struct outbox *out)
{
    uint64_t record = state->listeners[peer].next;
    uint32_t told = state->listeners[peer].told;
    while (record != 0 && told < WINDOW && *bytes < PLAN_BYTES_MAX
           && outbox_has_room(out, 1)) {
        struct row_key key = key_of_untold(peer, record);
        struct version_name name =
            version_name_read(journal_get(state->journal, row_key_bytes(&key)));
        struct version_entry version;
        key = key_of_version(&name);
        entry_read(state->journal, &key, &version_entry_shape, &version);
        say_version(state, peer, &name, &version, out);
        *bytes += version.plan.size;
        told++;
        record = next_for(state, peer, record);
    }
}

void
tell_plans(const struct registry_state *state, struct outbox *out)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i <= trigger_peer(state); i++)
        if (may_tell(&state->listeners[i]))
            tell_listener(state, i, &bytes, out);
}

void
plan_told(struct registry_state *state, uint32_t peer, const struct message *m)
{
    const struct plan_offered *told = &m->plan_offered;
    struct listener *listener = &state->listeners[peer];
    struct version_name name = { m->envelope.project, told->automation, told->version };
    struct row_key key = key_of_version(&name);
    struct version_entry version;
    if (!entry_read(state->journal, &key, &version_entry_shape, &version))
        WRONG("a version was told that was never published");
    listener->at = version.record;
    listener->told++;
    listener_refresh(state, peer);
}

void
on_plan_known(const struct registry_state *state, const struct plan_known *known,
    uint32_t peer, struct outbox *out)
{
    struct version_name name = { out->project, known->automation, known->version };
    struct version_entry version;
    if (peer > trigger_peer(state) || !version_read(state, &name, &version)
        || version.revision != known->revision || !untold(state, peer, version.record))
        return;
    say_plan_arrived(out, (struct plan_arrived){
                              .automation = known->automation,
                              .version = known->version,
                              .partition = peer,
                              .revision = known->revision,
                          });
}

#include "actors/registry/registry.h"

#include "actors/registry/access.h"
#include "base/wrong.h"

#include <assert.h>

static void
registry_open(void *state, const struct actor_setup *setup)
{
    struct registry_state *s = state;
    assert(setup->config->schedulers <= SCHEDULERS_MAX);
    s->config = setup->config;
    s->zones = setup->zones;
    s->journal = setup->journal;
    waits_open(&s->waits, s->config->requests_max);
}

static void
registry_close(void *state)
{
    struct registry_state *s = state;
    waits_close(&s->waits);
}

void
refuse(struct outbox *out, uint64_t request, enum err err, struct bytes detail)
{
    say_refused(
        out, (struct refused){ .request = request, .err = err, .detail = detail });
}

void
refuse_unknown(struct outbox *out, uint64_t request)
{
    refuse(out, request, ERR_NOT_FOUND,
        text("there is no automation of this name or id in the project"));
}

static void
greet(const struct message *in, struct outbox *out)
{
    say_peer_reset(out, (struct peer_reset){
                            .actor = in->envelope.from,
                            .instance = in->envelope.instance,
                            .life = in->hello.resync == RESYNC_NEW_LIFE,
                        });
}

/* Of a deleted project nothing changes but that it comes back.  The gateway lets in no
 * other request; one that was under way comes too late. */
static bool
comes_too_late(
    const struct registry_state *state, const struct message *in, struct outbox *out)
{
    static const enum message_code changes[] = { AUTOMATION_APPLY, VERSION_PUBLISH,
        AUTOMATION_SET, KEY_CREATE, ROLE_SET, ROLE_DELETE, ROLE_ASSIGN, PRINCIPAL_SET,
        QUEUE_SET, ACTION_SET, ACTION_DELETE };
    for (size_t i = 0; i < COUNT(changes); i++) {
        if (in->code != changes[i] || !project_deleted(state, &out->project))
            continue;
        uint64_t request; /* the first field of each */
        memcpy(&request, in->body, sizeof request);
        refuse(out, request, ERR_NOT_FOUND, text(PROJECT_GONE));
        return true;
    }
    return false;
}

static void
registry_decide(
    const void *state, uint64_t now_ms, const struct message *in, struct outbox *out)
{
    const struct registry_state *s = state;
    if (comes_too_late(s, in, out))
        return;
    switch (in->code) {
    case HELLO: greet(in, out); return;
    case AUTOMATION_APPLY: on_automation_apply(s, now_ms, in, out); return;
    case AUTOMATION_LIST: on_automation_list(s, in, out); return;
    case AUTOMATION_GET: on_automation_get(s, in, out); return;
    case VERSION_PUBLISH: on_version_publish(s, now_ms, in, out); return;
    case VERSION_LIST: on_version_list(s, in, out); return;
    case AUTOMATION_SET: on_automation_set(s, now_ms, in, out); return;
    case AUTOMATION_FAILING: on_automation_failing(s, in, out); return;
    case PLAN_KNOWN:
        on_plan_known(s, &in->plan_known, in->envelope.instance, out);
        return;
    case TRIGGERS_KNOWN: {
        const struct triggers_known *known = &in->triggers_known;
        struct plan_known same = { .automation = known->automation,
            .version = known->version,
            .revision = known->revision };
        on_plan_known(s, &same, trigger_peer(s), out);
        return;
    }
    case KEY_CREATE: on_key_create(s, now_ms, in, out); return;
    case KEY_REVOKE: on_key_revoke(s, now_ms, in, out); return;
    case KEY_LIST: on_key_list(s, in, out); return;
    case ROLE_SET: on_role_set(s, now_ms, in, out); return;
    case ROLE_DELETE: on_role_delete(s, in, out); return;
    case ROLE_LIST: on_role_list(s, in, out); return;
    case ROLE_ASSIGN: on_role_assign(s, now_ms, in, out); return;
    case PRINCIPAL_SET: on_principal_set(s, now_ms, in, out); return;
    case PRINCIPAL_LIST: on_principal_list(s, in, out); return;
    case PROJECT_SET: on_project_set(s, now_ms, in, out); return;
    case PROJECT_GET: on_project_get(s, in, out); return;
    case ACTION_SET: on_action_set(s, now_ms, in, out); return;
    case ACTION_DELETE: on_action_delete(s, in, out); return;
    case ACTION_LIST: on_action_list(s, in, out); return;
    case QUEUE_SET: on_queue_set(s, in, out); return;
    case QUEUE_GET: on_queue_get(s, in, out); return;
    default: WRONG("the catalogue sends the registry no such message");
    }
}

static uint64_t
registry_due(const void *state)
{
    const struct registry_state *s = state;
    const struct wait *oldest = waits_oldest(&s->waits);
    if (s->keys_telling || s->queues_telling || waits_ready(&s->waits) != NULL
        || plans_to_tell(s))
        return 0;
    return oldest == NULL ? UINT64_MAX : oldest->deadline_ms;
}

static void
registry_tick(const void *state, uint64_t now_ms, struct outbox *out)
{
    const struct registry_state *s = state;
    answer_waits(s, now_ms, out);
    tell_plans(s, out);
    if (s->keys_telling)
        tell_keys(s, out);
    if (s->queues_telling)
        tell_queues(s, out);
}

const struct actor registry_actor = {
    .name = ACTOR_registry,
    .state_size = sizeof(struct registry_state),
    .open = registry_open,
    .close = registry_close,
    .decide = registry_decide,
    .apply = registry_apply,
    .due = registry_due,
    .tick = registry_tick,
};

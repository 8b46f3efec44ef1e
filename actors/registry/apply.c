#include "actors/registry/state.h"
#include "base/wrong.h"

static void
count_new(struct registry_state *s, struct count_entry more)
{
    struct row_key key = key_of_counts();
    struct count_entry counts;
    entry_read(s->journal, &key, &count_entry_shape, &counts);
    counts.automations += more.automations;
    counts.keys += more.keys;
    counts.queues += more.queues;
    counts.principals += more.principals;
    entry_write(s->journal, &key, &count_entry_shape, &counts);
}

/* The peer need not know what this record said. */
static void
forget_untold(struct registry_state *s, uint32_t peer, uint64_t record)
{
    struct row_key key = key_of_untold(peer, record);
    struct listener *listener = &s->listeners[peer];
    if (journal_get(s->journal, row_key_bytes(&key)).data == NULL)
        return;
    journal_delete(s->journal, row_key_bytes(&key));
    if (record <= listener->at)
        listener->told--;
    if (record == listener->next)
        listener_refresh(s, peer);
}

/* The next revision of the automation is about this version: everybody must know it. */
static void
revise(struct registry_state *s, uint64_t at_ms, const struct version_name *name,
    struct automation_entry *automation, struct version_entry *version)
{
    struct row_key of_automation = key_of_automation(&name->project, &name->automation);
    struct row_key of_version = key_of_version(name);
    uint64_t before = version->record;
    automation->updated_ms = at_ms;
    automation->revision++;
    version->record = journal_last(s->journal);
    version->revision = automation->revision;
    entry_write(s->journal, &of_automation, &automation_entry_shape, automation);
    entry_write(s->journal, &of_version, &version_entry_shape, version);
    for (uint32_t peer = 0; peer <= trigger_peer(s); peer++) {
        struct row_key untold = key_of_untold(peer, version->record);
        if (before != 0)
            forget_untold(s, peer, before);
        journal_put(s->journal, row_key_bytes(&untold), row_key_bytes(&of_version));
        if (s->listeners[peer].next == 0)
            listener_refresh(s, peer);
    }
}

static void
publish(struct registry_state *s, uint64_t at_ms, const struct message *m)
{
    const struct automation_published *published = &m->automation_published;
    struct version_name name = { m->envelope.project, published->automation,
        published->version };
    struct hash hash = hash_of(published->definition);
    struct row_key key = key_of_automation(&name.project, &name.automation);
    struct automation_entry entry;
    if (!entry_read(s->journal, &key, &automation_entry_shape, &entry)) {
        struct row_key by_name = key_of_name(&name.project, published->name);
        journal_put(s->journal, row_key_bytes(&by_name), id_bytes(&name.automation));
        count_new(s, (struct count_entry){ .automations = 1 });
        entry.created_ms = at_ms;
    }
    struct version_entry version = {
        .definition = published->definition,
        .plan = published->plan,
        .created_ms = at_ms,
        .published_ms = published->draft ? 0 : at_ms,
    };
    entry.name = published->name;
    entry.latest = name.version;
    entry.version = published->draft ? entry.version : name.version;
    entry.hash = bytes_of(hash.bytes, HASH_SIZE);
    revise(s, at_ms, &name, &entry, &version);
}

/* Read both for a revision of what exists. */
static void
read_known(const struct registry_state *s, const struct version_name *name,
    struct automation_entry *automation, struct version_entry *version)
{
    if (!automation_read(s, &name->project, &name->automation, automation)
        || !version_read(s, name, version))
        WRONG("a revision of what was never published");
}

static void
promote(struct registry_state *s, uint64_t at_ms, const struct message *m)
{
    const struct version_promoted *promoted = &m->version_promoted;
    struct version_name name = { m->envelope.project, promoted->automation,
        promoted->version };
    struct automation_entry automation;
    struct version_entry version;
    read_known(s, &name, &automation, &version);
    automation.latest = automation_latest(&automation);
    automation.version = name.version;
    version.published_ms = at_ms;
    revise(s, at_ms, &name, &automation, &version);
}

/* Everybody is told with the version that starts use, or the latest draft. */
static void
change(struct registry_state *s, uint64_t at_ms, const struct message *m)
{
    const struct automation_changed *changed = &m->automation_changed;
    struct version_name name = { m->envelope.project, changed->automation, 0 };
    struct automation_entry automation;
    struct version_entry version;
    automation_read(s, &name.project, &name.automation, &automation);
    name.version = automation_current(&automation);
    read_known(s, &name, &automation, &version);
    automation.status = changed->status;
    automation.reason = changed->reason;
    revise(s, at_ms, &name, &automation, &version);
}

static void
arrive(struct registry_state *s, const struct message *m)
{
    const struct plan_arrived *arrived = &m->plan_arrived;
    struct version_name name = { m->envelope.project, arrived->automation,
        arrived->version };
    struct version_entry version;
    if (!version_read(s, &name, &version))
        WRONG("a version arrived that was never published");
    forget_untold(s, arrived->partition, version.record);
    listener_refresh(s, trigger_peer(s));
    if (known_everywhere(s, version.record))
        waits_arrived(&s->waits, &name);
}

/* Gateways are told what was made in the order of its records; which this one is. */
static uint64_t
put_made(struct registry_state *s, const struct row_key *key)
{
    uint64_t record = journal_last(s->journal);
    struct row_key made = key_of_made(record);
    journal_put(s->journal, row_key_bytes(&made), row_key_bytes(key));
    return record;
}

static void
make_key(struct registry_state *s, uint64_t at_ms, const struct message *m)
{
    const struct key_created *created = &m->key_created;
    const struct id *project = &m->envelope.project;
    struct row_key key = key_of_key(project, &created->key);
    struct key_entry entry = {
        .record = put_made(s, &key),
        .name = created->name,
        .hash = created->hash,
        .scopes = created->scopes,
        .prefix = created->prefix,
        .created_ms = at_ms,
        .principal = created->principal,
    };
    entry_write(s->journal, &key, &key_entry_shape, &entry);
    count_new(s, (struct count_entry){ .keys = 1 });
}

static void
revoke_key(struct registry_state *s, uint64_t at_ms, const struct message *m)
{
    struct row_key key = key_of_key(&m->envelope.project, &m->key_revoked.key);
    struct key_entry entry;
    if (!entry_read(s->journal, &key, &key_entry_shape, &entry))
        WRONG("a key was revoked that was never made");
    entry.revoked_ms = at_ms;
    entry_write(s->journal, &key, &key_entry_shape, &entry);
}

/* A key or principal that was only changed, or made meanwhile, is told out of turn. */
static void
made_told(struct registry_state *s, uint64_t record)
{
    if (s->keys_telling && record != 0 && record == next_made(s->journal, s->keys_at))
        s->keys_at = record;
}

static void
key_told(struct registry_state *s, const struct message *m)
{
    struct row_key key = key_of_key(&m->envelope.project, &m->key_offered.key);
    struct key_entry entry;
    entry_read(s->journal, &key, &key_entry_shape, &entry);
    made_told(s, entry.record);
}

static void
principal_told(struct registry_state *s, const struct message *m)
{
    struct row_key key =
        key_of_principal(&m->envelope.project, &m->principal_offered.principal);
    struct principal_entry entry;
    entry_read(s->journal, &key, &principal_entry_shape, &entry);
    made_told(s, entry.record);
}

static void
change_principal(struct registry_state *s, uint64_t at_ms, const struct message *m)
{
    const struct principal_changed *changed = &m->principal_changed;
    struct row_key key = key_of_principal(&m->envelope.project, &changed->principal);
    struct principal_entry entry;
    if (!entry_read(s->journal, &key, &principal_entry_shape, &entry)) {
        entry.record = put_made(s, &key);
        entry.created_ms = at_ms;
        count_new(s, (struct count_entry){ .principals = 1 });
    }
    entry.name = changed->name;
    entry.description = changed->description;
    entry.owner = changed->owner;
    entry.metadata = changed->metadata;
    entry.tags = changed->tags;
    entry.state = changed->state;
    entry.roles = changed->roles;
    entry.updated_ms = at_ms;
    entry_write(s->journal, &key, &principal_entry_shape, &entry);
}

static void
project_told(struct registry_state *s, const struct message *m)
{
    struct row_key key = key_of_project(&m->envelope.project);
    struct project_entry entry;
    entry_read(s->journal, &key, &project_entry_shape, &entry);
    made_told(s, entry.record);
}

static void
change_project(struct registry_state *s, uint64_t at_ms, const struct message *m)
{
    const struct project_changed *changed = &m->project_changed;
    struct row_key key = key_of_project(&m->envelope.project);
    struct project_entry entry;
    if (!entry_read(s->journal, &key, &project_entry_shape, &entry)) {
        entry.record = put_made(s, &key);
        entry.created_ms = at_ms;
    }
    entry.name = changed->name;
    entry.description = changed->description;
    entry.reference = changed->reference;
    entry.tags = changed->tags;
    entry.status = changed->status;
    entry.updated_ms = at_ms;
    entry_write(s->journal, &key, &project_entry_shape, &entry);
}

static void
action_told(struct registry_state *s, const struct message *m)
{
    struct row_key key = key_of_action(&m->envelope.project, m->action_offered.name);
    struct action_entry entry;
    entry_read(s->journal, &key, &action_entry_shape, &entry);
    made_told(s, entry.record);
}

static void
change_action(struct registry_state *s, uint64_t at_ms, const struct message *m)
{
    const struct action_changed *changed = &m->action_changed;
    struct row_key key = key_of_action(&m->envelope.project, changed->name);
    struct action_entry entry;
    if (!entry_read(s->journal, &key, &action_entry_shape, &entry)) {
        entry.created_ms = at_ms;
        if (changed->kind == ACTION_HTTP)
            entry.record = put_made(s, &key);
    }
    entry.action = changed->action;
    entry.kind = changed->kind;
    entry.title = changed->title;
    entry.description = changed->description;
    entry.url = changed->url;
    entry.input_schema = changed->input_schema;
    entry.output_schema = changed->output_schema;
    entry.annotations = changed->annotations;
    entry.tags = changed->tags;
    entry.secret = changed->secret;
    entry.version = changed->version;
    entry.updated_ms = at_ms;
    entry_write(s->journal, &key, &action_entry_shape, &entry);
}

static void
delete_action(struct registry_state *s, const struct message *m)
{
    struct row_key key = key_of_action(&m->envelope.project, m->action_deleted.name);
    struct action_entry entry;
    entry_read(s->journal, &key, &action_entry_shape, &entry);
    struct row_key made = key_of_made(entry.record);
    if (entry.record != 0)
        journal_delete(s->journal, row_key_bytes(&made));
    journal_delete(s->journal, row_key_bytes(&key));
}

static void
change_role(struct registry_state *s, uint64_t at_ms, const struct message *m)
{
    const struct role_changed *changed = &m->role_changed;
    struct row_key key = key_of_role(&m->envelope.project, changed->role);
    struct role_entry entry;
    if (!entry_read(s->journal, &key, &role_entry_shape, &entry))
        entry.created_ms = at_ms;
    entry.name = changed->name;
    entry.description = changed->description;
    entry.scopes = changed->scopes;
    entry.tags = changed->tags;
    entry.updated_ms = at_ms;
    entry_write(s->journal, &key, &role_entry_shape, &entry);
}

static void
delete_role(struct registry_state *s, const struct message *m)
{
    struct row_key key = key_of_role(&m->envelope.project, m->role_deleted.role);
    journal_delete(s->journal, row_key_bytes(&key));
}

static void
change_queue(struct registry_state *s, const struct message *m)
{
    const struct queue_changed *changed = &m->queue_changed;
    struct row_key key = key_of_queue(&m->envelope.project, changed->queue);
    struct queue_entry entry;
    if (!entry_read(s->journal, &key, &queue_entry_shape, &entry))
        count_new(s, (struct count_entry){ .queues = 1 });
    entry.limit = changed->limit;
    entry.settings = changed->settings;
    entry_write(s->journal, &key, &queue_entry_shape, &entry);
}

/* All are told in the order of their keys; one that was only changed is told out of
 * turn, and in its turn as well. */
static void
queue_told(struct registry_state *s, const struct message *m)
{
    struct row_key key = key_of_queue(&m->envelope.project, m->queue_offered.queue);
    struct row_key next;
    (void)next_queue(s->journal, &s->queues_at, &next);
    if (s->queues_telling && bytes_equal(row_key_bytes(&key), row_key_bytes(&next)))
        s->queues_at = key;
}

static void
reset_listener(struct registry_state *s, uint32_t peer)
{
    if (peer > trigger_peer(s))
        return;
    s->listeners[peer] = (struct listener){ .heard = true };
    listener_refresh(s, peer);
}

static void
reset(struct registry_state *s, const struct peer_reset *peer)
{
    switch ((enum actor_name)peer->actor) {
    case ACTOR_scheduler: reset_listener(s, peer->instance); return;
    case ACTOR_trigger: reset_listener(s, trigger_peer(s)); return;
    case ACTOR_gateway:
        s->keys_telling = true;
        s->keys_at = 0;
        if (peer->life)
            waits_drop_gateway(&s->waits, peer->instance);
        return;
    case ACTOR_lease:
        s->queues_telling = true;
        s->queues_at = row_key('Q');
        return;
    default: return;
    }
}

static void
follow_wait(struct registry_state *s, const struct message *m)
{
    const struct apply_waits *waits = &m->apply_waits;
    struct version_name name = { m->envelope.project, waits->automation,
        waits->version };
    struct version_entry version;
    if (waits->over) {
        waits_drop(&s->waits, waits->gateway, waits->request);
        return;
    }
    waits_add(&s->waits, &(struct wait){
                             .request = waits->request,
                             .gateway = waits->gateway,
                             .version = name,
                             .created = waits->created,
                             .deadline_ms = waits->deadline_ms,
                             .trace = m->envelope.trace,
                             .cause = m->envelope.cause,
                         });
    if (!version_read(s, &name, &version))
        WRONG("a client waits for a version that was never published");
    if (known_everywhere(s, version.record))
        waits_arrived(&s->waits, &name);
}

void
registry_apply(void *state, uint64_t at_ms, const struct message *m)
{
    struct registry_state *s = state;
    switch (m->code) {
    case AUTOMATION_PUBLISHED: publish(s, at_ms, m); return;
    case VERSION_PROMOTED: promote(s, at_ms, m); return;
    case AUTOMATION_CHANGED: change(s, at_ms, m); return;
    case PLAN_ARRIVED: arrive(s, m); return;
    case PLAN_OFFERED: plan_told(s, m->to_instance, m); return;
    case TRIGGERS_OFFERED: plan_told(s, trigger_peer(s), m); return;
    case APPLY_WAITS: follow_wait(s, m); return;
    case KEY_CREATED: make_key(s, at_ms, m); return;
    case KEY_REVOKED: revoke_key(s, at_ms, m); return;
    case KEY_OFFERED: key_told(s, m); return;
    case ROLE_CHANGED: change_role(s, at_ms, m); return;
    case ROLE_DELETED: delete_role(s, m); return;
    case PRINCIPAL_CHANGED: change_principal(s, at_ms, m); return;
    case PRINCIPAL_OFFERED: principal_told(s, m); return;
    case ACTION_CHANGED: change_action(s, at_ms, m); return;
    case ACTION_DELETED: delete_action(s, m); return;
    case ACTION_OFFERED: action_told(s, m); return;
    case PROJECT_CHANGED: change_project(s, at_ms, m); return;
    case PROJECT_OFFERED: project_told(s, m); return;
    case KEYS_COMPLETE: s->keys_telling = false; return;
    case QUEUE_CHANGED: change_queue(s, m); return;
    case QUEUE_OFFERED: queue_told(s, m); return;
    case QUEUES_COMPLETE: s->queues_telling = false; return;
    case PEER_RESET: reset(s, &m->peer_reset); return;
    default: WRONG("the registry says no such thing");
    }
}

/* The triggers of automations: learned with each version and each change of status, and
 * shown when somebody asks. */
#include "actors/plan/plan_kinds.h"
#include "actors/trigger/state.h"
#include "base/wrong.h"

static bool
is(const struct definition *definition, const char *kind)
{
    return bytes_equal(definition->kind, text(kind));
}

bool
definition_read(const struct trigger_state *s, const struct trigger_name *name,
    struct arena *arena, struct definition *definition)
{
    struct row_key key = key_of_definition(name);
    return kept_read(s->journal, &key, &definition_shape, arena, definition);
}

static struct definition
definition_of(const struct plan_trigger *trigger, bool active)
{
    return (struct definition){
        .kind = trigger->kind,
        .enabled = trigger->enabled,
        .active = trigger->enabled && active,
        .interval_ms = trigger->interval_ms,
        .cron = trigger->cron,
        .timezone = trigger->timezone,
        .config = trigger->config,
        .inputs = trigger->inputs,
        .concurrency = trigger->concurrency,
        .runs_max = trigger->runs_max,
    };
}

/* ---- learning ---- */

/* What only a rule can know of each trigger. */
static struct bytes
find_out(const struct trigger_state *s, uint64_t now_ms, const struct id *automation,
    struct bytes bytes, struct outbox *out)
{
    struct buffer found = { 0 };
    struct plan plan;
    if (plan_open(bytes, &plan) != ERR_NONE)
        return (struct bytes){ 0 };
    pack_array(&found, plan.trigger_count);
    for (uint32_t i = 0; i < plan.trigger_count; i++) {
        struct plan_trigger trigger = plan_trigger_at(&plan, i);
        struct definition definition = definition_of(&trigger, true);
        struct trigger_name name = { out->project, *automation, trigger.key };
        if (is(&definition, "schedule")) {
            pack_u64(&found, schedule_begin(s, &definition, now_ms));
        } else if (is(&definition, "http")) {
            struct plan_http http;
            plan_config_read(&plan_http_shape, trigger.config, &http);
            pack_text(&found, hook_handle(s, &name, http.handle, out->arena));
        } else {
            pack_nil(&found);
        }
    }
    struct bytes list = arena_copy(out->arena, buffer_bytes(&found));
    buffer_free(&found);
    return list;
}

/* An older version may come late: its triggers do not hold any more.  But of the one
 * that is known the status may have changed before a later one is told of. */
void
on_triggers_offered(const struct trigger_state *s, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct triggers_offered *offered = &in->triggers_offered;
    struct automation_kept known;
    struct stream stream;
    stream_read(s, &out->project, &stream);
    uint32_t version =
        automation_version(s->journal, &out->project, &offered->automation, &known);
    uint64_t revision = offered->revision != 0 ? offered->revision : offered->version;
    bool current = offered->current == 0 || offered->current == offered->version
                   || offered->version == version;
    if (current && (version == 0 || known.revision < revision))
        say_triggers_learned(out,
            (struct triggers_learned){
                .automation = offered->automation,
                .name = offered->name,
                .version = offered->version,
                .plan = offered->plan,
                .revision = offered->revision,
                .current = offered->current,
                .status = offered->status,
                .found = find_out(s, now_ms, &offered->automation, offered->plan, out),
                .waiting = stream.routed < stream.last,
            });
    say_triggers_known(out, (struct triggers_known){
                                .automation = offered->automation,
                                .version = offered->version,
                                .revision = offered->revision,
                            });
}

/* What was there of a trigger before; borrowed from `arena`. */
struct earlier {
    struct bytes key;
    bool defined;
    struct definition definition;
    struct schedule schedule;
};

struct earlier_list {
    struct trigger_state *s;
    struct arena *arena;
    struct id project, automation;
    struct earlier list[PLAN_TRIGGERS_MAX];
    size_t count;
};

static bool
take_earlier(void *self, struct bytes key)
{
    struct earlier_list *all = self;
    struct earlier *e = &all->list[all->count++];
    struct trigger_name name = { all->project, all->automation, key };
    struct row_key of_schedule = key_of_schedule(&name);
    struct definition *d = &e->definition;
    e->key = arena_copy(all->arena, key);
    e->defined = definition_read(all->s, &name, all->arena, d);
    kept_read(all->s->journal, &of_schedule, &schedule_shape, all->arena, &e->schedule);
    d->kind = arena_copy(all->arena, d->kind);
    d->cron = arena_copy(all->arena, d->cron);
    d->timezone = arena_copy(all->arena, d->timezone);
    d->config = arena_copy(all->arena, d->config);
    d->handle = arena_copy(all->arena, d->handle);
    e->schedule.refusal = arena_copy(all->arena, e->schedule.refusal);
    if (!e->defined) {
        /* Of the first release, which knew schedules by interval only. */
        d->kind = text("schedule");
        d->enabled = d->active = 1;
        d->interval_ms = e->schedule.interval_ms;
    }
    return all->count < PLAN_TRIGGERS_MAX;
}

static void
listen(struct trigger_state *s, const struct trigger_name *name,
    const struct definition *definition, bool more)
{
    struct listener listener = { LISTENER_TRIGGER, name->automation, 0, 0, name->key };
    struct plan_event config;
    if (!is(definition, "event") || !definition->active)
        return;
    plan_config_read(&plan_event_shape, definition->config, &config);
    bool heard = ends_heard(s, &name->project);
    if (more)
        listener_add(
            s->journal, &name->project, config.event_type, config.match, &listener);
    else
        listener_drop(
            s->journal, &name->project, config.event_type, config.match, &listener);
    ends_follow(s, &name->project, heard);
}

static void
forget(struct trigger_state *s, const struct trigger_name *name,
    const struct earlier *earlier)
{
    struct row_key schedule = key_of_schedule(name);
    struct row_key definition = key_of_definition(name);
    struct row_key hook = key_of_hook(earlier->definition.handle);
    listen(s, name, &earlier->definition, false);
    disarm(s, name, &earlier->schedule);
    if (earlier->definition.handle.size > 0)
        kept_drop(s->journal, &hook);
    kept_drop(s->journal, &schedule);
    if (earlier->defined)
        kept_drop_whole(s->journal, &definition, &definition_shape);
}

/* Does it fire when it did before?  Publishing often must not put slots off for ever,
 * nor lose what is held back. */
static bool
goes_on(const struct earlier *before, const struct definition *now)
{
    const struct definition *d = &before->definition;
    return bytes_equal(d->kind, now->kind) && d->enabled == now->enabled
           && d->interval_ms == now->interval_ms && bytes_equal(d->cron, now->cron)
           && bytes_equal(d->timezone, now->timezone)
           && (!before->defined || bytes_equal(d->config, now->config));
}

/* The handle, unless it is another trigger's. */
static void
take_handle(struct trigger_state *s, const struct trigger_name *name,
    struct definition *definition)
{
    struct row_key key = key_of_hook(definition->handle);
    struct hook hook = { name->project, name->automation, name->key };
    if (definition->handle.size > 0 && kept_exists(s->journal, &key))
        definition->handle = (struct bytes){ 0 };
    if (definition->handle.size > 0)
        kept_write(s->journal, &key, &hook_shape, &hook);
}

/* The first release named no slot, and knew intervals only: those begin now. */
static uint64_t
first_slot(struct cursor *found, uint64_t at_ms, uint64_t interval_ms)
{
    if (!cursor_done(found))
        return cursor_u64(found);
    return interval_ms > 0 ? at_ms + interval_ms : UINT64_MAX;
}

/* The last event that it does not look at: what came while it listened, and was not
 * heard of yet, it hears as it is now. */
static uint64_t
since(const struct stream *stream, const struct earlier *before, bool same)
{
    if (before == NULL || !before->definition.active)
        return stream->last;
    uint64_t known = before->definition.since;
    if (same)
        return known;
    if (!is(&before->definition, "event"))
        return stream->last;
    return known > stream->routed ? known : stream->routed;
}

static void
begin_trigger(struct trigger_state *s, uint64_t at_ms, const struct trigger_name *name,
    struct definition *now, const struct earlier *before, bool waiting,
    struct cursor *found)
{
    struct row_key of_schedule = key_of_schedule(name);
    struct row_key of_definition = key_of_definition(name);
    struct schedule schedule = { .next_ms = UINT64_MAX };
    bool same = before != NULL && goes_on(before, now);
    struct stream stream;

    if (before != NULL)
        schedule = before->schedule;
    if (is(now, "schedule") && !same) {
        schedule.next_ms = first_slot(found, at_ms, now->interval_ms);
        schedule.fired_ms = 0;
        schedule.jitter_ms = schedule_jitter(name, now);
    }
    schedule.interval_ms = now->interval_ms;
    stream_read(s, &name->project, &stream);
    if (!waiting) /* or an earlier release has said it */
        stream.routed = stream.last;
    now->since = since(&stream, before, same);
    now->generation = same && before->definition.active ? before->definition.generation
                                                        : journal_last(s->journal);
    if (is(now, "http") && !cursor_done(found))
        now->handle = cursor_text(found);
    take_handle(s, name, now);
    kept_rewrite(s->journal, &of_definition, &definition_shape, now);
    kept_write(s->journal, &of_schedule, &schedule_shape, &schedule);
    if (is(now, "schedule") && schedule.fired_ms == 0)
        arm(s, name, &schedule);
    listen(s, name, now, true);
}

static const struct earlier *
find_earlier(const struct earlier_list *earlier, struct bytes key)
{
    for (size_t i = 0; i < earlier->count; i++)
        if (bytes_equal(earlier->list[i].key, key))
            return &earlier->list[i];
    return NULL;
}

static void
begin_triggers(struct trigger_state *s, uint64_t at_ms, const struct message *m,
    const struct earlier_list *earlier)
{
    const struct triggers_learned *learned = &m->triggers_learned;
    struct cursor found = cursor_over(learned->found);
    bool active = learned->status == 0 || learned->status == AUTOMATION_ACTIVE;
    struct plan plan;
    if (plan_open(learned->plan, &plan) != ERR_NONE)
        return; /* of a later release: nothing starts it but people */
    if (learned->found.size > 0)
        cursor_array(&found);
    for (uint32_t i = 0; i < plan.trigger_count; i++) {
        struct plan_trigger trigger = plan_trigger_at(&plan, i);
        struct definition now = definition_of(&trigger, active);
        struct trigger_name name = { m->envelope.project, learned->automation,
            trigger.key };
        struct cursor one = { 0 };
        if (learned->found.size > 0)
            one = cursor_over(cursor_skip(&found));
        begin_trigger(s, at_ms, &name, &now, find_earlier(earlier, trigger.key),
            learned->waiting != 0, &one);
    }
}

void
triggers_learned_applied(
    struct trigger_state *s, uint64_t at_ms, const struct message *m)
{
    const struct triggers_learned *learned = &m->triggers_learned;
    const struct id *project = &m->envelope.project;
    struct row_key key = key_of_triggers(project, &learned->automation);
    struct row_key of_name = key_of_named(project, learned->name);
    struct row_key version = { .size = 0 };
    struct arena arena = { 0 };
    struct earlier_list *earlier = arena_take(&arena, sizeof *earlier);
    struct automation_kept entry = {
        .name = learned->name,
        .revision = learned->revision != 0 ? learned->revision : learned->version,
        .status = learned->status,
    };
    struct buffer row = { 0 };

    row_key_u32(&version, learned->version);
    buffer_append_bytes(&row, row_key_bytes(&version));
    fields_write(&automation_kept_shape, &entry, NULL, &row);
    journal_put(s->journal, row_key_bytes(&key), buffer_bytes(&row));
    buffer_free(&row);
    journal_put(s->journal, row_key_bytes(&of_name), id_bytes(&learned->automation));

    earlier->s = s;
    earlier->arena = &arena;
    earlier->project = *project;
    earlier->automation = learned->automation;
    triggers_each(s, project, &learned->automation, take_earlier, earlier);
    for (size_t i = 0; i < earlier->count; i++) {
        struct trigger_name name = { *project, learned->automation,
            earlier->list[i].key };
        forget(s, &name, &earlier->list[i]);
    }
    begin_triggers(s, at_ms, m, earlier);
    arena_free(&arena);
}

/* ---- who they are ---- */

bool
automation_found(const struct trigger_state *s, const struct id *project,
    const struct id *given, struct bytes name, struct id *automation)
{
    struct automation_kept entry;
    struct row_key key = key_of_named(project, name);
    struct bytes row;
    *automation = *given;
    if (id_is_zero(given) && id_read(name, "aut_", automation) != ERR_NONE) {
        row = journal_get(s->journal, row_key_bytes(&key));
        if (row.data == NULL)
            return false;
        *automation = row_take_id(&row);
    }
    return automation_version(s->journal, project, automation, &entry) != 0;
}

struct each {
    bool (*each)(void *self, struct bytes key);
    void *self;
};

static bool
take_key(void *self, struct bytes key, struct bytes value)
{
    enum { HEAD = 1 + 2 * ID_SIZE };
    const struct each *each = self;
    (void)value;
    return each->each(each->self, bytes_of(key.data + HEAD, key.size - HEAD));
}

void
triggers_each(const struct trigger_state *s, const struct id *project,
    const struct id *automation, bool (*call)(void *self, struct bytes key), void *self)
{
    struct row_key from = row_key_run('S', project, automation);
    struct row_key to = row_key_after(&from);
    struct each each = { call, self };
    journal_scan(
        s->journal, row_key_bytes(&from), row_key_bytes(&to), false, take_key, &each);
}

/* ---- showing ---- */

struct showing {
    const struct trigger_state *s;
    struct arena *arena;
    struct id project, automation;
    struct buffer items;
    size_t count;
};

static void
put_http(struct showing *showing, const struct definition *definition)
{
    static const char *const schemes[] = {
        [HOOK_OPEN] = "none",
        [HOOK_STANDARD] = "standard",
        [HOOK_GITHUB] = "github",
        [HOOK_SHARED] = "shared_secret",
    };
    struct buffer *out = &showing->items, url = { 0 };
    struct secret_entry secret;
    struct plan_http http;
    plan_config_read(&plan_http_shape, definition->config, &http);
    buffer_append_bytes(&url, text("/capstan/v1/hooks/"));
    buffer_append_bytes(&url, definition->handle);
    pack_string(out, "url");
    if (definition->handle.size > 0)
        pack_text(out, buffer_bytes(&url));
    else
        pack_nil(out); /* the handle is another trigger's */
    put_text(out, "scheme", text(schemes[http.scheme % COUNT(schemes)]));
    put_text(out, "secret", http.secret);
    put_bool(out, "secret_set",
        secret_read(showing->s, &showing->project, http.secret, &secret));
    buffer_free(&url);
}

static void
put_event(struct showing *showing, const struct definition *definition)
{
    struct plan_event event;
    plan_config_read(&plan_event_shape, definition->config, &event);
    put_text(&showing->items, "event_type", event.event_type);
    put_text(&showing->items, "source", event.source);
}

static bool
show(void *self, struct bytes key)
{
    enum { COMMON = 10 };
    struct showing *showing = self;
    struct trigger_name name = { showing->project, showing->automation, key };
    struct row_key of_schedule = key_of_schedule(&name);
    struct buffer *out = &showing->items;
    struct definition d;
    struct schedule schedule;
    definition_read(showing->s, &name, showing->arena, &d);
    kept_read(
        showing->s->journal, &of_schedule, &schedule_shape, showing->arena, &schedule);
    bool http = is(&d, "http"), event = is(&d, "event");
    pack_map(out, COMMON + (http ? 4 : event ? 2 : 0));
    put_text(out, "key", key);
    put_text(out, "kind", d.kind);
    put_bool(out, "enabled", d.enabled != 0);
    put_bool(out, "active", d.active != 0);
    put_time_or_nil(
        out, "next_at", is(&d, "schedule") && d.active ? schedule.next_ms : UINT64_MAX);
    put_time_or_nil(out, "last_fired_at", schedule.last_ms);
    pack_string(out, "last_run");
    if (schedule.fires > 0) {
        char id[ID_TEXT_MAX];
        pack_string(out, id_print(&schedule.last_run, "run_", id));
    } else {
        pack_nil(out);
    }
    put_number(out, "fires", schedule.fires);
    put_number(out, "refusals", schedule.refusals);
    put_text(out, "last_refusal", schedule.refusal);
    if (http)
        put_http(showing, &d);
    else if (event)
        put_event(showing, &d);
    showing->count++;
    return true;
}

void
on_trigger_list(
    const struct trigger_state *s, const struct message *in, struct outbox *out)
{
    const struct trigger_list *asked = &in->trigger_list;
    struct showing showing = { .s = s, .arena = out->arena, .project = out->project };
    struct buffer document = { 0 };
    if (!automation_found(
            s, &out->project, &asked->automation, asked->name, &showing.automation)) {
        say_refusal(out, asked->request, ERR_NOT_FOUND,
            "there is no published automation of this name or id in the project");
        return;
    }
    triggers_each(s, &out->project, &showing.automation, show, &showing);
    pack_map(&document, 2);
    put_id(&document, "automation_id", &showing.automation, "aut_");
    pack_string(&document, "items");
    pack_array(&document, showing.count);
    buffer_append_bytes(&document, buffer_bytes(&showing.items));
    say_answer(out, asked->request, &document, false);
    buffer_free(&showing.items);
}

/* Loops, and automations with their versions: questions to the registry. */
#include "gateway/mobius/loops.h"

#include "base/clock.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "gateway/mobius/mobius.h"
#include "gateway/mobius/single.h"
#include "gateway/native/body.h"
#include "gateway/native/native.h"
#include "gateway/native/webhooks.h"

enum { NAME_MAX_BYTES = 256, PAGE_DEFAULT = 20, PAGE_MAX = 100, CURSOR_MAX = 400 };

/* A change of an automation that takes several questions. */
struct change {
    bool as_loop;
    struct bytes name;   /* of ours */
    struct bytes fields; /* msgpack map: what of the definition is another */
    enum automation_status status;
    bool status_asked;
    unsigned answer;         /* status of the answer */
    struct bytes definition; /* of a new one */
    bool draft;              /* that nobody starts yet */
    bool back;               /* it was there, and deleted */
    unsigned tries;          /* others may change it at the same time */
};

struct bytes
loop_name(struct request *r)
{
    struct bytes said = r->captures[1];
    struct id id;
    char ours[ID_TEXT_MAX];
    if (id_read(said, "loop_", &id) != ERR_NONE)
        return said;
    return arena_copy(&r->arena, text(id_print(&id, "aut_", ours)));
}

/* ---- one ---- */

static void
show(struct request *r, unsigned status, bool as_loop, struct bytes document)
{
    struct buffer out = { 0 };
    struct bytes definition = definition_of(r, document);
    if (as_loop)
        loop_write(&out, document, definition);
    else
        automation_write(r, &out, document, definition);
    form_answer(r, status, &out);
}

static void
got(struct request *r, const struct message *answer)
{
    const struct change *change = r->own;
    if (answer->code == DOCUMENT)
        show(r, change->answer, change->as_loop, answer->document.document);
    else
        request_show(r, answer);
}

static void
ask_for(struct request *r, struct bytes name,
    void (*done)(struct request *r, const struct message *answer))
{
    struct message *m = request_message(r, AUTOMATION_GET, ACTOR_registry);
    m->automation_get.name = name;
    m->automation_get.definition = 1;
    request_ask(r, m, done);
}

static struct change *
change_of(struct request *r, bool as_loop, unsigned answer)
{
    struct change *change = arena_take(&r->arena, sizeof *change);
    change->as_loop = as_loop;
    change->answer = answer;
    change->name = loop_name(r);
    r->own = change;
    return change;
}

void
mobius_loop_get(struct request *r)
{
    change_of(r, true, 200);
    ask_for(r, loop_name(r), got);
}

void
mobius_automation_get(struct request *r)
{
    change_of(r, false, 200);
    ask_for(r, loop_name(r), got);
}

/* ---- pages ---- */

static bool
wanted(struct request *r, struct bytes document)
{
    struct bytes asked = target_query(&r->target, "status");
    struct bytes status = said_text(document, "status");
    bool archived = bytes_equal(status, text("archived"));
    struct bytes name = said_text(document, "name");
    if (single_is_any(name) || webhook_is(name))
        return false;
    if (asked.size == 0)
        return !archived;
    return bytes_equal(asked, status)
           || (archived && bytes_equal(asked, text("deleted")));
}

static bool
write_loop(struct request *r, struct buffer *out, struct bytes document)
{
    if (!wanted(r, document))
        return false;
    loop_write(out, document, (struct bytes){ 0 });
    return true;
}

static bool
write_automation(struct request *r, struct buffer *out, struct bytes document)
{
    if (!wanted(r, document))
        return false;
    automation_write(r, out, document, (struct bytes){ 0 });
    return true;
}

bool
mobius_page(struct request *r, uint32_t *limit, struct bytes *cursor)
{
    uint64_t number;
    if (!request_number(r, "limit", 1, PAGE_MAX, PAGE_DEFAULT, &number))
        return false;
    *limit = (uint32_t)number;
    return native_query(r, "cursor", CURSOR_MAX, cursor);
}

static void
list(struct request *r, form_write *write)
{
    struct message *m = request_message(r, AUTOMATION_LIST, ACTOR_registry);
    struct automation_list *list = &m->automation_list;
    if (mobius_page(r, &list->limit, &list->cursor))
        form_fill(r, &(struct form_pages){ m, &list->limit, &list->cursor, write });
}

void
mobius_loop_list(struct request *r)
{
    list(r, write_loop);
}

void
mobius_automation_list(struct request *r)
{
    list(r, write_automation);
}

/* ---- new ones ---- */

static bool
named(struct bytes map, struct bytes name)
{
    struct cursor c = cursor_over(map);
    size_t count = map.size > 0 ? cursor_map(&c) : 0;
    for (size_t i = 0; i < count && !c.bad; i++) {
        if (bytes_equal(cursor_text(&c), name))
            return true;
        cursor_skip(&c);
    }
    return false;
}

static size_t
append_fields(struct buffer *out, struct bytes map, struct bytes but, bool nil_too)
{
    struct cursor c = cursor_over(map);
    size_t count = map.size > 0 ? cursor_map(&c) : 0, kept = 0;
    for (size_t i = 0; i < count && !c.bad; i++) {
        struct bytes name = cursor_text(&c), value = cursor_skip(&c);
        if (c.bad || named(but, name) || (!nil_too && value.data[0] == 0xc0))
            continue;
        pack_text(out, name);
        buffer_append_bytes(out, value);
        kept++;
    }
    return kept;
}

/* The JSON of a map with the fields of another over it; null takes a field away. */
static struct bytes
merge(struct request *r, struct bytes base, struct bytes over)
{
    struct buffer fields = { 0 }, whole = { 0 }, json = { 0 };
    size_t count = append_fields(&fields, base, over, false);
    count += append_fields(&fields, over, (struct bytes){ 0 }, false);
    pack_map(&whole, count);
    buffer_append_bytes(&whole, buffer_bytes(&fields));
    struct bytes text = { 0 };
    if (msgpack_to_json(buffer_bytes(&whole), &json) == ERR_NONE)
        text = arena_copy(&r->arena, buffer_bytes(&json));
    buffer_free(&fields);
    buffer_free(&whole);
    buffer_free(&json);
    return text;
}

static bool
empty_list(struct bytes body, const char *name)
{
    struct cursor c = cursor_over(pack_find(body, name));
    return cursor_type(&c) != PACK_ARRAY || cursor_array(&c) == 0;
}

/* Nothing without steps can be kept: until there are some, one that does nothing. */
static struct bytes
nothing_yet(struct request *r)
{
    struct buffer out = { 0 };
    pack_map(&out, 1);
    pack_string(&out, "steps");
    pack_array(&out, 1);
    pack_map(&out, 3);
    pack_string(&out, "key");
    pack_string(&out, "nothing-yet");
    pack_string(&out, "kind");
    pack_string(&out, "set");
    pack_string(&out, "values");
    pack_map(&out, 1);
    pack_string(&out, "draft");
    pack_bool(&out, true);
    struct bytes steps = arena_copy(&r->arena, buffer_bytes(&out));
    buffer_free(&out);
    return steps;
}

static struct message *
apply_of(struct request *r, struct bytes name, struct bytes definition, bool draft)
{
    struct message *m = request_message(r, AUTOMATION_APPLY, ACTOR_registry);
    m->automation_apply.definition = definition;
    m->automation_apply.automation = id_fresh(0);
    m->automation_apply.name = name;
    m->automation_apply.draft = draft;
    return m;
}

static void
apply(struct request *r, struct bytes name, struct bytes definition, bool draft,
    void (*done)(struct request *r, const struct message *answer))
{
    request_ask(r, apply_of(r, name, definition, draft), done);
}

static void applied(struct request *r, const struct message *answer);

static void
set_done(struct request *r, const struct message *answer)
{
    struct change *change = r->own;
    if (answer->code != DOCUMENT)
        request_show(r, answer);
    else if (change->answer == 204)
        request_answer(r, 204, "", (struct bytes){ 0 });
    else
        ask_for(r, change->name, got);
}

static void
set(struct request *r, struct bytes name, enum automation_status status,
    void (*done)(struct request *r, const struct message *answer))
{
    struct message *m = request_message(r, AUTOMATION_SET, ACTOR_registry);
    m->automation_set.name = name;
    m->automation_set.status = status;
    request_ask(r, m, done);
}

static void
back(struct request *r, const struct message *answer)
{
    const struct change *change = r->own;
    if (answer->code == DOCUMENT)
        apply(r, (struct bytes){ 0 }, change->definition, false, applied);
    else
        request_show(r, answer);
}

/* Who deleted it may make another one: the next version of it.  Nothing starts what it
 * was before, for it is paused until then. */
static void
got_deleted(struct request *r, const struct message *answer)
{
    struct change *change = r->own;
    change->back = true;
    if (answer->code != DOCUMENT)
        request_show(r, answer);
    else if (bytes_equal(
                 said_text(answer->document.document, "status"), text("archived")))
        set(r, change->name, AUTOMATION_PAUSED, back);
    else
        back(r, answer);
}

static void
applied(struct request *r, const struct message *answer)
{
    struct change *change = r->own;
    bool conflict = answer->code == REFUSED && answer->refused.err == ERR_CONFLICT;
    if (conflict && !change->draft && !change->back) {
        ask_for(r, change->name, got_deleted);
        return;
    }
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    change->name = arena_copy(&r->arena, said_text(answer->document.document, "id"));
    if (change->back)
        set(r, change->name, AUTOMATION_ACTIVE, set_done);
    else
        ask_for(r, change->name, got);
}

static void
create(struct request *r, bool as_loop)
{
    struct change *change = change_of(r, as_loop, 201);
    struct bytes body;
    if (!request_json(r, &body))
        return;
    change->draft = empty_list(body, "steps");
    change->definition =
        merge(r, body, change->draft ? nothing_yet(r) : (struct bytes){ 0 });
    change->name = said_text(body, "handle");
    if (change->name.size == 0)
        change->name = said_text(body, "name");
    apply(r, (struct bytes){ 0 }, change->definition, change->draft, applied);
}

void
mobius_loop_create(struct request *r)
{
    create(r, true);
}

void
mobius_automation_create(struct request *r)
{
    create(r, false);
}

/* ---- changes ---- */

static void
set_status(struct request *r, const struct change *change)
{
    set(r, change->name, change->status, set_done);
}

static void got_to_change(struct request *r, const struct message *answer);

static void
changed(struct request *r, const struct message *answer)
{
    struct change *change = r->own;
    if (native_overtaken(answer, &change->tries))
        ask_for(r, change->name, got_to_change);
    else if (answer->code != DOCUMENT)
        request_show(r, answer);
    else if (change->status_asked)
        set_status(r, change);
    else
        ask_for(r, change->name, got);
}

/* What nobody has published yet is not published by the way; but a loop that is given
 * steps is. */
static bool
stays_draft(const struct change *change, struct bytes document)
{
    return said_number(document, "published_version") == 0
           && (!change->as_loop || empty_list(change->fields, "steps"));
}

static void
got_to_change(struct request *r, const struct message *answer)
{
    const struct change *change = r->own;
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct bytes definition = definition_of(r, answer->document.document);
    if (definition.size == 0) {
        request_refuse(r, ERR_CONFLICT,
            "it was written as YAML, whose parts cannot be changed: apply it anew");
        return;
    }
    struct message *m = apply_of(r, change->name, merge(r, definition, change->fields),
        stays_draft(change, answer->document.document));
    native_apply_if(m, answer->document.document);
    request_ask(r, m, changed);
}

static bool
read_status(struct request *r, struct bytes body, struct change *change)
{
    static const struct {
        const char *name;
        enum automation_status status;
    } names[] = {
        { "active", AUTOMATION_ACTIVE },
        { "paused", AUTOMATION_PAUSED },
        { "deleted", AUTOMATION_ARCHIVED },
        { "archived", AUTOMATION_ARCHIVED },
    };
    struct bytes said;
    if (!body_text(r, body, "status", NAME_MAX_BYTES, &said))
        return false;
    change->status_asked = said.size > 0;
    for (size_t i = 0; i < COUNT(names); i++)
        if (bytes_equal(said, text(names[i].name)))
            change->status = names[i].status;
    if (!change->status_asked || change->status != 0)
        return true;
    request_refuse(r, ERR_INVALID, "status must be active or paused");
    return false;
}

/* All of the body but `status`, as a map; nothing if there is nothing else. */
static struct bytes
fields_of(struct request *r, struct bytes body)
{
    struct buffer status = { 0 }, fields = { 0 }, out = { 0 };
    pack_map(&status, 1);
    pack_string(&status, "status");
    pack_nil(&status);
    size_t count = append_fields(&fields, body, buffer_bytes(&status), true);
    pack_map(&out, count);
    buffer_append_bytes(&out, buffer_bytes(&fields));
    struct bytes kept =
        count == 0 ? (struct bytes){ 0 } : arena_copy(&r->arena, buffer_bytes(&out));
    buffer_free(&status);
    buffer_free(&fields);
    buffer_free(&out);
    return kept;
}

static void
update(struct request *r, bool as_loop)
{
    struct change *change = change_of(r, as_loop, 200);
    struct bytes body;
    if (!request_json(r, &body) || !read_status(r, body, change))
        return;
    change->fields = fields_of(r, body);
    if (change->fields.size > 0)
        ask_for(r, change->name, got_to_change);
    else if (change->status_asked)
        set_status(r, change);
    else
        ask_for(r, change->name, got);
}

void
mobius_loop_update(struct request *r)
{
    update(r, true);
}

void
mobius_automation_update(struct request *r)
{
    update(r, false);
}

void
mobius_loop_delete(struct request *r)
{
    struct change *change = change_of(r, true, 204);
    change->status = AUTOMATION_ARCHIVED;
    set_status(r, change);
}

/* ---- versions ---- */

struct versions {
    struct bytes name;
    struct bytes document; /* of the automation */
};

static void
write_version(const struct request *r, struct buffer *out, struct id automation,
    struct bytes line, struct bytes spec)
{
    uint64_t number = said_number(line, "version");
    struct form version = form_open(out);
    struct id id = id_derive(&automation, number);
    char project[ID_TEXT_MAX];
    project_id(r, project);
    form_id(&version, "id", "aver_", &id);
    form_string(&version, "org_id", "org_local");
    form_string(&version, "project_id", project);
    form_id(&version, "automation_id", "aut_", &automation);
    form_number(&version, "version", number);
    form_copy(&version, "status", line, "status");
    form_value(&version, "spec", spec);
    form_copy(&version, "created_at", line, "created_at");
    form_close(&version);
}

static bool
write_line(struct request *r, struct buffer *out, struct bytes line)
{
    const struct versions *versions = r->own;
    write_version(
        r, out, said_id(versions->document, "id", "aut_"), line, (struct bytes){ 0 });
    return true;
}

static void
got_versions(struct request *r, const struct message *answer)
{
    if (answer->code == DOCUMENT)
        form_answer_page(r, answer->document.document, write_line);
    else
        request_show(r, answer);
}

static void
got_owner(struct request *r, const struct message *answer)
{
    struct versions *versions = r->own;
    struct message *m = request_message(r, VERSION_LIST, ACTOR_registry);
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    versions->document = arena_copy(&r->arena, answer->document.document);
    m->version_list.name = versions->name;
    if (mobius_page(r, &m->version_list.limit, &m->version_list.cursor))
        request_ask(r, m, got_versions);
}

void
mobius_version_list(struct request *r)
{
    struct versions *versions = arena_take(&r->arena, sizeof *versions);
    versions->name = loop_name(r);
    r->own = versions;
    ask_for(r, versions->name, got_owner);
}

static void
version_made(struct request *r, const struct message *answer)
{
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    struct bytes document = answer->document.document;
    struct buffer line = { 0 }, out = { 0 };
    uint64_t version = said_number(document, "version");
    bool published = said_number(document, "published_version") == version;
    pack_map(&line, 3);
    pack_string(&line, "version");
    pack_u64(&line, version);
    pack_string(&line, "status");
    pack_string(&line, published ? "published" : "draft");
    pack_string(&line, "created_at");
    pack_raw(&line, pack_find(document, "updated_at"));
    write_version(r, &out, said_id(document, "id", "aut_"), buffer_bytes(&line),
        definition_of(r, document));
    buffer_free(&line);
    form_answer(r, 201, &out);
}

/* Starts may use another one, and others may have made a later one meanwhile. */
static void
version_applied(struct request *r, const struct message *answer)
{
    struct message *m = request_message(r, VERSION_LIST, ACTOR_registry);
    if (answer->code != DOCUMENT) {
        request_show(r, answer);
        return;
    }
    m->version_list.name = loop_name(r);
    m->version_list.version =
        (uint32_t)said_number(answer->document.document, "version");
    request_ask(r, m, version_made);
}

/* `spec` is an object, or a text as it stands in a file. */
void
mobius_version_create(struct request *r)
{
    struct bytes body;
    if (!request_json(r, &body))
        return;
    struct bytes said = pack_find(body, "spec");
    struct cursor c = cursor_over(said);
    struct bytes definition = cursor_type(&c) == PACK_TEXT ? cursor_text(&c)
                              : cursor_type(&c) == PACK_MAP
                                  ? merge(r, said, (struct bytes){ 0 })
                                  : (struct bytes){ 0 };
    if (definition.size == 0)
        request_refuse(r, ERR_INVALID, "spec must be an automation");
    else
        apply(r, loop_name(r), definition, true, version_applied);
}

static void
published(struct request *r, const struct message *answer)
{
    if (answer->code == DOCUMENT)
        ask_for(r, loop_name(r), got);
    else
        request_show(r, answer);
}

void
mobius_version_publish(struct request *r)
{
    struct message *m = request_message(r, VERSION_PUBLISH, ACTOR_registry);
    change_of(r, false, 200);
    m->version_publish.name = loop_name(r);
    if (native_version(r, r->captures[2], &m->version_publish.version))
        request_ask(r, m, published);
}

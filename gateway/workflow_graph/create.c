/* Workflows that clients make: their JSON as the text of an automation. */
#include "base/clock.h"
#include "base/json_write.h"
#include "base/put.h"
#include "gateway/workflow_graph/fields.h"
#include "gateway/workflow_graph/look.h"
#include "gateway/workflow_graph/names.h"
#include "gateway/workflow_graph/sheet.h"
#include "gateway/workflow_graph/state.h"

static void
put_key(struct buffer *out, struct bytes id)
{
    struct buffer key = { 0 };
    key_from_id(&key, id);
    pack_text(out, buffer_bytes(&key));
    buffer_free(&key);
}

/* The pairs of a map that is not begun yet. */
struct pairs {
    struct buffer out;
    size_t count;
};

static void
put_pairs(struct buffer *out, struct pairs *pairs)
{
    pack_map(out, pairs->count);
    buffer_append_bytes(out, buffer_bytes(&pairs->out));
    buffer_free(&pairs->out);
}

/* What only clients use. */
static void
put_shown(struct pairs *job, struct bytes given)
{
    static const char *const names[] = { "metadata", "ports", "children", "collapsed" };
    struct pairs shown = { 0 };
    for (size_t i = 0; i < COUNT(names); i++) {
        struct bytes part = pack_find(given, names[i]);
        if (part.size == 0)
            continue;
        put_raw(&shown.out, names[i], part);
        shown.count++;
    }
    job->count += shown.count > 0;
    if (shown.count > 0) {
        pack_string(&job->out, "workflow_graph");
        put_pairs(&job->out, &shown);
    }
}

static size_t
items_of(struct bytes list, struct cursor *c)
{
    *c = cursor_over(list);
    return list.size == 0 ? 0 : cursor_array(c);
}

struct given_job {
    struct bytes id, name, command, depends_on, labels;
    uint64_t retries;
};

static const char *const statuses[] = { "queued", "running", "success", "failure",
    "skipped", "cancelled", NULL };

static bool
is_map(struct request *r, const char *list, struct bytes item)
{
    struct cursor c = cursor_over(item);
    if (cursor_type(&c) == PACK_MAP)
        return true;
    request_refuse(r, ERR_INVALID, "each of %s must be an object", list);
    return false;
}

/* Of what only clients use, what is none of a few words would be none to them either.
 */
static bool
check_shown(struct request *r, struct bytes given)
{
    static const char *const directions[] = { "input", "output", NULL };
    struct bytes ports, children;
    struct cursor c;
    if (!fields_list(r, given, "ports", OPTIONAL, &ports)
        || !fields_list(r, given, "children", OPTIONAL, &children))
        return false;
    for (size_t left = items_of(ports, &c); left > 0; left--) {
        struct bytes port = cursor_skip(&c);
        if (!is_map(r, "ports", port)
            || !fields_word(r, port, "direction", OPTIONAL, directions))
            return false;
    }
    for (size_t left = items_of(children, &c); left > 0; left--) {
        struct bytes child = cursor_skip(&c);
        if (!is_map(r, "children", child)
            || !fields_word(r, child, "status", OPTIONAL, statuses)
            || !check_shown(r, child))
            return false;
    }
    return true;
}

static bool
read_job(struct request *r, struct bytes given, struct given_job *job)
{
    job->retries = 0;
    return is_map(r, "jobs", given) && fields_text(r, given, "id", REQUIRED, &job->id)
           && fields_text(r, given, "name", REQUIRED, &job->name)
           && fields_word(r, given, "status", REQUIRED, statuses)
           && fields_text(r, given, "command", REQUIRED, &job->command)
           && fields_texts(r, given, "depends_on", REQUIRED, &job->depends_on)
           && fields_texts(r, given, "required_labels", OPTIONAL, &job->labels)
           && fields_number(r, given, "max_retries", UINT32_MAX, &job->retries)
           && check_shown(r, given);
}

static void
put_job(struct buffer *out, struct bytes given, const struct given_job *job)
{
    struct pairs pairs = { .count = 2 };
    struct cursor c;
    size_t count = items_of(job->depends_on, &c);
    put_key(out, job->id);
    pack_string(&pairs.out, "name");
    pack_text(&pairs.out, job->name);
    pack_string(&pairs.out, "run");
    pack_text(&pairs.out, job->command);
    if (count > 0) {
        pairs.count++;
        pack_string(&pairs.out, "needs");
        pack_array(&pairs.out, count);
        for (size_t i = 0; i < count; i++)
            put_key(&pairs.out, cursor_text(&c));
    }
    if (items_of(job->labels, &c) > 0) {
        pairs.count++;
        put_raw(&pairs.out, "labels", job->labels);
    }
    if (job->retries > 0) {
        pairs.count++;
        pack_string(&pairs.out, "retries");
        pack_u64(&pairs.out, job->retries);
    }
    put_shown(&pairs, given);
    put_pairs(out, &pairs);
}

/* The text of the body as msgpack: {name, description, loaded_at, jobs}. */
static bool
write_text(struct request *r, struct bytes body, struct buffer *out)
{
    struct bytes name, trigger, jobs;
    struct cursor c;
    if (!fields_text(r, body, "name", REQUIRED, &name)
        || !fields_text(r, body, "trigger", REQUIRED, &trigger)
        || !fields_list(r, body, "jobs", REQUIRED, &jobs))
        return false;
    size_t count = items_of(jobs, &c);
    pack_map(out, trigger.size > 0 ? 4 : 3);
    pack_string(out, "name");
    pack_text(out, name);
    if (trigger.size > 0) {
        pack_string(out, "description");
        pack_text(out, trigger);
    }
    /* A workflow that is loaded again is set back: its text is another one. */
    pack_string(out, "loaded_at");
    pack_u64(out, clock_unix_ms());
    pack_string(out, "jobs");
    pack_map(out, count);
    for (size_t i = 0; i < count; i++) {
        struct bytes given = cursor_skip(&c);
        struct given_job job;
        if (!read_job(r, given, &job))
            return false;
        put_job(out, given, &job);
    }
    return true;
}

static void
applied(struct request *r, const struct message *answer)
{
    struct bytes *name = r->own;
    if (answer->code == DOCUMENT)
        workflow_graph_show(r, *name);
    else
        request_show(r, answer);
}

static void
apply(struct request *r, struct bytes name, struct bytes definition)
{
    struct message *m = request_message(r, AUTOMATION_APPLY, ACTOR_registry);
    struct bytes *kept = arena_take(&r->arena, sizeof *kept);
    *kept = name;
    r->own = kept;
    m->automation_apply.definition = definition;
    m->automation_apply.automation = id_fresh(0);
    m->automation_apply.name = name;
    m->automation_apply.make = 1;
    request_ask(r, m, applied);
}

static void
apply_body(struct request *r, struct bytes name, struct bytes body)
{
    struct buffer packed = { 0 }, json = { 0 };
    if (write_text(r, body, &packed)) {
        if (msgpack_to_json(buffer_bytes(&packed), &json) == ERR_NONE)
            apply(r, name, arena_copy(&r->arena, buffer_bytes(&json)));
        else
            request_refuse(r, ERR_MALFORMED, "%s", "");
    }
    buffer_free(&packed);
    buffer_free(&json);
}

/* A UUID, as workflow-graph calls them. */
static struct bytes
fresh_name(struct request *r)
{
    struct id id = id_fresh(0);
    char name[40];
    size_t at = 0;
    for (size_t i = 0; i < ID_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            name[at++] = '-';
        at += (size_t)snprintf(name + at, sizeof name - at, "%02x", id.bytes[i]);
    }
    return arena_copy(&r->arena, bytes_of(name, at));
}

void
workflow_graph_workflow_create(struct request *r)
{
    struct bytes body;
    if (request_json(r, &body))
        apply_body(r, fresh_name(r), body);
}

/* The graph that workflow-graph shows to begin with. */
static const struct sample {
    const char *id, *name, *needs[3];
    uint64_t retries;
} sample[] = {
    { .id = "unit-tests", .name = "Unit Tests", .retries = 1 },
    { .id = "lint", .name = "Lint" },
    { .id = "typecheck", .name = "Typecheck" },
    { .id = "build", .name = "Build", .needs = { "unit-tests", "lint", "typecheck" } },
    { .id = "deploy-db", .name = "Deploy DB", .needs = { "build" } },
    { .id = "e2e-tests", .name = "E2E Tests", .needs = { "build" } },
    { .id = "deploy-preview", .name = "Deploy Preview", .needs = { "build" } },
    { .id = "deploy-web", .name = "Deploy Web", .needs = { "deploy-db" } },
};

static void
put_sample_job(struct buffer *out, const struct sample *job)
{
    size_t needs = 0;
    while (needs < COUNT(job->needs) && job->needs[needs] != NULL)
        needs++;
    pack_map(out, 6);
    pack_string(out, "id");
    pack_string(out, job->id);
    pack_string(out, "name");
    pack_string(out, job->name);
    pack_string(out, "status");
    pack_string(out, "queued");
    pack_string(out, "command");
    pack_string(out, "echo working && sleep 1 && echo done");
    pack_string(out, "depends_on");
    pack_array(out, needs);
    for (size_t i = 0; i < needs; i++)
        pack_string(out, job->needs[i]);
    pack_string(out, "max_retries");
    pack_u64(out, job->retries);
}

void
workflow_graph_workflow_sample(struct request *r)
{
    struct buffer body = { 0 };
    pack_map(&body, 3);
    pack_string(&body, "name");
    pack_string(&body, "CI Pipeline");
    pack_string(&body, "trigger");
    pack_string(&body, "on: push");
    pack_string(&body, "jobs");
    pack_array(&body, COUNT(sample));
    for (size_t i = 0; i < COUNT(sample); i++)
        put_sample_job(&body, &sample[i]);
    apply_body(r, text("ci-1"), buffer_bytes(&body));
    buffer_free(&body);
}

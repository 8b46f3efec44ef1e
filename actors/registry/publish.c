/* Compiling and publishing automations. */
#include "actors/plan/compile.h"
#include "actors/registry/state.h"
#include "base/put.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    ANSWERS_PER_TURN = 16,
    DETAIL_MAX = 600,
};

static struct bytes __attribute__((format(printf, 2, 3)))
print(struct arena *arena, const char *format, ...)
{
    char line[DETAIL_MAX];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    assert(size >= 0 && (size_t)size < sizeof line);
    return arena_copy(arena, bytes_of(line, (size_t)size));
}

static void
pack_mistake(struct buffer *out, const struct mistake *mistake)
{
    pack_map(out, 4);
    put_number(out, "line", mistake->line);
    put_number(out, "column", mistake->column);
    pack_string(out, "path");
    pack_string(out, mistake->path);
    pack_string(out, "message");
    pack_string(out, mistake->message);
}

static void
refuse_text(
    struct outbox *out, uint64_t request, enum err err, const struct mistakes *mistakes)
{
    struct buffer details = { 0 };
    const struct mistake *first = &mistakes->list[0];
    pack_array(&details, mistakes->count);
    for (size_t i = 0; i < mistakes->count; i++)
        pack_mistake(&details, &mistakes->list[i]);
    struct bytes detail = print(out->arena,
        "%zu mistake%s, the first in line %u, column %u: %s", mistakes->total,
        mistakes->total == 1 ? "" : "s", first->line, first->column, first->message);
    say_refused(out, (struct refused){
                         .request = request,
                         .err = err,
                         .detail = detail,
                         .details = arena_copy(out->arena, buffer_bytes(&details)),
                     });
    buffer_free(&details);
}

/* A mistake that only the registry can see. */
static void
refuse_name(struct outbox *out, uint64_t request, const char *message)
{
    size_t size = strlen(message) + 1;
    char path[] = "name", *kept = arena_take(out->arena, size);
    memcpy(kept, message, size);
    struct mistakes mistakes = { .total = 1, .count = 1 };
    mistakes.list[0] = (struct mistake){ 1, 1, path, kept };
    refuse_text(out, request, ERR_INVALID, &mistakes);
}

/* The name under which it is known: the handle, or else its name. */
static bool
name_of(const struct plan *plan, struct bytes *name)
{
    *name = plan->handle.size > 0 ? plan->handle : plan->name;
    return name->size <= PLAN_KEY_MAX;
}

/* Ids are looked up before names. */
static bool
like_an_id(struct bytes name)
{
    struct id id;
    return id_read(name, "aut_", &id) == ERR_NONE;
}

static bool
may_be_called(struct bytes name)
{
    return name.size <= PLAN_KEY_MAX && !like_an_id(name);
}

static bool
too_many(const struct registry_state *state, const struct id *project)
{
    return project_full(state, project, 'A', counts_of_all(state).automations,
        state->config->automations_max);
}

/* A text that has arrived, and the automation that it is for. */
struct publication {
    struct id automation;
    struct bytes name, text, plan;
    bool draft; /* starts shall not use it yet */
    bool known; /* the automation exists, `entry` is it */
    struct automation_entry entry;
};

/* Is it the text of the latest version? */
static bool
unchanged(const struct publication *p)
{
    struct hash hash = hash_of(p->text);
    return p->known && bytes_equal(p->entry.hash, bytes_of(hash.bytes, HASH_SIZE));
}

/* The latest version waits for its publication, which is asked for. */
static bool
to_promote(const struct publication *p)
{
    return !p->draft && p->entry.version != automation_latest(&p->entry);
}

/* Was the text made from what is not so any more?  Who asks again for what is there
 * need not know. */
static bool
overtaken(const struct automation_apply *apply, const struct publication *p)
{
    return apply->latest != 0
           && (apply->latest != automation_latest(&p->entry)
               || apply->published != p->entry.version)
           && (!unchanged(p) || to_promote(p));
}

/* As long as the gateway waits, by our own clock: its time need not be ours. */
void
wait_for(const struct registry_state *state, uint64_t now_ms, const struct message *in,
    uint64_t request, const struct version_name *version, bool created,
    struct outbox *out)
{
    say_apply_waits(out, (struct apply_waits){
                             .request = request,
                             .gateway = in->envelope.instance,
                             .automation = version->automation,
                             .version = version->version,
                             .created = created,
                             .deadline_ms = now_ms + state->config->request_ms,
                         });
}

/* The latest version has this text: it is published if it was a draft and shall be
 * more. */
static void
apply_again(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, const struct publication *p, struct outbox *out)
{
    struct version_name name = { out->project, p->automation,
        automation_latest(&p->entry) };
    bool promoted = to_promote(p);
    if (promoted)
        say_version_promoted(out, (struct version_promoted){
                                      .automation = name.automation,
                                      .version = name.version,
                                      .revision = p->entry.revision + 1,
                                  });
    wait_for(state, now_ms, in, in->automation_apply.request, &name, promoted, out);
}

static void
publish(const struct registry_state *state, uint64_t now_ms, const struct message *in,
    const struct publication *p, struct outbox *out)
{
    uint64_t request = in->automation_apply.request;
    struct row_key key = key_of_automation(&out->project, &p->automation);
    struct version_name name = { out->project, p->automation,
        automation_latest(&p->entry) + 1 };
    if (!p->known
        && (id_is_zero(&p->automation)
            || journal_get(state->journal, row_key_bytes(&key)).data != NULL)) {
        refuse(out, request, ERR_CONFLICT, text("another automation has this id"));
        return;
    }
    if (!p->known && too_many(state, &out->project)) {
        refuse(out, request, ERR_BUSY, text("the limit automations_max is reached"));
        return;
    }
    say_automation_published(out, (struct automation_published){
                                      .automation = p->automation,
                                      .name = p->name,
                                      .version = name.version,
                                      .definition = p->text,
                                      .plan = p->plan,
                                      .draft = p->draft,
                                  });
    wait_for(state, now_ms, in, request, &name, true, out);
}

/* Compile into the arena; false if the text was refused. */
static bool
compiled(const struct registry_state *state, const struct automation_apply *apply,
    struct bytes *plan, struct outbox *out)
{
    const struct compile_limits limits = {
        .text_max = state->config->automation_max,
        .steps_max = state->config->steps_max,
        .payload_max = state->config->payload_max,
    };
    struct mistakes mistakes = { 0 };
    struct buffer written = { 0 };
    enum err err = compile_with_zones(
        apply->definition, &limits, state->zones, out->arena, &written, &mistakes);
    *plan = arena_copy(out->arena, buffer_bytes(&written));
    buffer_free(&written);
    if (err != ERR_NONE)
        refuse_text(out, apply->request, err, &mistakes);
    return err == ERR_NONE;
}

/* Which automation is the text for?  False: it was told why there is none. */
static bool
address(const struct registry_state *state, const struct automation_apply *apply,
    struct publication *p, struct outbox *out)
{
    struct plan plan;
    if (apply->name.size > 0) {
        p->name = apply->name;
        p->known = automation_find(state, &out->project, apply->name, &p->automation);
        if (!p->known && !(apply->make && may_be_called(apply->name))) {
            refuse_unknown(out, apply->request);
            return false;
        }
    } else if (plan_open(p->plan, &plan) != ERR_NONE /* never: it was just compiled */
               || !name_of(&plan, &p->name)) {
        refuse_name(out, apply->request,
            "a name of more than 128 bytes needs a handle beside it");
        return false;
    } else if (like_an_id(p->name)) {
        refuse_name(out, apply->request, "a name must not look like an id");
        return false;
    } else {
        p->known = automation_named(state, &out->project, p->name, &p->automation);
    }
    if (!p->known)
        return true;
    automation_read(state, &out->project, &p->automation, &p->entry);
    p->name = p->entry.name;
    if (automation_status_of(&p->entry) == AUTOMATION_ARCHIVED) {
        refuse(out, apply->request, ERR_CONFLICT,
            text("the automation is archived: resume it first"));
        return false;
    }
    return true;
}

static void
say_valid(uint64_t request, const struct publication *p, struct outbox *out)
{
    struct buffer document = { 0 };
    pack_map(&document, 2);
    put_text(&document, "name", p->name);
    pack_string(&document, "valid");
    pack_bool(&document, true);
    say_document(out, (struct document){
                          .request = request,
                          .document = arena_copy(out->arena, buffer_bytes(&document)),
                      });
    buffer_free(&document);
}

void
on_automation_apply(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct automation_apply *apply = &in->automation_apply;
    struct publication p = { .automation = apply->automation,
        .text = apply->definition,
        .draft = apply->draft };
    if (!compiled(state, apply, &p.plan, out) || !address(state, apply, &p, out))
        return;
    if (apply->check)
        say_valid(apply->request, &p, out);
    else if (waits_full(&state->waits))
        refuse(out, apply->request, ERR_BUSY, text("too many clients are waiting"));
    else if (overtaken(apply, &p))
        refuse(out, apply->request, ERR_CONFLICT,
            text("the automation was changed meanwhile: read it again"));
    else if (unchanged(&p))
        apply_again(state, now_ms, in, &p, out);
    else
        publish(state, now_ms, in, &p, out);
}

static void
give_up(const struct wait *wait, struct outbox *out)
{
    out->project = wait->version.project;
    say_apply_waits(out, (struct apply_waits){
                             .request = wait->request,
                             .gateway = wait->gateway,
                             .automation = wait->version.automation,
                             .version = wait->version.version,
                             .over = 1,
                         });
}

static void
answer_wait(
    const struct registry_state *state, const struct wait *wait, struct outbox *out)
{
    const struct version_name *version = &wait->version;
    struct document document = {
        .request = wait->request,
        .document = automation_document(state, out->arena, version, DOCUMENT_WHOLE),
        .created = wait->created,
    };
    out->project = version->project;
    outbox_put_to(out, ACTOR_gateway, wait->gateway,
        &(struct message){ .code = DOCUMENT, .document = document });
    struct envelope *envelope = &out->messages[out->count - 1].envelope;
    envelope->cause = wait->cause;
    envelope->trace = wait->trace;
    give_up(wait, out);
}

void
answer_waits(const struct registry_state *state, uint64_t now_ms, struct outbox *out)
{
    size_t answered = 0;
    for (const struct wait *wait = waits_ready(&state->waits);
         wait != NULL && answered < ANSWERS_PER_TURN;
         wait = waits_next(&state->waits, wait), answered++)
        answer_wait(state, wait, out);
    /* Whoever asked has given up: the gateway told him so. */
    for (const struct wait *wait = waits_oldest(&state->waits);
         wait != NULL && wait->deadline_ms <= now_ms
         && outbox_has_room(out, OUTBOX_MAX / 2);
         wait = waits_next(&state->waits, wait))
        give_up(wait, out);
}

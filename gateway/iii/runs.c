#include "gateway/iii/runs.h"

#include "base/clock.h"
#include "base/pack.h"
#include "gateway/iii/ask.h"
#include "gateway/iii/invoke.h"

enum { NAME_MAX_BYTES = 200 };

static void
started(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct message *answer)
{
    const struct run_accepted *run = &answer->run_accepted;
    struct buffer out = { 0 };
    char id[ID_TEXT_MAX];
    if (answer->code == REFUSED) {
        iii_refused(caller, asked, &answer->refused);
        return;
    }
    if (answer->code != RUN_ACCEPTED) {
        iii_refuse(caller, asked, "invocation_error", text("no run was started"));
        return;
    }
    pack_map(&out, 4);
    pack_string(&out, "run");
    pack_string(&out, id_print(&run->run, "run_", id));
    pack_string(&out, "automation");
    pack_text(&out, run->name);
    pack_string(&out, "version");
    pack_u64(&out, run->version);
    pack_string(&out, "existed");
    pack_bool(&out, run->existed != 0);
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}

/* A text of at most NAME_MAX_BYTES in the map `data`, or nothing.  False: it is else.
 */
static bool
read_text(struct bytes data, const char *name, struct bytes *value)
{
    struct bytes found = pack_find(data, name);
    struct cursor c = cursor_over(found);
    *value = (struct bytes){ 0 };
    if (found.size == 0 || cursor_type(&c) == PACK_NIL)
        return true;
    if (cursor_type(&c) != PACK_TEXT)
        return false;
    *value = cursor_text(&c);
    return value->size <= NAME_MAX_BYTES;
}

static const char *
read_start(struct bytes data, struct run_start *start)
{
    struct cursor map = cursor_over(data);
    if (data.size == 0 || cursor_type(&map) != PACK_MAP)
        return "capstan::runs::start takes {automation, inputs?, idempotency_key?}";
    if (!read_text(data, "automation", &start->automation)
        || start->automation.size == 0)
        return "automation must name an automation";
    if (!read_text(data, "idempotency_key", &start->key))
        return "idempotency_key must be a text of at most 200 bytes";
    struct bytes inputs = pack_find(data, "inputs");
    struct cursor c = cursor_over(inputs);
    if (inputs.size == 0 || cursor_type(&c) == PACK_NIL)
        return NULL;
    start->inputs = inputs;
    return cursor_type(&c) == PACK_MAP ? NULL : "inputs must be an object";
}

void
runs_start(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct run_start start = { 0 };
    struct gateway *g = caller->hub->gateway;
    const char *wrong = read_start(asked->data, &start);
    if ((caller->key->scopes & SCOPE_START) == 0 || caller->key->revoked) {
        iii_refuse(caller, asked, "FORBIDDEN", text("the key may not start runs"));
        return;
    }
    if (wrong != NULL) {
        iii_refuse(caller, asked, "INVALID_ARGUMENTS", text(wrong));
        return;
    }
    struct iii_question *question =
        iii_question_new(caller, asked, RUN_START, ACTOR_scheduler);
    if (question == NULL)
        return;
    struct message *m = &question->message;
    struct arena *arena = &question->arena;
    m->to_instance = gateway_partition(g, &caller->hub->project, start.key);
    m->envelope.partition = m->to_instance;
    m->run_start = (struct run_start){
        .run = id_fresh(m->to_instance),
        .automation = arena_copy(arena, start.automation),
        .key = arena_copy(arena, start.key),
        .inputs = arena_copy(arena, start.inputs),
        .source = text("api"),
    };
    question->done = started;
    iii_ask(question);
}

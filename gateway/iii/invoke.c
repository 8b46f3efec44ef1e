#include "gateway/iii/invoke.h"

#include "base/clock.h"
#include "base/pack.h"
#include "gateway/iii/enqueue.h"
#include "gateway/iii/functions.h"
#include "gateway/iii/jobs.h"
#include "gateway/iii/recall.h"
#include "gateway/iii/worker.h"

struct buffer *
iii_page(const struct hub *hub)
{
    return &hub->gateway->scratch;
}

bool
iii_say(const struct iii_worker *worker)
{
    return worker->socket != NULL
           && websocket_send(
               worker->socket, buffer_bytes(iii_page(worker->hub)), false);
}

/* Of an action such as {"type": "void"}; nothing if there is none. */
static struct bytes
action_of(const struct iii_frame *said)
{
    struct cursor map = cursor_over(said->action);
    if (said->action.size == 0)
        return (struct bytes){ 0 };
    if (cursor_type(&map) != PACK_MAP)
        return text("?");
    struct cursor type = cursor_over(pack_find(said->action, "type"));
    return cursor_type(&type) == PACK_TEXT ? cursor_text(&type) : text("?");
}

static bool
wants_answer(const struct iii_frame *asked)
{
    return asked->invocation_id.size > 0
           && !bytes_equal(action_of(asked), text("void"));
}

static struct buffer *
begin_answer(const struct iii_worker *worker, const struct iii_frame *asked)
{
    struct buffer *out = iii_page(worker->hub);
    iii_begin(out, "invocationresult");
    iii_put(out, "invocation_id", asked->invocation_id);
    iii_put(out, "function_id", asked->function_id);
    return out;
}

void
iii_answer(
    const struct iii_worker *worker, const struct iii_frame *asked, struct bytes result)
{
    struct cursor c = cursor_over(result);
    if (!wants_answer(asked))
        return;
    struct buffer *out = begin_answer(worker, asked);
    if (result.size > 0 && cursor_type(&c) != PACK_NIL)
        iii_put_value(out, "result", result);
    iii_end(out);
    (void)iii_say(worker);
}

void
iii_refuse(const struct iii_worker *worker, const struct iii_frame *asked,
    const char *code, struct bytes message)
{
    if (!wants_answer(asked))
        return;
    struct buffer *out = begin_answer(worker, asked);
    iii_put_error(out, code, message);
    iii_end(out);
    (void)iii_say(worker);
}

static void
refuse_unknown(const struct iii_worker *worker, const struct iii_frame *asked)
{
    struct buffer why = { 0 };
    struct bytes namespace =
        asked->namespace.size > 0 ? asked->namespace : text("default");
    buffer_print(&why, "Function %.*s not found in namespace %.*s.",
        (int)asked->function_id.size, (const char *)asked->function_id.data,
        (int)namespace.size, (const char *)namespace.data);
    if (iii_unserved(asked->function_id))
        buffer_append_bytes(
            &why, text(" This engine does not serve it: see docs/guides/from-iii.md."));
    iii_refuse(worker, asked, "function_not_found", buffer_bytes(&why));
    buffer_free(&why);
}

/* Pass it on to the worker that has the function.  To write a frame for one that takes
 * none costs as much, and many triggers may call it for one event. */
static bool
pass_on(const struct iii_call *call, const struct iii_frame *asked)
{
    struct iii_worker *worker = call->worker;
    struct buffer *out = iii_page(worker->hub);
    if (worker->deaf)
        return false;
    struct buffer data = { 0 };
    struct bytes caller =
        call->caller == NULL ? (struct bytes){ 0 } : text(call->caller->id);
    iii_pack_call(&data, asked->data, caller);
    iii_begin(out, "invokefunction");
    iii_put(out, "invocation_id", text(call->id));
    iii_put(out, "function_id", asked->function_id);
    iii_put_value(out, "data", buffer_bytes(&data));
    iii_put(out, "traceparent", asked->traceparent);
    iii_put(out, "baggage", asked->baggage);
    iii_put_value(out, "metadata", asked->metadata);
    iii_end(out);
    buffer_free(&data);
    worker->deaf = !iii_say(worker);
    return !worker->deaf;
}

/* Another takes the place of one that hangs, if there is no other place.  False: none
 * does. */
static bool
take_place(struct iii_worker *worker, struct iii_worker *caller)
{
    struct iii_call *call = hub_hanging(worker, caller);
    if (call == NULL)
        return false;
    struct iii_frame asked = { .invocation_id = text(call->id),
        .function_id = buffer_bytes(&call->function) };
    iii_refuse(call->caller, &asked, "TIMEOUT",
        text("no answer came in time, and another invocation needed the place"));
    hub_call_drop(&call);
    return true;
}

/* A void invocation has an id of ours: a worker that is busy with it is busy. */
static void
call_function(
    struct iii_worker *caller, struct iii_worker *worker, const struct iii_frame *said)
{
    bool answered = wants_answer(said);
    char fresh[III_UUID_SIZE + 1];
    struct bytes id = said->invocation_id;
    if (!answered) {
        iii_uuid_print(id_fresh(0).bytes, fresh);
        id = text(fresh);
    }
    struct iii_call *call;
    do
        call = hub_call(caller->hub, id, said->function_id, worker,
            answered ? caller : NULL, answered ? III_ANSWER : III_VOID);
    while (call == NULL && take_place(worker, caller));
    if (call == NULL) {
        iii_refuse(caller, said, "invocation_error",
            text("too many invocations are under way, or this id is one of them"));
        return;
    }
    /* Also who does not wait is named. */
    struct iii_call shown = *call;
    shown.caller = caller;
    if (pass_on(&shown, said))
        return;
    hub_call_drop(&call);
    iii_refuse(caller, said, "invocation_stopped", text("Invocation stopped"));
}

static bool
default_namespace(const struct iii_frame *said)
{
    return said->namespace.size == 0 || bytes_equal(said->namespace, text("default"));
}

void
iii_invoke(struct iii_worker *worker, const struct iii_frame *said)
{
    struct bytes action = action_of(said);
    const struct iii_function *own = iii_function(said->function_id);
    const struct iii_entry *entry =
        hub_find(worker->hub, III_FUNCTION, said->function_id);
    if (said->invocation_id.size > 0 && !iii_uuid(said->invocation_id))
        iii_refuse(worker, said, "invocation_error",
            text("invocation_id must be a UUID in lower case"));
    else if (bytes_equal(action, text("enqueue")) && default_namespace(said))
        iii_enqueue_call(worker, said);
    else if (bytes_equal(action, text("enqueue")))
        refuse_unknown(worker, said);
    else if (action.size > 0 && !bytes_equal(action, text("void")))
        iii_refuse(worker, said, "invocation_error",
            text("this engine knows no such action: only void, enqueue, or none"));
    else if (own != NULL)
        own->serve(worker, said);
    else if (!default_namespace(said) || entry == NULL)
        refuse_unknown(worker, said);
    else
        call_function(worker, entry->worker, said);
}

static void
answer_caller(const struct iii_call *call, const struct iii_frame *said)
{
    struct buffer *out = iii_page(call->caller->hub);
    iii_begin(out, "invocationresult");
    iii_put(out, "invocation_id", text(call->id));
    iii_put(out, "function_id", buffer_bytes(&call->function));
    if (said->error.size > 0)
        iii_put_value(out, "error", said->error);
    else
        iii_put_value(out, "result", said->result);
    iii_put(out, "traceparent", said->traceparent);
    iii_put(out, "baggage", said->baggage);
    iii_end(out);
    (void)iii_say(call->caller);
}

static void
tell_asker(struct iii_call *call, const struct iii_frame *result)
{
    iii_done *done = call->done;
    void *self = call->self;
    hub_call_drop(&call);
    done(self, result);
}

/* Who has a job may be back before its first connection is seen to be broken: by what
 * it says of itself, and it knows the id. */
static bool
is_back(const struct iii_call *call, const struct iii_worker *worker)
{
    struct id had, has;
    return call->purpose == III_JOB && iii_session_of(call->worker, &had)
           && iii_session_of(worker, &has) && id_equal(&had, &has);
}

void
iii_result(struct iii_worker *worker, struct bytes frame, const struct iii_frame *said)
{
    struct iii_call *call = hub_call_find(worker->hub, said->invocation_id);
    if (call == NULL) {
        iii_early_keep(worker->hub, said->invocation_id, frame);
        return;
    }
    /* Those of calls that are somebody else's.  Who has a job of before we began may
     * be back over any connection, and nobody else knows its id. */
    if (call->worker != worker && !call->recalled && !is_back(call, worker))
        return;
    if (call->purpose == III_JOB) {
        iii_job_done(call, frame);
        return;
    }
    if (call->purpose == III_ASKED) {
        tell_asker(call, said);
        iii_leave_if_idle(worker);
        return;
    }
    if (call->caller != NULL)
        answer_caller(call, said);
    hub_call_drop(&call);
    iii_leave_if_idle(worker);
}

static struct iii_call *
begin_call_as(struct iii_worker *worker, const char *id, enum iii_purpose purpose,
    const struct iii_frame *said)
{
    struct iii_call *call =
        hub_call(worker->hub, text(id), said->function_id, worker, NULL, purpose);
    if (call != NULL && !pass_on(call, said))
        hub_call_drop(&call);
    return call;
}

static struct iii_call *
begin_call(
    struct iii_worker *worker, enum iii_purpose purpose, const struct iii_frame *said)
{
    char id[III_UUID_SIZE + 1];
    iii_uuid_print(id_fresh(0).bytes, id);
    return begin_call_as(worker, id, purpose, said);
}

struct iii_call *
iii_call_job(struct iii_worker *worker, const char *id, struct bytes function,
    struct bytes data, struct bytes metadata)
{
    struct iii_frame said = {
        .function_id = function, .data = data, .metadata = metadata
    };
    return begin_call_as(worker, id, III_JOB, &said);
}

struct iii_call *
iii_call(struct iii_worker *worker, enum iii_purpose purpose, struct bytes function,
    struct bytes data, struct bytes metadata)
{
    struct iii_frame said = {
        .function_id = function, .data = data, .metadata = metadata
    };
    return begin_call(worker, purpose, &said);
}

struct iii_call *
iii_ask_for(struct hub *hub, const struct iii_frame *said, iii_done *done, void *self)
{
    const struct iii_entry *entry = hub_find(hub, III_FUNCTION, said->function_id);
    struct iii_call *call =
        entry == NULL ? NULL : begin_call(entry->worker, III_ASKED, said);
    if (call == NULL)
        return NULL;
    call->done = done;
    call->self = self;
    return call;
}

void
iii_ask_forget(struct iii_call **call)
{
    if (*call != NULL)
        (*call)->purpose = III_VOID;
    *call = NULL;
}

void
iii_ask_give_up(struct iii_call **call)
{
    if (*call == NULL)
        return;
    struct iii_worker *worker = (*call)->worker;
    hub_call_drop(call);
    iii_leave_if_idle(worker);
}

void
iii_fire(
    struct hub *hub, struct bytes function, struct bytes data, struct bytes metadata)
{
    const struct iii_entry *entry = hub_find(hub, III_FUNCTION, function);
    if (entry != NULL)
        (void)iii_call(entry->worker, III_VOID, function, data, metadata);
}

void
iii_stop(struct iii_worker *worker)
{
    struct list *next;
    for (struct list *at = worker->doing.next; at != &worker->doing; at = next) {
        struct iii_call *call = LIST_OF(at, struct iii_call, doing);
        struct iii_frame asked = { .invocation_id = text(call->id),
            .function_id = buffer_bytes(&call->function) };
        next = at->next;
        if (call->purpose == III_JOB)
            continue;
        if (call->purpose == III_ASKED) {
            tell_asker(call, NULL);
            continue;
        }
        if (call->caller != NULL)
            iii_refuse(
                call->caller, &asked, "invocation_stopped", text("Invocation stopped"));
        hub_call_drop(&call);
    }
    for (struct list *at = worker->asking.next; at != &worker->asking; at = next) {
        struct iii_call *call = LIST_OF(at, struct iii_call, asking);
        next = at->next;
        if (call->worker == NULL) {
            hub_call_drop(&call);
            continue;
        }
        list_remove(&call->asking);
        worker->asking_count--;
        call->caller = NULL;
    }
}

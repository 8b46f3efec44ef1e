#include "gateway/iii/ask.h"

#include "base/clock.h"
#include "base/wrong.h"
#include "gateway/bridge.h"
#include "gateway/iii/invoke.h"

#include <stdlib.h>

static void
forget(struct iii_question *question)
{
    list_remove(&question->link);
    holding_drop(&question->hub->gateway->waiting, &question->held);
    if (question->over != NULL)
        question->over(question);
    arena_free(&question->arena);
    free(question);
}

struct iii_question *
iii_question_new(struct iii_worker *caller, const struct iii_frame *asked,
    enum message_code code, enum actor_name to)
{
    struct iii_question *question = calloc(1, sizeof *question);
    if (question == NULL)
        WRONG("out of memory");
    if (asked->invocation_id.size > 0)
        memcpy(question->call, asked->invocation_id.data, III_UUID_SIZE);
    else
        iii_uuid_print(id_fresh(0).bytes, question->call);
    list_open(&question->link);
    question->hub = caller->hub;
    if (!holding_grow(
            &caller->hub->gateway->waiting, &question->held, asked->data.size)) {
        forget(question);
        iii_refuse(caller, asked, err_name(ERR_OVERLOADED),
            text("there is no room for so much data now: try again later"));
        return NULL;
    }
    if (hub_call(caller->hub, text(question->call), asked->function_id, NULL, caller,
            III_ANSWER)
        == NULL) {
        forget(question);
        iii_refuse(caller, asked, "invocation_error",
            text("too many invocations are under way, or this id is one of them"));
        return NULL;
    }
    question->asked = (struct iii_frame){
        .invocation_id = arena_copy(&question->arena, asked->invocation_id),
        .function_id = arena_copy(&question->arena, asked->function_id),
        .action = arena_copy(&question->arena, asked->action),
    };
    (void)iii_question_again(question, code, to);
    list_append(&caller->hub->questions, &question->link);
    return question;
}

struct message *
iii_question_again(
    struct iii_question *question, enum message_code code, enum actor_name to)
{
    struct id trace = question->message.envelope.trace;
    question->message = (struct message){ .code = code, .to = to };
    question->message.envelope.project = question->hub->project;
    question->message.envelope.trace = id_is_zero(&trace) ? id_fresh(0) : trace;
    return &question->message;
}

void
iii_question_drop(struct iii_question *question)
{
    struct iii_call *call = hub_call_find(question->hub, text(question->call));
    if (call != NULL)
        hub_call_drop(&call);
    forget(question);
}

static void
answered(void *self, const struct message *answer)
{
    struct iii_question *question = self;
    struct iii_call *call = hub_call_find(question->hub, text(question->call));
    bool waits = call != NULL && call->worker == NULL;
    if (waits && question->next != NULL) {
        if (question->next(question, call->caller, answer))
            return;
        hub_call_drop(&call);
    } else if (waits) {
        question->done(call->caller, &question->asked, answer);
        hub_call_drop(&call);
    }
    forget(question);
}

void
iii_ask(struct iii_question *question)
{
    struct bridge *bridge = question->hub->gateway->bridge;
    uint64_t number = bridge_ask(bridge, &question->message, answered, question);
    /* It is gone if it was answered at once. */
    if (number != 0)
        question->number = number;
}

void
iii_questions_forget(struct hub *hub)
{
    struct list *at;
    while ((at = list_first(&hub->questions)) != NULL) {
        struct iii_question *question = LIST_OF(at, struct iii_question, link);
        bridge_forget(hub->gateway->bridge, question->number);
        forget(question);
    }
}

bool
iii_passing(const struct message *answer)
{
    enum err err = answer->code == REFUSED ? refused_err(&answer->refused) : ERR_NONE;
    return err == ERR_BUSY || err == ERR_OVERLOADED || err == ERR_TIMEOUT
           || err == ERR_UNAVAILABLE;
}

void
iii_refused(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct refused *refused)
{
    iii_refuse(
        caller, asked, err_name(refused_err(refused)), refused_sentence(refused));
}

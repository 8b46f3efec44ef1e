#include "gateway/iii/condition.h"

#include "base/log.h"
#include "base/quoted.h"
#include "base/wrong.h"
#include "gateway/iii/invoke.h"
#include "gateway/said.h"

#include <stdlib.h>

/* A condition that is asked; its trigger may go meanwhile. */
struct question {
    struct hub *hub;
    struct buffer trigger, condition, data;
    size_t held; /* bytes of the data, of those that may wait */
};

static void
question_free(struct question **question)
{
    buffer_free(&(*question)->trigger);
    buffer_free(&(*question)->condition);
    buffer_free(&(*question)->data);
    holding_drop(&(*question)->hub->gateway->waiting, &(*question)->held);
    free(*question);
    *question = NULL;
}

static struct question *
question_new(const struct iii_entry *trigger, struct bytes condition, struct bytes data)
{
    struct question *question = calloc(1, sizeof *question);
    if (question == NULL)
        WRONG("out of memory");
    question->hub = trigger->worker->hub;
    buffer_append_bytes(&question->trigger, trigger->said.id);
    buffer_append_bytes(&question->condition, condition);
    buffer_append_bytes(&question->data, data);
    return question;
}

static void
fire(const struct iii_entry *trigger, struct bytes data)
{
    iii_fire(
        trigger->worker->hub, trigger->said.function_id, data, trigger->said.metadata);
}

static void
skip(const struct question *question, const char *why)
{
    log_line(LOG_UNUSUAL, "iii_condition_failed", "trigger=%s condition=%s why=%s",
        quoted(buffer_bytes(&question->trigger)).text,
        quoted(buffer_bytes(&question->condition)).text, why);
}

static void
answered(void *self, const struct iii_frame *result)
{
    struct question *question = self;
    const struct iii_entry *trigger =
        hub_find(question->hub, III_TRIGGER, buffer_bytes(&question->trigger));
    if (result == NULL)
        skip(question, "its_worker_left");
    else if (result->error.size > 0)
        skip(question, "it_failed");
    else if (trigger != NULL && !iii_says_no(result))
        fire(trigger, buffer_bytes(&question->data));
    question_free(&question);
}

bool
iii_condition_fits(struct bytes config, struct fault *fault)
{
    struct bytes found = pack_find(config, "condition_function_id");
    struct cursor c = cursor_over(found);
    if (found.size == 0 || cursor_type(&c) == PACK_NIL || cursor_type(&c) == PACK_TEXT)
        return true;
    (void)fault_set(fault, ERR_MALFORMED, "condition_function_id must be a text");
    return false;
}

void
iii_fire_if(const struct iii_entry *trigger, struct bytes data)
{
    struct bytes condition = said_text(trigger->said.config, "condition_function_id");
    if (condition.size == 0) {
        fire(trigger, data);
        return;
    }
    struct question *question = question_new(trigger, condition, data);
    struct iii_frame asked = { .function_id = condition, .data = data };
    bool room =
        holding_grow(&question->hub->gateway->waiting, &question->held, data.size);
    if (!room || iii_ask_for(question->hub, &asked, answered, question) == NULL) {
        skip(question, room ? "nobody_has_it" : "no_room_for_its_data");
        question_free(&question);
    }
}

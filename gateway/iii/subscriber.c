#include "gateway/iii/subscriber.h"

#include "base/clock.h"
#include "gateway/iii/ask.h"
#include "gateway/iii/queue_text.h"
#include "gateway/iii/trigger.h"
#include "gateway/said.h"

struct binding {
    struct bytes trigger, automation; /* its id, its name */
};

static bool
is_subscriber(struct bytes type)
{
    return bytes_equal(type, text("durable:subscriber"))
           || bytes_equal(type, text("queue"));
}

static struct bytes
topic_of(const struct iii_frame *trigger)
{
    struct bytes topic = said_text(trigger->config, "topic");
    return topic.size > 0 ? topic : said_text(trigger->config, "queue");
}

static bool
name_of(const struct iii_frame *trigger, struct buffer *name)
{
    return is_subscriber(trigger->trigger_type)
           && iii_queue_name(III_TOPIC, topic_of(trigger), trigger->function_id, name);
}

static struct bytes
keep(struct iii_question *question, struct buffer *made)
{
    struct bytes kept = arena_copy(&question->arena, buffer_bytes(made));
    buffer_free(made);
    return kept;
}

/* Nobody waits for an answer: the frame of the trigger asks for none. */
static struct iii_question *
question_of(
    const struct iii_entry *trigger, enum message_code code, struct buffer *name)
{
    struct iii_frame asked = { .function_id = trigger->said.trigger_type };
    struct iii_question *question =
        iii_question_new(trigger->worker, &asked, code, ACTOR_registry);
    if (question == NULL) {
        buffer_free(name);
        return NULL;
    }
    struct binding *binding = arena_take(&question->arena, sizeof *binding);
    *binding = (struct binding){
        .trigger = arena_copy(&question->arena, trigger->said.id),
        .automation = keep(question, name),
    };
    question->own = binding;
    return question;
}

static void
set_status(struct iii_question *question, enum automation_status status)
{
    const struct binding *binding = question->own;
    question->message.automation_set = (struct automation_set){
        .name = binding->automation,
        .status = status,
        .reason = text("its subscriber has unregistered"),
    };
    if (status == AUTOMATION_ACTIVE)
        question->message.automation_set.reason = (struct bytes){ 0 };
    iii_ask(question);
}

static bool
means(const struct iii_entry *trigger, struct bytes automation)
{
    struct buffer name = { 0 };
    bool same =
        name_of(&trigger->said, &name) && bytes_equal(buffer_bytes(&name), automation);
    buffer_free(&name);
    return same;
}

/* By a trigger other than this one. */
static bool
is_wanted(
    const struct hub *hub, struct bytes automation, const struct iii_entry *trigger)
{
    const struct list *all = &hub->entries[III_TRIGGER];
    for (struct list *at = all->next; at != all; at = at->next) {
        const struct iii_entry *other = LIST_OF(at, struct iii_entry, of_hub);
        if (other != trigger && means(other, automation))
            return true;
    }
    return false;
}

/* An automation that rests since its subscriber went goes on; one whose subscriber went
 * before it was there rests. */
static bool
bound(struct iii_question *question, struct iii_worker *caller,
    const struct message *answer)
{
    const struct binding *binding = question->own;
    struct iii_entry *trigger = hub_find(caller->hub, III_TRIGGER, binding->trigger);
    if (answer->code != DOCUMENT) {
        if (answer->code == REFUSED && trigger != NULL
            && means(trigger, binding->automation))
            trigger_failed(&trigger, refused_sentence(&answer->refused));
        return false;
    }
    if (question->message.code != AUTOMATION_APPLY)
        return false;
    bool wanted = is_wanted(caller->hub, binding->automation, NULL);
    if (!bytes_equal(said_text(answer->document.document, "status"),
            text(wanted ? "paused" : "active")))
        return false;
    (void)iii_question_again(question, AUTOMATION_SET, ACTOR_registry);
    set_status(question, wanted ? AUTOMATION_ACTIVE : AUTOMATION_PAUSED);
    return true;
}

bool
iii_subscriber_bind(struct iii_entry *trigger, struct fault *fault)
{
    struct iii_queue_config config = iii_topic_default;
    struct buffer name = { 0 }, definition = { 0 };
    if (iii_topic_config_read(trigger->said.config, &config, fault) != ERR_NONE)
        return false;
    if (!name_of(&trigger->said, &name)) {
        fault_set(fault, ERR_INVALID,
            "topic (or queue) and function must be texts without spaces, of at most "
            "114 "
            "bytes together");
        buffer_free(&name);
        return false;
    }
    iii_queue_text(&definition, buffer_bytes(&name), &config);
    struct iii_question *question = question_of(trigger, AUTOMATION_APPLY, &name);
    if (question != NULL) {
        question->message.automation_apply = (struct automation_apply){
            .definition = arena_copy(&question->arena, buffer_bytes(&definition)),
            .automation = id_fresh(0),
        };
        question->next = bound;
        iii_ask(question);
    }
    buffer_free(&definition);
    return true;
}

static void
ended(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct message *answer)
{
    (void)caller;
    (void)asked;
    (void)answer;
}

void
iii_subscriber_ended(const struct iii_entry *trigger)
{
    struct buffer name = { 0 };
    if (!name_of(&trigger->said, &name)
        || is_wanted(trigger->worker->hub, buffer_bytes(&name), trigger)) {
        buffer_free(&name);
        return;
    }
    struct iii_question *question = question_of(trigger, AUTOMATION_SET, &name);
    if (question == NULL)
        return;
    question->done = ended;
    set_status(question, AUTOMATION_PAUSED);
}

void
iii_subscriber_replaced(const struct iii_entry *trigger, const struct iii_frame *by)
{
    struct buffer name = { 0 }, next = { 0 };
    bool stays = name_of(&trigger->said, &name) && name_of(by, &next)
                 && bytes_equal(buffer_bytes(&name), buffer_bytes(&next));
    buffer_free(&name);
    buffer_free(&next);
    if (!stays)
        iii_subscriber_ended(trigger);
}

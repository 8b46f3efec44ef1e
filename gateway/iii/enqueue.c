#include "gateway/iii/enqueue.h"

#include "base/clock.h"
#include "base/pack.h"
#include "base/wrong.h"
#include "gateway/iii/ask.h"
#include "gateway/iii/functions.h"
#include "gateway/iii/invoke.h"
#include "gateway/iii/queue_text.h"
#include "gateway/said.h"

#include <stdlib.h>

enum {
    RECEIPT_MAX = 200,
    WRAPPING = 64, /* bytes around the data */
    ROUTES_MAX = 10000
};

/* An automation for a queue and a function, as far as this gateway knows. */
struct queue_route {
    struct list link;   /* of the hub */
    struct buffer name; /* of the automation */
    struct buffer queue, group;
    bool there;       /* its latest text is the right one */
    uint32_t changes; /* of what is set for the queue, that were heard of */
    bool fifo;
    uint32_t preparing; /* messages that see to it; later ones must not overtake them */
    uint32_t messages;  /* all that are under way */
};

static void
route_free(struct hub *hub, struct queue_route *route)
{
    map_remove(&hub->queue_route_by_name, buffer_bytes(&route->name));
    list_remove(&route->link);
    buffer_free(&route->name);
    buffer_free(&route->queue);
    buffer_free(&route->group);
    free(route);
}

static struct queue_route *
route_new(struct hub *hub, struct bytes name, struct bytes queue)
{
    struct queue_route *route = calloc(1, sizeof *route);
    if (route == NULL)
        WRONG("out of memory");
    buffer_append_bytes(&route->name, name);
    buffer_append_bytes(&route->queue, queue);
    list_append(&hub->queue_routes, &route->link);
    map_put(&hub->queue_route_by_name, buffer_bytes(&route->name), route);
    return route;
}

void
iii_routes_forget(struct hub *hub)
{
    struct list *at;
    while ((at = list_first(&hub->queue_routes)) != NULL)
        route_free(hub, LIST_OF(at, struct queue_route, link));
    map_free(&hub->queue_route_by_name);
}

static void
route_change(struct queue_route *route)
{
    route->there = false;
    route->changes++;
}

/* What was set for the queue is another thing now. */
static void
routes_change(struct hub *hub, struct bytes queue)
{
    struct list *all = &hub->queue_routes;
    for (struct list *at = all->next; at != all; at = at->next) {
        struct queue_route *route = LIST_OF(at, struct queue_route, link);
        if (bytes_equal(buffer_bytes(&route->queue), queue))
            route_change(route);
    }
}

/* ---- one message ---- */

/*           not set                     there already
 *  ASKED ----------> DEFINED ------> APPLIED ------> STARTED
 *     \_____________ is set __________/^
 */
enum stage { QUEUE_ASKED, QUEUE_DEFINED, TEXT_APPLIED, RUN_BEGUN };

struct message_of {
    enum stage stage;
    struct queue_route *route;
    bool preparing;
    uint32_t changes; /* of its route, when the queue was asked about */
    struct bytes queue, function, data, receipt;
    char fresh[III_UUID_SIZE + 1];
};

static void
fail(const struct iii_worker *caller, const struct iii_question *question,
    struct bytes why)
{
    iii_refuse(caller, &question->asked, "enqueue_error", why);
}

static bool
failed(const struct iii_worker *caller, const struct iii_question *question,
    const struct message *answer)
{
    fail(caller, question,
        answer->code == REFUSED ? refused_sentence(&answer->refused)
                                : text("nothing was enqueued"));
    return false;
}

static struct bytes
keep(struct iii_question *question, struct buffer *made)
{
    struct bytes kept = arena_copy(&question->arena, buffer_bytes(made));
    buffer_free(made);
    return kept;
}

/* Of a fifo queue the value of its field names the group. */
static bool
group_of(const struct message_of *said, struct bytes *group)
{
    struct bytes field = buffer_bytes(&said->route->group);
    struct buffer name = { 0 };
    buffer_append_bytes(&name, field);
    buffer_append(&name, "", 1);
    *group = pack_find(said->data, (const char *)name.data);
    buffer_free(&name);
    struct cursor c = cursor_over(*group);
    return group->size > 0
           && (cursor_type(&c) == PACK_TEXT || cursor_type(&c) == PACK_UNSIGNED);
}

static bool
start(struct iii_question *question, const struct iii_worker *caller)
{
    struct message_of *said = question->own;
    struct gateway *g = question->hub->gateway;
    struct bytes group = { 0 };
    struct buffer inputs = { 0 };
    if (said->route->fifo && !group_of(said, &group)) {
        fail(caller, question,
            text("the data has no text or whole number in the message_group_field"));
        return false;
    }
    pack_map(&inputs, group.size > 0 ? 2 : 1);
    pack_string(&inputs, "data");
    pack_raw(&inputs, pack_or_nil(said->data));
    if (group.size > 0) {
        pack_string(&inputs, "group");
        buffer_append_bytes(&inputs, group);
    }
    if (pack_check_payload(buffer_bytes(&inputs)) != ERR_NONE) {
        buffer_free(&inputs);
        fail(caller, question, text("the data is nested deeper than 30 levels"));
        return false;
    }
    struct message *m = iii_question_again(question, RUN_START, ACTOR_scheduler);
    m->to_instance = gateway_partition(g, &question->hub->project, said->receipt);
    m->envelope.partition = m->to_instance;
    m->run_start = (struct run_start){
        .run = id_fresh(m->to_instance),
        .automation = arena_copy(&question->arena, buffer_bytes(&said->route->name)),
        .key = said->receipt,
        .inputs = keep(question, &inputs),
        .source = text("iii"),
    };
    said->stage = RUN_BEGUN;
    iii_uuid_print(m->run_start.run.bytes, said->fresh);
    iii_ask(question);
    return true;
}

static bool
apply(struct iii_question *question, const struct iii_queue_config *config)
{
    struct message_of *said = question->own;
    struct buffer definition = { 0 };
    iii_queue_text(&definition, buffer_bytes(&said->route->name), config);
    said->route->fifo = config->fifo;
    buffer_set(&said->route->group, config->group);
    struct message *m = iii_question_again(question, AUTOMATION_APPLY, ACTOR_registry);
    m->automation_apply = (struct automation_apply){
        .definition = keep(question, &definition),
        .automation = id_fresh(0),
    };
    said->stage = TEXT_APPLIED;
    iii_ask(question);
    return true;
}

/* Nobody has said anything of this queue: it is as iii has them. */
static bool
define(struct iii_question *question)
{
    struct message_of *said = question->own;
    struct buffer lane = { 0 }, settings = { 0 };
    iii_queue_lane(said->queue, &lane);
    iii_queue_config_pack(&settings, &iii_queue_default);
    struct message *m = iii_question_again(question, QUEUE_SET, ACTOR_registry);
    m->queue_set = (struct queue_set){
        .queue = keep(question, &lane),
        .limit = iii_queue_default.concurrency,
        .settings = keep(question, &settings),
    };
    said->stage = QUEUE_DEFINED;
    iii_ask(question);
    return true;
}

static bool
queue_said(struct iii_question *question, const struct iii_worker *caller,
    const struct message *answer)
{
    struct iii_queue_config config = iii_queue_default;
    struct fault fault = { 0 };
    if (answer->code == REFUSED && refused_err(&answer->refused) == ERR_NOT_FOUND)
        return define(question);
    if (answer->code != DOCUMENT)
        return failed(caller, question, answer);
    if (iii_queue_config_read(
            pack_find(answer->document.document, "settings"), &config, &fault)
        != ERR_NONE) {
        fail(caller, question, text(fault.detail));
        return false;
    }
    return apply(question, &config);
}

static bool
begun(struct iii_question *question, const struct iii_worker *caller,
    const struct message *answer)
{
    const struct message_of *said = question->own;
    struct buffer out = { 0 };
    if (answer->code != RUN_ACCEPTED)
        return failed(caller, question, answer);
    pack_map(&out, 1);
    pack_string(&out, "messageReceiptId");
    pack_text(&out, said->receipt.size > 0 ? said->receipt : text(said->fresh));
    iii_answer(caller, &question->asked, buffer_bytes(&out));
    buffer_free(&out);
    return false;
}

static bool
go_on(struct iii_question *question, struct iii_worker *caller,
    const struct message *answer)
{
    struct message_of *said = question->own;
    switch (said->stage) {
    case QUEUE_ASKED:
    case QUEUE_DEFINED: return queue_said(question, caller, answer);
    case TEXT_APPLIED:
        if (answer->code != DOCUMENT)
            return failed(caller, question, answer);
        /* Unless it was asked about before it was changed. */
        said->route->there = said->changes == said->route->changes;
        return start(question, caller);
    case RUN_BEGUN: return begun(question, caller, answer);
    }
    return false;
}

/* What could not be seen to is not remembered. */
static void
over(struct iii_question *question)
{
    const struct message_of *said = question->own;
    struct queue_route *route = said->route;
    route->preparing -= said->preparing;
    if (--route->messages == 0 && !route->there)
        route_free(question->hub, route);
}

/* Jobs go to functions that are for others; one that nobody has yet may become one. */
static bool
is_action(const struct hub *hub, struct bytes function)
{
    const struct iii_entry *entry = hub_find(hub, III_FUNCTION, function);
    return iii_function(function) == NULL && (entry == NULL || !entry->internal);
}

/* Why this can be no message, or NULL. */
static const char *
mistake_in(const struct hub *hub, const struct message_of *said, struct buffer *name)
{
    if (!is_action(hub, said->function))
        return "functions of the engine, and internal ones, cannot be enqueued";
    if (said->data.size + WRAPPING > hub->gateway->child.config.payload_max)
        return "the data is larger than payload_max";
    if (said->receipt.size > RECEIPT_MAX)
        return "messageReceiptId must be a text of at most 200 bytes";
    if (!iii_queue_name(III_QUEUE, said->queue, said->function, name))
        return "queue and function must be texts without spaces, 114 bytes together";
    return hub->queue_route_by_name.count >= ROUTES_MAX
                   && map_get(&hub->queue_route_by_name, buffer_bytes(name)) == NULL
               ? "too many queues and functions are in use"
               : NULL;
}

static void
enqueue(
    struct iii_worker *caller, const struct iii_frame *asked, struct message_of said)
{
    struct hub *hub = caller->hub;
    struct buffer name = { 0 }, lane = { 0 };
    if ((caller->key->scopes & SCOPE_START) == 0 || caller->key->revoked) {
        iii_refuse(caller, asked, "FORBIDDEN", text("the key may not enqueue"));
        return;
    }
    const char *mistake = mistake_in(hub, &said, &name);
    if (mistake != NULL) {
        iii_refuse(caller, asked, "enqueue_error", text(mistake));
        buffer_free(&name);
        return;
    }
    struct iii_question *question =
        iii_question_new(caller, asked, QUEUE_GET, ACTOR_registry);
    if (question != NULL) {
        struct arena *arena = &question->arena;
        struct message_of *own = arena_take(arena, sizeof *own);
        struct queue_route *route =
            map_get(&hub->queue_route_by_name, buffer_bytes(&name));
        if (route == NULL)
            route = route_new(hub, buffer_bytes(&name), said.queue);
        *own = (struct message_of){
            .route = route,
            .preparing = !route->there || route->preparing > 0,
            .changes = route->changes,
            .queue = buffer_bytes(&route->queue),
            .data = arena_copy(arena, said.data),
            .receipt = arena_copy(arena, said.receipt),
        };
        route->preparing += own->preparing;
        route->messages++;
        question->own = own;
        question->next = go_on;
        question->over = over;
        iii_queue_lane(said.queue, &lane);
        question->message.queue_get.queue = keep(question, &lane);
        if (own->preparing)
            iii_ask(question);
        else if (!start(question, caller))
            iii_question_drop(question);
    }
    buffer_free(&name);
}

void
iii_enqueue_call(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct message_of said = {
        .queue = said_text(asked->action, "queue"),
        .function = asked->function_id,
        .data = asked->data,
    };
    enqueue(caller, asked, said);
}

void
iii_enqueue(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct message_of said = {
        .queue = said_text(asked->data, "queue"),
        .function = said_text(asked->data, "function_id"),
        .data = pack_find(asked->data, "data"),
        .receipt = said_text(asked->data, "messageReceiptId"),
    };
    enqueue(caller, asked, said);
}

/* ---- what is set for a queue ---- */

static void
defined(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct message *answer)
{
    struct buffer out = { 0 };
    struct bytes lane, queue;
    if (answer->code != DOCUMENT) {
        iii_refused(caller, asked, &answer->refused);
        return;
    }
    lane = said_text(answer->document.document, "name");
    queue = bytes_of(lane.data + sizeof "iii." - 1, lane.size - (sizeof "iii." - 1));
    routes_change(caller->hub, queue);
    pack_map(&out, 2);
    pack_string(&out, "queue");
    pack_text(&out, queue);
    pack_string(&out, "changed");
    buffer_append_bytes(&out, pack_find(answer->document.document, "changed"));
    iii_answer(caller, asked, buffer_bytes(&out));
    buffer_free(&out);
}

void
iii_queue_define(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct iii_queue_config config = iii_queue_default;
    struct fault fault = { 0 };
    struct buffer lane = { 0 }, settings = { 0 }, name = { 0 };
    struct bytes queue = said_text(asked->data, "queue");
    bool named = iii_queue_name(III_QUEUE, queue, text("f"), &name);
    buffer_free(&name);
    if ((caller->key->scopes & SCOPE_START) == 0 || caller->key->revoked) {
        iii_refuse(caller, asked, "FORBIDDEN", text("the key may not define queues"));
        return;
    }
    if (!named
        || iii_queue_config_read(pack_find(asked->data, "config"), &config, &fault)
               != ERR_NONE) {
        iii_refuse(caller, asked, "INVALID_ARGUMENTS",
            named ? text(fault.detail)
                  : text("queue must be a text without spaces of at most 113 bytes"));
        return;
    }
    struct iii_question *question =
        iii_question_new(caller, asked, QUEUE_SET, ACTOR_registry);
    if (question == NULL)
        return;
    iii_queue_lane(queue, &lane);
    iii_queue_config_pack(&settings, &config);
    question->message.queue_set = (struct queue_set){
        .queue = keep(question, &lane),
        .limit = config.concurrency,
        .settings = keep(question, &settings),
    };
    question->done = defined;
    iii_ask(question);
}

/* ---- topics ---- */

static void
published(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct message *answer)
{
    if (answer->code == DOCUMENT)
        iii_answer(caller, asked, (struct bytes){ 0 });
    else
        iii_refused(caller, asked, &answer->refused);
}

void
iii_durable_publish(struct iii_worker *caller, const struct iii_frame *asked)
{
    struct bytes topic = said_text(asked->data, "topic");
    struct buffer data = { 0 };
    char id[III_UUID_SIZE + 1];
    if (topic.size == 0)
        topic = said_text(asked->data, "queue");
    if ((caller->key->scopes & SCOPE_START) == 0 || caller->key->revoked) {
        iii_refuse(caller, asked, "FORBIDDEN", text("the key may not publish"));
        return;
    }
    if (topic.size == 0) {
        iii_refuse(caller, asked, "topic_not_set",
            text("topic must be a text that is not empty"));
        return;
    }
    struct iii_question *question =
        iii_question_new(caller, asked, EVENT_PUBLISH, ACTOR_trigger);
    if (question == NULL)
        return;
    pack_map(&data, 2);
    pack_string(&data, "topic");
    pack_text(&data, topic);
    pack_string(&data, "data");
    pack_raw(&data, pack_or_nil(pack_find(asked->data, "data")));
    /* Said twice it is still one event. */
    iii_uuid_print(id_fresh(0).bytes, id);
    question->message.event_publish = (struct event_publish){
        .id = arena_copy(&question->arena, text(id)),
        .type = text("iii.topic"),
        .source = text("iii"),
        .data = keep(question, &data),
    };
    question->done = published;
    iii_ask(question);
}

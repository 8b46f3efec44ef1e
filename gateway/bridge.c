#include "gateway/bridge.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pace.h"
#include "base/wrong.h"
#include "gateway/line.h"

#include <assert.h>
#include <stdlib.h>

/* A number is a serial and a place.  Serials of a life begin at its start in 1/64 ms:
 * later than all of the life before, which asked less than 64 questions a millisecond.
 * Counted from 2020 on, the highest bit, which marks sessions, stays free until 2054.
 *
 * What is asked again gets another number.  It may be done then though it was refused
 * before, so a refusal counts only under the last number; what was done once stays
 * done.
 */
enum { PLACE_BITS = 17, SERIALS_PER_MS = 64 };
static const uint64_t begin_2020_ms = 1577836800000;

/* One that is out for so long waits for somebody else than its actor's turn: it does
 * not keep others from being sent. */
enum { LATE_US = 1000000, US_PER_MS = 1000 };

struct asker {
    struct id project;
    size_t count; /* its questions, wherever they are */
};

/* What lies before an actor.
 *
 *   line --- its turn ---> out --- answered ---> (gone)
 *                           \____ late ________> (still asked)
 */
struct desk {
    struct bridge *bridge;
    struct line line;
    struct list out; /* those that the pace counts, oldest first */
    size_t out_count;
    struct pace pace;
    struct alarm alarm; /* somebody waits, and all of `out` will be late */
};

struct question {
    struct alarm alarm;
    struct list link;
    struct bridge *bridge;
    struct desk *desk;
    struct asker *asker;
    struct waiter waiter;
    struct list out;  /* of the desk, or none */
    uint64_t sent_us; /* monotonic; 0: it was not sent yet */
    uint64_t number;  /* 0: free */
    uint64_t asked;   /* the number under which it was said last */
    struct message *message;
    bridge_done *done;
    void *self;
};

struct bridge {
    struct mailbox *mailbox;
    struct alarms *alarms;
    struct list asked; /* oldest first */
    struct question *questions;
    uint32_t *free_places; /* a stack */
    size_t free_count, count_max;
    uint64_t serial;
    struct bridge_limits limits;
    struct map askers;
    bool closing; /* nothing is sent any more */
    struct desk desks[ACTOR_COUNT + SCHEDULERS_MAX];
};

static void desk_run(struct desk *desk);

static void
ring_desk(struct alarm *alarm)
{
    desk_run(LIST_OF(alarm, struct desk, alarm));
}

static struct desk *
desk_of(struct bridge *bridge, const struct message *m)
{
    assert(m->to_instance < SCHEDULERS_MAX);
    size_t i = m->to == ACTOR_scheduler ? ACTOR_COUNT + m->to_instance : (size_t)m->to;
    return &bridge->desks[i];
}

static void
desks_open(struct bridge *bridge)
{
    for (size_t i = 0; i < COUNT(bridge->desks); i++) {
        struct desk *desk = &bridge->desks[i];
        desk->bridge = bridge;
        desk->alarm.ring = ring_desk;
        line_open(&desk->line);
        list_open(&desk->out);
        pace_open(&desk->pace, (uint32_t)bridge->count_max);
    }
}

struct bridge *
bridge_new(
    struct mailbox *mailbox, struct alarms *alarms, const struct bridge_limits *limits)
{
    struct bridge *bridge = calloc(1, sizeof *bridge);
    size_t questions_max = limits->questions_max;
    assert(questions_max < (size_t)1 << PLACE_BITS);
    if (bridge == NULL)
        WRONG("out of memory");
    bridge->questions = calloc(questions_max, sizeof *bridge->questions);
    bridge->free_places = calloc(questions_max, sizeof *bridge->free_places);
    if (bridge->questions == NULL || bridge->free_places == NULL)
        WRONG("out of memory");
    bridge->mailbox = mailbox;
    bridge->alarms = alarms;
    bridge->limits = *limits;
    bridge->serial = (clock_unix_ms() - begin_2020_ms) * SERIALS_PER_MS;
    list_open(&bridge->asked);
    bridge->free_count = bridge->count_max = questions_max;
    for (size_t i = 0; i < questions_max; i++)
        bridge->free_places[i] = (uint32_t)(questions_max - 1 - i);
    desks_open(bridge);
    return bridge;
}

void
bridge_free(struct bridge **out)
{
    struct bridge *bridge = *out;
    if (bridge == NULL)
        return;
    bridge->closing = true;
    while (!list_empty(&bridge->asked))
        bridge_forget(
            bridge, LIST_OF(list_first(&bridge->asked), struct question, link)->number);
    for (size_t i = 0; i < COUNT(bridge->desks); i++)
        line_close(&bridge->desks[i].line);
    map_free(&bridge->askers);
    free(bridge->questions);
    free(bridge->free_places);
    free(bridge);
    *out = NULL;
}

/* By any number under which it was asked. */
static struct question *
question_asked(const struct bridge *bridge, uint64_t number)
{
    size_t place = number & (((size_t)1 << PLACE_BITS) - 1);
    if (number == 0 || place >= bridge->count_max)
        return NULL;
    struct question *q = &bridge->questions[place];
    return q->number != 0 && q->number <= number && number <= q->asked ? q : NULL;
}

static struct question *
question_of(const struct bridge *bridge, uint64_t number)
{
    struct question *q = question_asked(bridge, number);
    return q != NULL && q->number == number ? q : NULL;
}

static struct asker *
asker_new(struct bridge *bridge, const struct id *project)
{
    struct asker *asker = calloc(1, sizeof *asker);
    if (asker == NULL)
        WRONG("out of memory");
    asker->project = *project;
    map_put(&bridge->askers, id_bytes(&asker->project), asker);
    return asker;
}

/* The pace counts it no more. */
static void
desk_take_back(struct question *q)
{
    if (list_empty(&q->out))
        return;
    list_remove(&q->out);
    q->desk->out_count--;
}

static void
desk_send(struct question *q, uint64_t now_us)
{
    struct desk *desk = q->desk;
    q->sent_us = now_us;
    list_append(&desk->out, &q->out);
    desk->out_count++;
    mailbox_send(q->bridge->mailbox, q->message);
}

/* How many are out and not late. */
static size_t
desk_out(struct desk *desk, uint64_t now_us)
{
    struct list *at;
    while ((at = list_first(&desk->out)) != NULL) {
        struct question *q = LIST_OF(at, struct question, out);
        if (q->sent_us + LATE_US > now_us)
            break;
        desk_take_back(q);
    }
    return desk->out_count;
}

/* Send what may be sent; who is left is looked at again when all of those are late. */
static void
desk_run(struct desk *desk)
{
    struct bridge *bridge = desk->bridge;
    uint64_t now_us = clock_monotonic_us();
    if (bridge->closing)
        return;
    while (!line_empty(&desk->line) && desk_out(desk, now_us) < desk->pace.window) {
        struct waiter *waiter = line_next(&desk->line, now_us);
        desk_send(LIST_OF(waiter, struct question, waiter), now_us);
    }
    alarm_clear(bridge->alarms, &desk->alarm);
    if (line_empty(&desk->line))
        return;
    pace_short(&desk->pace);
    alarm_set(bridge->alarms, &desk->alarm, (now_us + LATE_US) / US_PER_MS);
}

static void
release(struct bridge *bridge, struct question *q)
{
    struct asker *asker = q->asker;
    alarm_clear(bridge->alarms, &q->alarm);
    list_remove(&q->link);
    line_leave(&q->desk->line, &q->waiter);
    desk_take_back(q);
    q->number = 0;
    bridge->free_places[bridge->free_count++] = (uint32_t)(q - bridge->questions);
    if (--asker->count == 0) {
        map_remove(&bridge->askers, id_bytes(&asker->project));
        free(asker);
    }
    desk_run(q->desk);
}

static void
refuse(bridge_done *done, void *self, enum err err)
{
    struct message m = { .code = REFUSED, .refused = { .err = err } };
    done(self, &m);
}

/* What was never sent will not be done, and what was may be. */
static void
give_up(struct alarm *alarm)
{
    struct question *q = LIST_OF(alarm, struct question, alarm);
    bridge_done *done = q->done;
    void *self = q->self;
    bool sent = q->sent_us != 0;
    release(q->bridge, q);
    refuse(done, self, sent ? ERR_TIMEOUT : ERR_OVERLOADED);
}

/* May it ask?  No project has more questions than there are places for others; and
 * nobody joins a line that takes longer than anybody should wait. */
static enum err
admit(struct bridge *bridge, const struct message *m, const struct asker *asker)
{
    uint64_t wait_max_us = (uint64_t)bridge->limits.wait_ms * US_PER_MS;
    if (!mailbox_heard(bridge->mailbox, m->to, m->to_instance))
        return ERR_UNAVAILABLE;
    if (message_size(m) > bridge->limits.message_max)
        return ERR_TOO_LARGE;
    if (bridge->free_count == 0 || (asker != NULL && asker->count > bridge->free_count))
        return ERR_BUSY;
    if (line_expect_us(&desk_of(bridge, m)->line, &m->envelope.project) > wait_max_us)
        return ERR_OVERLOADED;
    return ERR_NONE;
}

uint64_t
bridge_ask(struct bridge *bridge, struct message *m, bridge_done *done, void *self)
{
    struct asker *asker = map_get(&bridge->askers, id_bytes(&m->envelope.project));
    uint64_t now_us = clock_monotonic_us();
    bool alone = asker == NULL;
    enum err err = admit(bridge, m, asker);
    if (err != ERR_NONE) {
        refuse(done, self, err);
        return 0;
    }
    if (asker == NULL)
        asker = asker_new(bridge, &m->envelope.project);
    asker->count++;
    size_t place = bridge->free_places[--bridge->free_count];
    struct question *q = &bridge->questions[place];
    uint64_t number = ++bridge->serial << PLACE_BITS | place;
    *q = (struct question){
        .alarm = { .ring = give_up },
        .bridge = bridge,
        .desk = desk_of(bridge, m),
        .asker = asker,
        .number = number,
        .asked = number,
        .message = m,
        .done = done,
        .self = self,
    };
    list_open(&q->out);
    message_ask(m, number);
    m->envelope.deadline_ms = clock_unix_ms() + bridge->limits.patience_ms;
    list_append(&bridge->asked, &q->link);
    alarm_set(
        bridge->alarms, &q->alarm, now_us / US_PER_MS + bridge->limits.patience_ms);
    /* A project that asks for nothing else waits for no place: there are as many again
     * for such. */
    if (alone && desk_out(q->desk, now_us) < 2 * (size_t)q->desk->pace.window)
        desk_send(q, now_us);
    else
        line_join(&q->desk->line, &m->envelope.project, &q->waiter, now_us);
    desk_run(q->desk);
    return number;
}

void
bridge_forget(struct bridge *bridge, uint64_t number)
{
    struct question *q = question_of(bridge, number);
    if (q != NULL)
        release(bridge, q);
}

bool
bridge_hear(struct bridge *bridge, const struct message *answer)
{
    uint64_t number;
    assert(strcmp(message_shapes[answer->code].fields[0].name, "request") == 0);
    memcpy(&number, answer->body, sizeof number);
    struct question *q = question_asked(bridge, number);
    if (q == NULL || q->message->to != answer->envelope.from
        || (answer->code == REFUSED && number != q->asked))
        return false;
    bridge_done *done = q->done;
    void *self = q->self;
    if (!list_empty(&q->out))
        pace_answered(&q->desk->pace, clock_monotonic_us() - q->sent_us);
    else
        pace_late(&q->desk->pace);
    release(bridge, q);
    done(self, answer);
    return true;
}

void
bridge_resend(struct bridge *bridge, enum actor_name actor, uint32_t instance)
{
    for (struct list *at = bridge->asked.next; at != &bridge->asked; at = at->next) {
        struct question *q = LIST_OF(at, struct question, link);
        struct message *m = q->message;
        if (m->to != actor || m->to_instance != instance || q->sent_us == 0)
            continue;
        q->asked = ++bridge->serial << PLACE_BITS | (size_t)(q - bridge->questions);
        message_ask_again(m, q->asked);
        mailbox_send(bridge->mailbox, m);
    }
}

size_t
bridge_count(const struct bridge *bridge)
{
    return bridge->count_max - bridge->free_count;
}

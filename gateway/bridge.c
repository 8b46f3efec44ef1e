#include "gateway/bridge.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/wrong.h"

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

struct question {
    struct alarm alarm;
    struct list link;
    struct bridge *bridge;
    uint64_t number; /* 0: free */
    uint64_t asked;  /* the number under which it was said last */
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
    uint32_t patience_ms;
};

struct bridge *
bridge_new(struct mailbox *mailbox, struct alarms *alarms, size_t questions_max,
    uint32_t patience_ms)
{
    struct bridge *bridge = calloc(1, sizeof *bridge);
    assert(questions_max < (size_t)1 << PLACE_BITS);
    if (bridge == NULL)
        WRONG("out of memory");
    bridge->questions = calloc(questions_max, sizeof *bridge->questions);
    bridge->free_places = calloc(questions_max, sizeof *bridge->free_places);
    if (bridge->questions == NULL || bridge->free_places == NULL)
        WRONG("out of memory");
    bridge->mailbox = mailbox;
    bridge->alarms = alarms;
    bridge->patience_ms = patience_ms;
    bridge->serial = (clock_unix_ms() - begin_2020_ms) * SERIALS_PER_MS;
    list_open(&bridge->asked);
    bridge->free_count = bridge->count_max = questions_max;
    for (size_t i = 0; i < questions_max; i++)
        bridge->free_places[i] = (uint32_t)(questions_max - 1 - i);
    return bridge;
}

void
bridge_free(struct bridge **out)
{
    struct bridge *bridge = *out;
    if (bridge == NULL)
        return;
    while (!list_empty(&bridge->asked))
        bridge_forget(
            bridge, LIST_OF(list_first(&bridge->asked), struct question, link)->number);
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

static void
release(struct bridge *bridge, struct question *q)
{
    alarm_clear(bridge->alarms, &q->alarm);
    list_remove(&q->link);
    q->number = 0;
    bridge->free_places[bridge->free_count++] = (uint32_t)(q - bridge->questions);
}

static void
refuse(bridge_done *done, void *self, enum err err)
{
    struct message m = { .code = REFUSED, .refused = { .err = err } };
    done(self, &m);
}

static void
give_up(struct alarm *alarm)
{
    struct question *q = LIST_OF(alarm, struct question, alarm);
    bridge_done *done = q->done;
    void *self = q->self;
    release(q->bridge, q);
    refuse(done, self, ERR_TIMEOUT);
}

uint64_t
bridge_ask(struct bridge *bridge, struct message *m, bridge_done *done, void *self)
{
    assert(strcmp(message_shapes[m->code].fields[0].name, "request") == 0);
    if (!mailbox_heard(bridge->mailbox, m->to, m->to_instance)) {
        refuse(done, self, ERR_UNAVAILABLE);
        return 0;
    }
    if (bridge->free_count == 0) {
        refuse(done, self, ERR_BUSY);
        return 0;
    }
    size_t place = bridge->free_places[--bridge->free_count];
    struct question *q = &bridge->questions[place];
    uint64_t number = ++bridge->serial << PLACE_BITS | place;
    *q = (struct question){
        .alarm = { .ring = give_up },
        .bridge = bridge,
        .number = number,
        .asked = number,
        .message = m,
        .done = done,
        .self = self,
    };
    memcpy(m->body, &number, sizeof number);
    m->envelope.deadline_ms = clock_unix_ms() + bridge->patience_ms;
    list_append(&bridge->asked, &q->link);
    alarm_set(bridge->alarms, &q->alarm, clock_monotonic_ms() + bridge->patience_ms);
    mailbox_send(bridge->mailbox, m);
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
        if (m->to != actor || m->to_instance != instance)
            continue;
        q->asked = ++bridge->serial << PLACE_BITS | (size_t)(q - bridge->questions);
        memcpy(m->body, &q->asked, sizeof q->asked);
        mailbox_send(bridge->mailbox, m);
    }
}

size_t
bridge_count(const struct bridge *bridge)
{
    return bridge->count_max - bridge->free_count;
}

/* ask - functions whose answer an actor has: the caller waits until it is there. */
#ifndef GATEWAY_III_ASK_H
#define GATEWAY_III_ASK_H
#include "base/arena.h"
#include "gateway/iii/hub.h"
#include "transport/messages.h"

struct iii_question {
    struct list link; /* of the hub */
    struct hub *hub;
    uint64_t number; /* at the bridge */
    char call[III_UUID_SIZE + 1];
    struct message message;
    struct arena arena; /* what the message borrows */
    size_t held;        /* bytes of it, of those that may wait */
    struct iii_frame asked;
    void (*done)(const struct iii_worker *caller, const struct iii_frame *asked,
        const struct message *answer);
    /* In its place, of what takes several answers; true: the next question was asked.
     */
    bool (*next)(struct iii_question *question, struct iii_worker *caller,
        const struct message *answer);
    void *own; /* of `next`; lies in the arena */
    /* It is over, however that came; NULL: nobody minds. */
    void (*over)(struct iii_question *question);
};

/* A question of the caller's project; NULL: it was refused.  Fill in its message, then
 * ask it; `done` is called at most once, and not if the caller left. */
struct iii_question *iii_question_new(struct iii_worker *caller,
    const struct iii_frame *asked, enum message_code code, enum actor_name to);
void iii_ask(struct iii_question *question);
/* Nothing is asked, and its caller was answered. */
void iii_question_drop(struct iii_question *question);
/* Begin the next message of the same question. */
struct message *iii_question_again(
    struct iii_question *question, enum message_code code, enum actor_name to);
/* All of a hub. */
void iii_questions_forget(struct hub *hub);

/* Was it refused for want of time or room, and not for what it is? */
bool iii_passing(const struct message *answer);
/* Pass a refusal on. */
void iii_refused(const struct iii_worker *caller, const struct iii_frame *asked,
    const struct refused *refused);
#endif

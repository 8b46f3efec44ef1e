/* invoke - functions are called by passing on what their caller said; whoever does it
 * answers, and the answer finds its way back by the id of the invocation.
 */
#ifndef GATEWAY_III_INVOKE_H
#define GATEWAY_III_INVOKE_H
#include "gateway/iii/hub.h"

/* The page on which the next frame is written. */
struct buffer *iii_page(const struct hub *hub);
/* Say it.  False if the worker is away or does not read. */
bool iii_say(const struct iii_worker *worker);

/* Answer who asked, if it wants to hear it: nil is no result. */
void iii_answer(const struct iii_worker *worker, const struct iii_frame *asked,
    struct bytes result);
void iii_refuse(const struct iii_worker *worker, const struct iii_frame *asked,
    const char *code, struct bytes message);

/* A worker calls a function. */
void iii_invoke(struct iii_worker *worker, const struct iii_frame *said);
/* A worker has done one. */
void
iii_result(struct iii_worker *worker, struct bytes frame, const struct iii_frame *said);
/* The engine calls a function of `worker`; nobody waits for what comes of it, unless it
 * is a condition.  NULL if it cannot be told. */
struct iii_call *iii_call(struct iii_worker *worker, enum iii_purpose purpose,
    struct bytes function, struct bytes data, struct bytes metadata);
/* The same, a job with this id. */
struct iii_call *iii_call_job(struct iii_worker *worker, const char *id,
    struct bytes function, struct bytes data, struct bytes metadata);
/* The same, of whoever has this function, if anybody. */
void iii_fire(
    struct hub *hub, struct bytes function, struct bytes data, struct bytes metadata);
/* The same, for a part of the gateway, which hears what comes of it.  NULL: nobody has
 * the function, or it cannot be told; then `done` is not called. */
struct iii_call *
iii_ask_for(struct hub *hub, const struct iii_frame *said, iii_done *done, void *self);
/* Who asked does not wait any more: let it be done, or do not count on that. */
void iii_ask_forget(struct iii_call **call);
void iii_ask_give_up(struct iii_call **call);
/* The connection broke: what it did is stopped, what it asked for is not its any more.
 * Jobs stay. */
void iii_stop(struct iii_worker *worker);
#endif

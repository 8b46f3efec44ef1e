/* actions - what projects call their own URLs: whoever does http.request does them.
 *
 * A worker that says http.request is said to do these too, and gets the request in
 * place of the action: neither URL nor secret lies in the log of a run.
 */
#ifndef GATEWAY_ACTIONS_H
#define GATEWAY_ACTIONS_H
#include "base/buffer.h"
#include "base/id.h"
#include "transport/messages.h"

struct actions;

struct actions *actions_new(void);
void actions_free(struct actions **actions);

/* An action as it is from now on, or none any more.  True: there is one more or less.
 */
bool actions_learn(struct actions *actions, const struct id *project,
    const struct action_offered *offered);
/* Does a worker with these actions, a msgpack array of texts, do them? */
bool actions_do(struct bytes said);
/* A worker's actions, a msgpack array of texts, with those that it does as well: lies
 * in `out`, or is `said`. */
struct bytes actions_done(const struct actions *actions, const struct id *project,
    struct bytes said, struct buffer *out);
/* The job as a worker with the actions `said` gets it; what is written lies in `out`.
 */
struct job_granted
actions_translate(const struct actions *actions, const struct id *project,
    struct bytes said, const struct job_granted *granted, struct buffer *out);
#endif

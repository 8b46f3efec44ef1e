/* state - what the lease actor's files share. */
#ifndef ACTORS_LEASE_STATE_H
#define ACTORS_LEASE_STATE_H
#include "actors/actor.h"
#include "actors/lease/table.h"

struct lease_state {
    const struct config *config;
    uint64_t epoch; /* this life */
    uint8_t secret[SECRET_SIZE];
    struct tokens *tokens; /* made last; no state */
    struct table table;
};

/* Is this the lease that its session holds now? */
bool lease_current(const struct lease_state *s, const struct lease_name *name);
/* Tell the scheduler that nobody holds the job. */
void say_over(const struct job *job, bool lost, struct outbox *out);
/* Tell the scheduler who does. */
void say_held(const struct job *job, struct outbox *out);

/* worker.c: what gateways say of their workers */
void on_register(const struct lease_state *s, uint64_t now_ms, const struct message *in,
    struct outbox *out);
void
on_ready(const struct lease_state *s, const struct message *in, struct outbox *out);
void on_heartbeat(const struct lease_state *s, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_idle(const struct lease_state *s, uint64_t now_ms, const struct message *in,
    struct outbox *out);
/* One of the ids in workers_idle; NULL: we know no such session. */
struct session *idle_session(const struct lease_state *s, struct bytes ids, size_t i);
void on_gone(const struct lease_state *s, const struct message *in, struct outbox *out);
void on_worker_list(
    const struct lease_state *s, const struct message *in, struct outbox *out);
/* Answer with a list of `count` items. */
void say_items(uint64_t request, size_t count, struct bytes items, struct outbox *out);
/* queues_say.c: limits, and what is said of them */
void on_leases_told(
    const struct lease_state *s, const struct leases_told *told, struct outbox *out);
void on_queue_list(
    const struct lease_state *s, const struct message *in, struct outbox *out);
/* explain.c */
void on_lane_explain(
    const struct lease_state *s, const struct message *in, struct outbox *out);
#endif

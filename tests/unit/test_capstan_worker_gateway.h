/* A gateway for tests of libcapstan: a ROUTER that does as it is told, and a worker
 * that runs in a thread of its own.  Tests say each word of the gateway themselves, so
 * that they can leave words out, repeat them and tell lies. */
#ifndef TEST_CAPSTAN_WORKER_GATEWAY_H
#define TEST_CAPSTAN_WORKER_GATEWAY_H
#include "base/pack.h"
#include "workers/c/capstan_worker.h"

#include <check.h>
#include <pthread.h>

/* A worker that hears nothing for 2.5 beats breaks off: one that is not about beats
 * lets a busy machine have them. */
enum { PATIENCE_MS = 10000, LEASE_MS = 30000, BEAT_MS = 600, QUICK_BEAT_MS = 200 };

struct gateway {
    void *context, *router;
    char url[64];
    uint8_t identity[256];
    size_t identity_size;
    bool mute;                                /* do not answer heartbeats */
    unsigned beats;                           /* heartbeats heard */
    uint64_t lease_ms, heartbeat_ms, idle_ms; /* idle_ms: 0, not said */
    struct buffer frame;                      /* what was heard last */
    struct buffer held; /* list of the last heartbeat or register */
    struct buffer out;
};

struct rig {
    struct gateway gateway;
    struct capstan_options options;
    struct capstan_worker *worker;
    pthread_t thread;
    int result;
};

void gateway_open(struct gateway *g);
/* End without a word, and come back at the same address. */
void gateway_restart(struct gateway *g);
void gateway_away(struct gateway *g);
void gateway_back(struct gateway *g);
void gateway_close(struct gateway *g);

/* Wait for a message of that type; heartbeats on the way are counted and answered, any
 * other message fails the test. */
struct bytes gateway_hear(struct gateway *g, const char *type);
struct bytes gateway_hear_any(struct gateway *g); /* whatever comes */
/* Fail the test if anything but heartbeats comes within `ms`. */
void gateway_hear_nothing(struct gateway *g, int ms);
/* A text of the message heard last; "" if there is none.  Static memory. */
const char *gateway_text(const struct gateway *g, const char *key);
uint64_t gateway_number(const struct gateway *g, const char *key);
/* Was the token of job `n` in the last list of held leases?  And how many were there?
 */
bool gateway_held(const struct gateway *g, unsigned n);
size_t gateway_held_count(const struct gateway *g);

/* Hear `register` and let the worker in. */
void gateway_let_in(struct gateway *g);
void gateway_registered(struct gateway *g, unsigned lost); /* lost: a job, or 0 */
void gateway_job(struct gateway *g, unsigned n, const char *action);
/* The same with parameters, a msgpack map. */
void gateway_job_with(
    struct gateway *g, unsigned n, const char *action, struct bytes parameters);
/* {type, token of job n} and, if given, one more text. */
void gateway_say(struct gateway *g, const char *type, unsigned n, const char *key,
    const char *value);
void gateway_ack(struct gateway *g, unsigned n);
/* Hear the report of job n, with that outcome, and acknowledge it. */
void gateway_hear_report(struct gateway *g, unsigned n, const char *outcome);
void gateway_error(struct gateway *g, const char *code, const char *about, unsigned n);
void gateway_answer_beat(struct gateway *g, unsigned lost, unsigned cancel);
void gateway_raw(struct gateway *g, const void *frame, size_t size, bool more);

/* A gateway, and a worker that is not yet running; set options and actions, then run.
 */
void rig_open(struct rig *rig);
void rig_worker(struct rig *rig);
void rig_run(struct rig *rig);
/* Run, and register. */
void rig_join_in(struct rig *rig);
/* Wait for capstan_worker_run and give its result. */
int rig_wait(struct rig *rig);
/* Stop, hear the goodbye, and end everything. */
void rig_close(struct rig *rig);
/* End everything after the worker has returned. */
void rig_end(struct rig *rig);
#endif

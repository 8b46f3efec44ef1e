#include "gateway/gateway.h"

#include "base/counters.h"
#include "base/log.h"
#include "gateway/bridge.h"
#include "gateway/development.h"
#include "gateway/iii/iii.h"
#include "gateway/watch.h"
#include "gateway/websocket.h"
#include "gateway/workers.h"

/* Runs by which a partition is ahead when another has its turn, however many come:
 * about what shares a sync.  Where there are no cores for all schedulers, so many that
 * nearly all that is under way is of one: two then sync no oftener than one. */
enum { GROUP = 64, GROUP_FEW_CORES = 1024 };
enum { CORES_EACH = 2 }; /* of a scheduler and of what is done for its runs elsewhere */

/* Answers to sessions and to questions are told apart by the highest bit of the number.
 */
static bool
for_session(const struct refused *refused)
{
    return refused->request >> 63 != 0;
}

const char *
gateway_waits_for(const struct gateway *g)
{
    static const enum actor_name others[] = { ACTOR_registry, ACTOR_trigger,
        ACTOR_lease, ACTOR_view };
    for (size_t i = 0; i < COUNT(others); i++)
        if (!mailbox_heard(g->mailbox, others[i], 0))
            return actor_name_text(others[i]);
    for (uint32_t i = 0; i < g->child.config.schedulers; i++)
        if (!mailbox_heard(g->mailbox, ACTOR_scheduler, i))
            return actor_name_text(ACTOR_scheduler);
    if (!g->keys_complete || development_pending(g))
        return "the keys";
    return NULL;
}

uint32_t
gateway_partition(struct gateway *g, const struct id *project, struct bytes key)
{
    struct buffer *both = &g->scratch;
    uint64_t number = 0;
    if (key.size == 0) {
        g->placed[g->partition]++;
        return g->partition;
    }
    buffer_clear(both);
    buffer_append_bytes(both, id_bytes(project));
    buffer_append_bytes(both, key);
    struct hash hash = hash_of(buffer_bytes(both));
    for (size_t i = 0; i < sizeof number; i++)
        number = number << 8 | hash.bytes[i];
    return (uint32_t)(number % g->child.config.schedulers);
}

uint64_t
gateway_group(uint32_t schedulers, unsigned cores)
{
    return cores < schedulers * CORES_EACH ? GROUP_FEW_CORES : GROUP;
}

void
gateway_turn_partition(struct gateway *g, bool waiting)
{
    uint32_t least = 0;
    for (uint32_t i = 1; i < g->child.config.schedulers; i++)
        if (g->placed[i] < g->placed[least])
            least = i;
    if (!waiting || g->placed[g->partition] >= g->placed[least] + g->group)
        g->partition = least;
}

static void
hear_hello(struct gateway *g, const struct envelope *from)
{
    bridge_resend(g->bridge, from->from, from->instance);
    if (from->from == ACTOR_lease)
        workers_resend(g->workers, from->epoch);
}

/* Keys may do less than before: who is here by one may have to go. */
static void
judge(struct gateway *g)
{
    workers_judge(g->workers);
    websockets_judge(g->websockets);
}

static void
hear_key(struct gateway *g, const struct message *in)
{
    const struct key_offered *m = &in->key_offered;
    struct key key = {
        .id = m->key,
        .project = in->envelope.project,
        .scopes = m->scopes,
        .revoked = m->revoked != 0,
        .principal = m->principal,
    };
    if (m->hash.size != HASH_SIZE) {
        log_line(LOG_BROKEN, "key_without_hash", "size=%zu", m->hash.size);
        return;
    }
    memcpy(key.hash.bytes, m->hash.data, HASH_SIZE);
    key_name(&key, m->name);
    if (auth_learn(g->auth, &key))
        judge(g);
}

static void
hear_principal(struct gateway *g, const struct principal_offered *m)
{
    if (auth_learn_principal(g->auth, &m->principal, m->scopes, m->barred != 0))
        judge(g);
}

static void
hear_project(struct gateway *g, const struct message *in)
{
    if (auth_learn_project(
            g->auth, &in->envelope.project, in->project_offered.deleted != 0))
        judge(g);
}

static void
hear_keys_complete(struct gateway *g, const struct keys_complete *m)
{
    g->key_count = m->count;
    g->keys_complete = true;
    development_begin(g);
}

/* A project's stream is watched by the project's id. */
static void
hear_stream(struct gateway *g, const struct message *in)
{
    watches_hear(g->watches, &(struct run_changed){
                                 .run = in->envelope.project,
                                 .sequence = in->stream_changed.number,
                             });
}

void
gateway_hear(struct gateway *g, const struct message *in)
{
    switch ((int)in->code) {
    case HELLO: hear_hello(g, &in->envelope); return;
    case KEY_OFFERED: hear_key(g, in); return;
    case ACTION_OFFERED:
        workers_learn_action(g->workers, &in->envelope.project, &in->action_offered);
        return;
    case PROJECT_OFFERED: hear_project(g, in); return;
    case PRINCIPAL_OFFERED: hear_principal(g, &in->principal_offered); return;
    case KEYS_COMPLETE: hear_keys_complete(g, &in->keys_complete); return;
    case RUN_CHANGED: watches_hear(g->watches, &in->run_changed); return;
    case STREAM_CHANGED: hear_stream(g, in); return;
    case STATE_TOLD: iii_state_told(g->iii, in); return;
    case REFUSED:
        if (for_session(&in->refused))
            workers_hear(g->workers, in);
        else
            bridge_hear(g->bridge, in);
        return;
    case DOCUMENT:
    case RUN_ACCEPTED: bridge_hear(g->bridge, in); return;
    case WORKER_REGISTERED:
    case HEARTBEAT_ANSWER:
    case REPORT_SETTLED:
    case JOB_GRANTED:
    case JOB_CANCEL: workers_hear(g->workers, in); return;
    default:
        /* A newer release may say more than we know. */
        count(COUNTER_malformed, 1);
        log_line(LOG_UNUSUAL, "message_unknown", "code=%d", (int)in->code);
    }
}

/* state - what the registry's files share. */
#ifndef ACTORS_REGISTRY_STATE_H
#define ACTORS_REGISTRY_STATE_H
#include "actors/actor.h"
#include "actors/registry/entries.h"
#include "actors/registry/waits.h"

enum { LISTENERS_MAX = SCHEDULERS_MAX + 1 };

/* Who must know each version, and how far it has been told in this life. */
struct listener {
    bool heard;
    uint64_t at;   /* the record of the last version it was told */
    uint32_t told; /* versions up to there that it has not confirmed */
    uint64_t next; /* what it may be told next; 0: nothing */
};

struct registry_state {
    const struct config *config;
    const struct zones *zones;
    struct journal *journal;
    struct listener listeners[LISTENERS_MAX];
    bool keys_telling;        /* the gateway is being told all keys */
    uint64_t keys_at;         /* up to the one that this record made */
    bool queues_telling;      /* the lease actor is being told all queues, */
    struct row_key queues_at; /* up to this one */
    struct waits waits;
};

/* The trigger actor's place among the listeners: behind the schedulers. */
static inline uint32_t
trigger_peer(const struct registry_state *state)
{
    return state->config->schedulers;
}

void refuse(struct outbox *out, uint64_t request, enum err err, struct bytes detail);
void refuse_unknown(struct outbox *out, uint64_t request);

/* room.c */
struct count_entry counts_of_all(const struct registry_state *state);
/* Has the project `max` rows of this letter?  All projects together have `of_all`. */
bool project_full(const struct registry_state *state, const struct id *project,
    char letter, uint64_t of_all, uint64_t max);
/* How many keys all projects may have together, and as many principals: a hundred may
 * be full, and a gateway has memory for them. */
uint64_t keys_of_all_max(const struct registry_state *state);

/* publish.c */
void on_automation_apply(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
/* Answer `request` when everybody knows the version as it is after this turn. */
void wait_for(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, uint64_t request, const struct version_name *version,
    bool created, struct outbox *out);
void
answer_waits(const struct registry_state *state, uint64_t now_ms, struct outbox *out);

/* automation.c */
bool automation_named(const struct registry_state *state, const struct id *project,
    struct bytes name, struct id *automation);
/* By name or aut_… id. */
bool automation_find(const struct registry_state *state, const struct id *project,
    struct bytes given, struct id *automation);
/* A version by its number; false if there is none. */
bool version_read(const struct registry_state *state, const struct version_name *name,
    struct version_entry *version);
bool automation_read(const struct registry_state *state, const struct id *project,
    const struct id *automation, struct automation_entry *entry);
void on_automation_list(
    const struct registry_state *state, const struct message *in, struct outbox *out);
void on_automation_get(
    const struct registry_state *state, const struct message *in, struct outbox *out);

/* versions.c */
void on_version_publish(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_version_list(
    const struct registry_state *state, const struct message *in, struct outbox *out);

/* status.c */
void on_automation_set(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_automation_failing(
    const struct registry_state *state, const struct message *in, struct outbox *out);

/* document.c: a version of an automation as the API shows it; lies in `arena`. */
enum document_part { DOCUMENT_BRIEF, DOCUMENT_WHOLE, DOCUMENT_WITH_TEXT };
struct bytes automation_document(const struct registry_state *state,
    struct arena *arena, const struct version_name *name, enum document_part part);
/* A time by name, or nil for 0. */
void put_moment(struct buffer *out, const char *name, uint64_t unix_ms);
/* A version among its siblings: its number, status and times. */
void version_line(struct buffer *out, const struct automation_entry *automation,
    const struct version_entry *version, uint32_t number);

/* tell.c: plans and what everybody knows of them */
bool known_everywhere(const struct registry_state *state, uint64_t record);
/* Find what the listener may be told next. */
void listener_refresh(struct registry_state *state, uint32_t peer);
void on_plan_known(const struct registry_state *state, const struct plan_known *known,
    uint32_t peer, struct outbox *out);
bool plans_to_tell(const struct registry_state *state);
void tell_plans(const struct registry_state *state, struct outbox *out);
/* A NOTE of ours has told `peer` of a version. */
void plan_told(struct registry_state *state, uint32_t peer, const struct message *m);

/* keys.c */
void on_key_create(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_key_revoke(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_key_list(
    const struct registry_state *state, const struct message *in, struct outbox *out);
/* Refuse the key from now on, and answer. */
void key_revoke(const struct registry_state *state, uint64_t now_ms, uint64_t request,
    const struct id *key, struct outbox *out);
void tell_keys(const struct registry_state *state, struct outbox *out);

/* roles.c */
void on_role_set(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_role_delete(
    const struct registry_state *state, const struct message *in, struct outbox *out);
void on_role_list(
    const struct registry_state *state, const struct message *in, struct outbox *out);

/* principals.c */
void on_principal_set(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_principal_list(
    const struct registry_state *state, const struct message *in, struct outbox *out);
void on_role_assign(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);

/* projects.c */
void on_project_set(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_project_get(
    const struct registry_state *state, const struct message *in, struct outbox *out);

/* actions.c */
void on_action_set(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_action_delete(
    const struct registry_state *state, const struct message *in, struct outbox *out);
void on_action_list(
    const struct registry_state *state, const struct message *in, struct outbox *out);

/* queues.c */
void on_queue_set(
    const struct registry_state *state, const struct message *in, struct outbox *out);
void on_queue_get(
    const struct registry_state *state, const struct message *in, struct outbox *out);
void tell_queues(const struct registry_state *state, struct outbox *out);

/* apply.c */
void registry_apply(void *state, uint64_t at_ms, const struct message *m);
#endif

/* state - what the registry's files share. */
#ifndef ACTORS_REGISTRY_STATE_H
#define ACTORS_REGISTRY_STATE_H
#include "actors/actor.h"
#include "actors/registry/entries.h"
#include "actors/registry/waits.h"

enum { SCHEDULERS_MAX = 64, LISTENERS_MAX = SCHEDULERS_MAX + 1 };

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
    bool keys_telling; /* the gateway is being told all keys */
    uint64_t keys_at;  /* up to the one that this record made */
    struct waits waits;
};

/* The trigger actor's place among the listeners: behind the schedulers. */
static inline uint32_t
trigger_peer(const struct registry_state *state)
{
    return state->config->schedulers;
}

void refuse(struct outbox *out, uint64_t request, enum err err, struct bytes detail);

/* publish.c */
void on_automation_apply(const struct registry_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void
answer_waits(const struct registry_state *state, uint64_t now_ms, struct outbox *out);

/* automation.c */
bool automation_named(const struct registry_state *state, const struct id *project,
    struct bytes name, struct id *automation);
bool automation_read(const struct registry_state *state, const struct id *project,
    const struct id *automation, struct automation_entry *entry);
void on_automation_list(
    const struct registry_state *state, const struct message *in, struct outbox *out);
void on_automation_get(
    const struct registry_state *state, const struct message *in, struct outbox *out);

/* document.c: a version of an automation as the API shows it; lies in `arena`. */
enum document_part { DOCUMENT_BRIEF, DOCUMENT_WHOLE, DOCUMENT_WITH_TEXT };
struct bytes automation_document(const struct registry_state *state,
    struct arena *arena, const struct version_name *name, enum document_part part);

/* tell.c: plans and what everybody knows of them */
bool known_everywhere(const struct registry_state *state, uint64_t record);
/* Find what the listener may be told next. */
void listener_refresh(struct registry_state *state, uint32_t peer);
void on_plan_known(const struct registry_state *state, const struct id *automation,
    uint32_t version, uint32_t peer, struct outbox *out);
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
void tell_keys(const struct registry_state *state, struct outbox *out);

/* apply.c */
void registry_apply(void *state, uint64_t at_ms, const struct message *m);
#endif

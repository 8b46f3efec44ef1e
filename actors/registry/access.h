/* access - what roles.c, principals.c, projects.c and keys.c share: roles by id or
 * name, what they allow together, and whether the project is there. */
#ifndef ACTORS_REGISTRY_ACCESS_H
#define ACTORS_REGISTRY_ACCESS_H
#include "actors/registry/state.h"

enum {
    LISTED_MAX = 2000, /* of a project, so that the list fits into a message */
    HOLDINGS_MAX = 16  /* roles of one principal */
};

struct role {
    struct bytes id;
    struct role_entry entry; /* its bytes lie in the arena, or for ever */
    bool system;             /* the engine's own */
};

/* By id or by name.  False: there is none. */
bool role_find(const struct registry_state *state, struct arena *arena,
    const struct id *project, struct bytes said, struct role *role);
/* The engine's own role that allows just this, or nothing. */
struct bytes role_of_scopes(unsigned scopes);

/* Does this principal as well leave the role to no more than may hold it? */
bool role_is_full(
    const struct registry_state *state, struct outbox *out, const struct role *role);

/* The roles of a principal: in its row a msgpack array of { role, at_ms, by }. */
struct holding {
    struct bytes role;
    uint64_t at_ms;
    struct bytes by; /* name of the key that gave it */
};
struct holdings {
    size_t count;
    struct holding list[HOLDINGS_MAX];
};
void holdings_read(struct bytes roles, struct holdings *held);
struct bytes holdings_write(struct arena *arena, const struct holdings *held);
const struct holding *holdings_find(const struct holdings *held, struct bytes role);
/* False: there was none. */
bool holdings_drop(struct holdings *held, struct bytes role);

/* A role as it will be after this turn. */
struct role_change {
    struct bytes id; /* nothing: none changes */
    uint32_t scopes;
};

/* What its roles allow together; nothing unless it is active. */
unsigned principal_scopes(const struct registry_state *state, struct arena *arena,
    const struct id *project, const struct principal_entry *entry,
    const struct role_change *change);
/* Its bytes lie in the arena.  False: there is none. */
bool principal_find(const struct registry_state *state, struct arena *arena,
    const struct id *project, const struct id *principal,
    struct principal_entry *entry);
/* Say what the keys of the principal may do after this turn. */
void principal_offer(const struct registry_state *state, const struct id *principal,
    const struct principal_entry *entry, const struct role_change *change,
    struct outbox *out);
/* Say that it is as in `entry` from now on. */
void principal_say(struct outbox *out, const struct id *principal,
    const struct principal_entry *entry);

/* What somebody may do less: a key that is revoked, a principal or a role as it will
 * be.  Ids that are zero mean nobody. */
struct narrowing {
    struct id key, principal;
    const struct principal_entry *entry; /* of the principal */
    struct role_change role;
};
/* False: it was refused, for no key of scope admin would be left. */
bool admin_remains(const struct registry_state *state, uint64_t request,
    const struct narrowing *change, struct outbox *out);

#define PROJECT_GONE "the project is deleted: who administers it may bring it back"
bool project_deleted(const struct registry_state *state, const struct id *project);
/* Tell the gateway of an action of out->project. */
void
tell_action(const struct registry_state *state, struct bytes name, struct outbox *out);
/* Tell the gateway of out->project. */
void tell_project(const struct registry_state *state, struct outbox *out);

/* "read" and so on, of the bits. */
void pack_scopes(struct buffer *out, uint32_t scopes);

/* All that somebody may know of a list: { items, next_cursor: nil }. */
void
answer_list(struct outbox *out, uint64_t request, size_t count, struct bytes items);
void
answer_one(struct outbox *out, uint64_t request, struct bytes document, bool created);

/* May somebody or something be called so: 1 to `max` bytes without control characters?
 * Names are shown: nobody shall look like another. */
bool name_holds(struct bytes name, size_t max);

/* A field of a change, msgpack: nothing leaves `value` as it is; nil empties it.
 * False: it is no text, or none of at most `max` bytes; no map of such a size. */
bool take_text(struct bytes said, size_t max, struct bytes *value);
bool take_map(struct bytes said, size_t max, struct bytes *value);
#endif

/* entries - the rows of registry.h: their keys and values. */
#ifndef ACTORS_REGISTRY_ENTRIES_H
#define ACTORS_REGISTRY_ENTRIES_H
#include "store/journal.h"
#include "store/rows.h"
#include "transport/messages.h"

/* clang-format off */
#define automation_entry_FIELDS(F, S)                                                    \
    F(S, 1, text, name,       "unique in the project")                                   \
    F(S, 2, u32,  version,    "the published one; 0: none")                              \
    F(S, 3, blob, hash,       "of the text of the latest one")                           \
    F(S, 4, u64,  created_ms, "unix ms of version 1")                                    \
    F(S, 5, u64,  updated_ms, "unix ms of the last revision")                            \
    F(S, 6, u32,  latest,     "the highest version; 0: the published one")               \
    F(S, 7, u32,  status,     "enum automation_status; 0: active")                       \
    F(S, 8, text, reason,     "of the status, for people")                               \
    F(S, 9, u64,  revision,   "counts versions, publications and changes of status")

#define version_entry_FIELDS(F, S)                                                       \
    F(S, 1, u64,  record,     "that everybody must know: the last revision that names it") \
    F(S, 2, blob, definition, "the text as applied")                                     \
    F(S, 3, blob, plan,       "the compiled plan")                                       \
    F(S, 4, u64,  revision,   "of that record")                                          \
    F(S, 5, u64,  created_ms, "unix ms")                                                 \
    F(S, 6, u64,  published_ms, "unix ms of its last publication; 0: a draft")

#define key_entry_FIELDS(F, S)                                                           \
    F(S, 1, u64,    record,     "that made it")                                          \
    F(S, 2, text,   name,       "for people")                                            \
    F(S, 3, secret, hash,       "keyed BLAKE2b of the secret part")                      \
    F(S, 4, u32,    scopes,     "bits of enum scope")                                    \
    F(S, 5, text,   prefix,     "first characters")                                      \
    F(S, 6, u64,    created_ms, "unix ms")                                               \
    F(S, 7, u64,    revoked_ms, "unix ms; 0: valid")                                      \
    F(S, 8, id,     principal,  "whose it is, or zero: its own")

#define role_entry_FIELDS(F, S)                                                          \
    F(S, 1, text, name,        "unique in the project")                                  \
    F(S, 2, text, description, "for people")                                             \
    F(S, 3, u32,  scopes,      "bits of enum scope")                                     \
    F(S, 4, blob, tags,        "msgpack map, or nothing")                                \
    F(S, 5, u64,  created_ms,  "unix ms")                                                \
    F(S, 6, u64,  updated_ms,  "unix ms")

#define principal_entry_FIELDS(F, S)                                                     \
    F(S, 1,  u64,  record,      "that made it")                                          \
    F(S, 2,  text, name,        "for people")                                            \
    F(S, 3,  text, description, "for people")                                            \
    F(S, 4,  text, owner,       "who answers for it, or nothing")                        \
    F(S, 5,  blob, metadata,    "msgpack map, or nothing")                               \
    F(S, 6,  blob, tags,        "msgpack map, or nothing")                               \
    F(S, 7,  u32,  state,       "enum principal_state")                                  \
    F(S, 8,  blob, roles,       "msgpack array of maps: role, at_ms, by")                \
    F(S, 9,  u64,  created_ms,  "unix ms")                                               \
    F(S, 10, u64,  updated_ms,  "unix ms")

#define action_entry_FIELDS(F, S)                                                        \
    F(S, 1,  id,     action,        "its id")                                            \
    F(S, 2,  u32,    kind,          "enum action_kind")                                  \
    F(S, 3,  text,   title,         "for people, or nothing")                            \
    F(S, 4,  text,   description,   "for people, or nothing")                            \
    F(S, 5,  text,   url,           "where it is called, or nothing")                    \
    F(S, 6,  blob,   input_schema,  "msgpack map, or nothing")                           \
    F(S, 7,  blob,   output_schema, "msgpack map, or nothing")                           \
    F(S, 8,  blob,   annotations,   "msgpack map, or nothing")                           \
    F(S, 9,  blob,   tags,          "msgpack map, or nothing")                           \
    F(S, 10, secret, secret,        "that signs, sealed; or nothing")                    \
    F(S, 11, u32,    version,       "of the secret, from 1 on")                          \
    F(S, 12, u64,    created_ms,    "unix ms")                                           \
    F(S, 13, u64,    updated_ms,    "unix ms")                                           \
    F(S, 14, u64,    record,        "that made it")

#define project_entry_FIELDS(F, S)                                                       \
    F(S, 1, u64,  record,      "that made the row")                                      \
    F(S, 2, text, name,        "for people, or nothing")                                 \
    F(S, 3, text, description, "for people, or nothing")                                 \
    F(S, 4, text, reference,   "what others know it by, or nothing")                     \
    F(S, 5, blob, tags,        "msgpack map, or nothing")                                \
    F(S, 6, u32,  status,      "enum project_status")                                    \
    F(S, 7, u64,  created_ms,  "unix ms")                                                \
    F(S, 8, u64,  updated_ms,  "unix ms")

#define count_entry_FIELDS(F, S)                                                         \
    F(S, 1, u64, automations, "of all projects")                                         \
    F(S, 2, u64, keys,        "of all projects, revoked ones included")                   \
    F(S, 3, u64, queues,      "of all projects, that have been set")                     \
    F(S, 4, u64, principals,  "of all projects, deleted ones included")

#define queue_entry_FIELDS(F, S)                                                         \
    F(S, 1, u32,  limit,    "jobs out at a time; 0: any number")                         \
    F(S, 2, blob, settings, "msgpack map that a dialect keeps, or nothing")
/* clang-format on */

struct automation_entry {
    automation_entry_FIELDS(FIELD_MEMBER, automation_entry)
};
struct version_entry {
    version_entry_FIELDS(FIELD_MEMBER, version_entry)
};
struct key_entry {
    key_entry_FIELDS(FIELD_MEMBER, key_entry)
};
struct count_entry {
    count_entry_FIELDS(FIELD_MEMBER, count_entry)
};
struct queue_entry {
    queue_entry_FIELDS(FIELD_MEMBER, queue_entry)
};
struct action_entry {
    action_entry_FIELDS(FIELD_MEMBER, action_entry)
};
struct project_entry {
    project_entry_FIELDS(FIELD_MEMBER, project_entry)
};
struct role_entry {
    role_entry_FIELDS(FIELD_MEMBER, role_entry)
};
struct principal_entry {
    principal_entry_FIELDS(FIELD_MEMBER, principal_entry)
};
extern const struct shape automation_entry_shape, version_entry_shape, key_entry_shape,
    count_entry_shape, queue_entry_shape, role_entry_shape, principal_entry_shape,
    project_entry_shape, action_entry_shape;

/* A version of an automation. */
struct version_name {
    struct id project, automation;
    uint32_t version;
};

struct row_key key_of_name(const struct id *project, struct bytes name);
struct row_key key_of_automation(const struct id *project, const struct id *automation);
struct row_key key_of_version(const struct version_name *name);
struct row_key key_of_untold(uint32_t peer, uint64_t record);
struct row_key key_of_key(const struct id *project, const struct id *key);
struct row_key key_of_role(const struct id *project, struct bytes role);
struct row_key key_of_principal(const struct id *project, const struct id *principal);
struct row_key key_of_project(const struct id *project);
struct row_key key_of_action(const struct id *project, struct bytes name);
struct row_key key_of_made(uint64_t record);
struct row_key key_of_counts(void);
struct row_key key_of_queue(const struct id *project, struct bytes name);

/* "draft" as long as no version is published, then as it was set. */
enum automation_status automation_status_of(const struct automation_entry *automation);
/* The published version, or the latest draft. */
uint32_t automation_current(const struct automation_entry *automation);
/* The highest version. */
uint32_t automation_latest(const struct automation_entry *automation);

/* False if there is no such row; `value` is then zero.  Borrows from the journal, as
 * journal_get does. */
bool entry_read(struct journal *journal, const struct row_key *key,
    const struct shape *shape, void *value);
/* The value of a row that a scan has come to: borrows from it. */
void entry_take(struct bytes row, const struct shape *shape, void *value);
void entry_write(struct journal *journal, const struct row_key *key,
    const struct shape *shape, const void *value);

/* The value of a U row is the key of a V row, that of a G row the key of a K, P, J
 * or T row.
 */
struct version_name version_name_read(struct bytes key);
/* Its project and id. */
void key_name_read(struct bytes key, struct id *project, struct id *id);

/* The records of U rows of a peer and of G rows: the first one after `after`, 0: none.
 */
uint64_t next_untold(struct journal *journal, uint32_t peer, uint64_t after);
uint64_t next_made(struct journal *journal, uint64_t after);
/* The key of the Q row behind `after`; false: there is none. */
bool
next_queue(struct journal *journal, const struct row_key *after, struct row_key *next);
/* Its project and name. */
struct id queue_name_read(const struct row_key *key, struct bytes *name);
#endif

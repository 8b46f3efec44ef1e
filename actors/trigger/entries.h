/* entries - the rows of trigger.h: their keys and values. */
#ifndef ACTORS_TRIGGER_ENTRIES_H
#define ACTORS_TRIGGER_ENTRIES_H
#include "store/journal.h"
#include "store/rows.h"

/* Payloads above this lie beside the journal; on disk: never change it. */
enum { ENTRY_INLINE_MAX = 4096 };

/* clang-format off */
#define automation_kept_FIELDS(F, S)                                                    \
    F(S, 1, text, name,     "unique in the project")                                     \
    F(S, 2, u64,  revision, "of the automation")                                         \
    F(S, 3, u32,  status,   "enum automation_status")

/* What a trigger is, as its plan says. */
#define definition_FIELDS(F, S)                                                          \
    F(S, 1,  text,    kind,        "manual, schedule, http or event")                    \
    F(S, 2,  u32,     enabled,     "as the plan says")                                   \
    F(S, 3,  u32,     active,      "1: enabled, and its automation is active")           \
    F(S, 4,  u64,     interval_ms, "of a schedule by interval; 0: none")                 \
    F(S, 5,  text,    cron,        "of a schedule by cron")                              \
    F(S, 6,  text,    timezone,    "IANA name; empty: UTC")                              \
    F(S, 7,  blob,    config,      "of its kind: see plan_kinds.h")                      \
    F(S, 8,  payload, inputs,      "msgpack map with templates, or empty")               \
    F(S, 9,  u32,     concurrency, "enum plan_concurrency; 0: the automation's")         \
    F(S, 10, u32,     runs_max,    "active runs that it started; 0: no limit")           \
    F(S, 11, u64,     since,       "number of the last event that it does not look at")  \
    F(S, 12, u64,     generation,  "record since which it has been as it is")            \
    F(S, 13, text,    handle,      "last part of its URL, or empty")

/* What has become of a trigger. */
#define schedule_FIELDS(F, S)                                                            \
    F(S, 1,  u64,  interval_ms, "between slots")                                         \
    F(S, 2,  u64,  next_ms,     "unix ms of the next slot; 2^64 - 1: there is none")     \
    F(S, 3,  u64,  fired_ms,    "unix ms of the slot that is not settled; 0: none")      \
    F(S, 4,  u64,  last_ms,     "unix ms of the last slot, or event, that fired; 0: none") \
    F(S, 5,  id,   last_run,    "its run")                                               \
    F(S, 6,  u64,  fires,       "so far")                                                \
    F(S, 7,  u64,  refusals,    "fires that led to no run")                              \
    F(S, 8,  text, refusal,     "why, the last time")                                    \
    F(S, 9,  u64,  jitter_ms,   "each slot fires so much later")                         \
    F(S, 10, u64,  skipped,     "slots that were missed and left so")

#define fire_FIELDS(F, S)                                                                \
    F(S, 1,  id,      project,     "project")                                            \
    F(S, 2,  id,      automation,  "automation id")                                      \
    F(S, 3,  text,    trigger,     "trigger key")                                        \
    F(S, 4,  u64,     slot_ms,     "unix ms")                                            \
    F(S, 5,  u64,     event,       "number of the (last) event; 0: a schedule")          \
    F(S, 6,  payload, inputs,      "msgpack map, or nothing")                            \
    F(S, 7,  payload, data,        "msgpack, or nothing")                                \
    F(S, 8,  payload, meta,        "msgpack map, or nothing")                            \
    F(S, 9,  text,    source,      "schedule, http or event")                            \
    F(S, 10, u32,     concurrency, "enum plan_concurrency; 0: the automation's")         \
    F(S, 11, u32,     runs_max,    "0: no limit")                                         \
    F(S, 12, u32,     echo,        "1: of a trigger that listens for the ends of runs")  \
    F(S, 13, u64,     record,      "that says it; 0: that stays as it is")

#define stream_FIELDS(F, S)                                                              \
    F(S, 1, u64,  last,      "number of the last event; 0: none yet")                    \
    F(S, 2, u64,  first,     "number of the oldest one that is kept")                    \
    F(S, 3, u64,  routed,    "number of the last one whose consequences are all said")   \
    F(S, 4, blob, at,        "how far those of the next one are; or nothing")            \
    F(S, 5, u64,  bytes,     "of the events that are kept")                              \
    F(S, 6, u64,  oldest_ms, "unix ms of the oldest one")

#define event_entry_FIELDS(F, S)                                                         \
    F(S, 1, text,    id,     "the caller's, or nothing")                                 \
    F(S, 2, text,    type,   "such as github.issue.created")                             \
    F(S, 3, text,    source, "or nothing")                                               \
    F(S, 4, u64,     at_ms,  "unix ms")                                                  \
    F(S, 5, u64,     bytes,  "that count against events_kept_bytes")                     \
    F(S, 6, payload, data,   "msgpack map")                                              \
    F(S, 7, payload, meta,   "msgpack map, or nothing")                                  \
    F(S, 8, u64,     number, "in the project's stream")                                      \
    F(S, 9, id,      automation, "whose http trigger it fires, or zero")                     \
    F(S, 10, text,   trigger, "the key of that, or nothing")                             \
    F(S, 11, u64,    question, "that asked for it; 0: none")                             \
    F(S, 12, u64,    record, "that says it is kept; 0: of releases before, which stays")

/* An event that is held back: its record says all of it even when it has expired. */
#define holding_FIELDS(F, S)                                                             \
    F(S, 1, u32,     count,  "groups that hold it")                                      \
    F(S, 2, u64,     record, "of the event")

#define paths_entry_FIELDS(F, S)                                                         \
    F(S, 1, blob, paths, "msgpack array of the paths whose values are compared, sorted") \
    F(S, 2, u64,  count, "listeners")

#define wait_entry_FIELDS(F, S)                                                          \
    F(S, 1, text,    event_type, "or pattern")                                           \
    F(S, 2, text,    source,     "or nothing")                                           \
    F(S, 3, payload, match,      "map of path to value, or nothing")                     \
    F(S, 4, text,    condition,  "or nothing")                                           \
    F(S, 5, u64,     since_ms,   "unix ms")                                              \
    F(S, 6, u64,     after,      "number in the stream")                                 \
    F(S, 7, u64,     looked,     "number of the last event that was looked at for it")   \
    F(S, 8, u32,     listening,  "1: events that come find it")                          \
    F(S, 9, u32,     looking,    "1: the stream is still searched for it")

#define match_entry_FIELDS(F, S)                                                         \
    F(S, 1, id,      project, "project")                                                 \
    F(S, 2, u64,     number,  "of the event")                                            \
    F(S, 3, text,    type,    "of the event")                                            \
    F(S, 4, text,    source,  "of the event")                                            \
    F(S, 5, payload, data,    "of the event")                                            \
    F(S, 6, payload, meta,    "of the event")                                            \
    F(S, 7, u64,     record,  "that says it; 0: that stays as it is")

/* A record that says several fires and matches. */
#define telling_FIELDS(F, S)                                                             \
    F(S, 1, u32, count, "of them that may be told again")

/* What a trigger holds back of a group, or that it is quiet. */
#define hold_FIELDS(F, S)                                                                \
    F(S, 1, text, trigger,    "trigger key")                                             \
    F(S, 2, blob, group,      "a value of the trigger's group, or nothing")              \
    F(S, 3, u64,  generation, "of the trigger that holds")                               \
    F(S, 4, u64,  due_ms,     "unix ms when it fires or may fire again; 0: with enough") \
    F(S, 5, u32,  count,      "events that are held back; 0: it is quiet")               \
    F(S, 6, u64,  bytes,      "of them")                                                 \
    F(S, 7, u64,  last,       "number of the last one")

#define hook_FIELDS(F, S)                                                                \
    F(S, 1, id,   project,    "project")                                                 \
    F(S, 2, id,   automation, "automation id")                                           \
    F(S, 3, text, trigger,    "trigger key")

#define secret_entry_FIELDS(F, S)                                                        \
    F(S, 1, secret, value, "bytes")                                                      \
    F(S, 2, u64,    at_ms, "unix ms when it was set")                                    \
    F(S, 3, u32,    sealed, "1: see base/seal.h; 0: in clear, by earlier releases")

#define value_entry_FIELDS(F, S)                                                         \
    F(S, 1, payload, value,    "msgpack")                                                \
    F(S, 2, u64,     revision, "number of the change that made it, in the project")      \
    F(S, 3, u64,     at_ms,    "unix ms of it")                                          \
    F(S, 4, u64,     bytes,    "that count against state_kept_bytes")                    \
    F(S, 5, u64,     record,   "that says it; 0: that stays as it is")

#define scope_entry_FIELDS(F, S)                                                         \
    F(S, 1, u64, keys,  "that it has")                                                   \
    F(S, 2, u64, bytes, "of them and their values")

#define values_total_FIELDS(F, S)                                                        \
    F(S, 1, u64, keys,     "of the project")                                             \
    F(S, 2, u64, bytes,    "of them and their values")                                   \
    F(S, 3, u64, revision, "number of the last change")

/* What a change has become, for whoever asks for it again. */
#define change_entry_FIELDS(F, S)                                                        \
    F(S, 1, u64,     at_ms,     "unix ms")                                               \
    F(S, 2, u64,     revision,  "number of the change, in the project")                  \
    F(S, 3, u32,     existed,   "1: there was a value before: ")                         \
    F(S, 4, payload, old_value, "msgpack, or nothing")                                   \
    F(S, 5, u32,     deleted,   "1: there is none any more")                             \
    F(S, 6, payload, value,     "msgpack, or nothing")                                   \
    F(S, 7, payload, errors,    "of an update: msgpack array; else nothing")             \
    F(S, 8, u64,     old_record, "that says the value before; 0: that stays as it is")   \
    F(S, 9, u64,     bytes,     "as the fact says; 0: of releases before")

/* The changes that are remembered, the latest ones: as many as places, or fewer. */
#define changes_total_FIELDS(F, S)                                                       \
    F(S, 1, u64, count, "changes so far, of all projects")                               \
    F(S, 2, u64, bytes, "of those that are remembered")                                  \
    F(S, 3, u64, first, "changes so far before the oldest one that is; 0: as places say")

#define change_place_FIELDS(F, S)                                                        \
    F(S, 1, u64, question, "that is remembered here")
/* clang-format on */

#define ENTRY(S)                                                                       \
    struct S {                                                                         \
        S##_FIELDS(FIELD_MEMBER, S)                                                    \
    };                                                                                 \
    extern const struct shape S##_shape;
ENTRY(automation_kept)
ENTRY(definition)
ENTRY(schedule)
ENTRY(fire)
ENTRY(stream)
ENTRY(event_entry)
ENTRY(holding)
ENTRY(paths_entry)
ENTRY(wait_entry)
ENTRY(match_entry)
ENTRY(telling)
ENTRY(hold)
ENTRY(hook)
ENTRY(secret_entry)
ENTRY(value_entry)
ENTRY(scope_entry)
ENTRY(values_total)
ENTRY(change_entry)
ENTRY(changes_total)
ENTRY(change_place)
#undef ENTRY

/* A trigger of an automation; `key` is borrowed. */
struct trigger_name {
    struct id project, automation;
    struct bytes key;
};

/* A step of a run that waits. */
struct wait_name {
    struct id project, run;
    uint32_t step, attempt;
};

/* A group of a trigger that holds events back, by hashes of both. */
struct hold_name {
    struct id project, automation, trigger, group;
};

struct hold_name hold_name(const struct trigger_name *trigger, struct bytes group);

struct row_key key_of_triggers(const struct id *project, const struct id *automation);
struct row_key key_of_named(const struct id *project, struct bytes name);
struct row_key key_of_definition(const struct trigger_name *name);
struct row_key key_of_schedule(const struct trigger_name *name);
struct row_key key_of_due(uint64_t due_ms, const struct trigger_name *name);
struct row_key key_of_fire(const struct id *run);
struct row_key key_of_stream(const struct id *project);
struct row_key key_of_event(const struct id *project, uint64_t number);
struct row_key
key_of_typed(const struct id *project, struct bytes type, uint64_t number);
struct row_key key_of_event_id(const struct id *project, struct bytes id);
/* The same of one without an id, by the question that asked for it. */
struct row_key key_of_event_asked(const struct id *project, uint64_t question);
struct row_key key_of_wait(char letter, const struct wait_name *name);
struct row_key key_of_match(const struct wait_name *name);
struct row_key key_of_telling(uint64_t record);
struct row_key key_of_hold(const struct hold_name *name);
struct row_key key_of_held(const struct hold_name *name, uint64_t number);
/* Of the event, whoever holds it. */
struct row_key key_of_holding(const struct id *project, uint64_t number);
struct row_key key_of_hold_due(uint64_t due_ms, const struct hold_name *name);
struct row_key key_of_hook(struct bytes handle);
struct row_key key_of_secret(const struct id *project, struct bytes name);
/* With no key: what all keys of the scope begin with; with no scope, all scopes. */
struct row_key
key_of_value(const struct id *project, struct bytes scope, struct bytes key);
struct row_key key_of_scope(const struct id *project, struct bytes scope);
struct row_key key_of_values_total(const struct id *project);
struct row_key key_of_change(uint64_t question);
struct row_key key_of_change_place(uint32_t place);
struct row_key key_of_changes_total(void);

/* Read key_of_due, of a row T; the name borrows from it. */
struct trigger_name due_read(struct bytes key, uint64_t *due_ms);
/* Read key_of_wait, of a row L or W. */
struct wait_name wait_name_read(struct bytes key);
/* Read key_of_hold_due. */
struct hold_name hold_due_read(struct bytes key, uint64_t *due_ms);

/* The row; false if there is none, and `value` is then zero.  Borrows from the journal,
 * as journal_get does, and from `arena` where a payload lies beside it; with arena NULL
 * such payloads are left out. */
bool kept_read(struct journal *journal, const struct row_key *key,
    const struct shape *shape, struct arena *arena, void *value);
/* The same of a row that was come across in a scan. */
void kept_take(struct journal *journal, struct bytes row, const struct shape *shape,
    struct arena *arena, void *value);
void kept_write(struct journal *journal, const struct row_key *key,
    const struct shape *shape, const void *value);
/* The same of one that may be there already: payloads beside it are given up. */
void kept_rewrite(struct journal *journal, const struct row_key *key,
    const struct shape *shape, const void *value);
/* A row that is no more than its key. */
void kept_mark(struct journal *journal, const struct row_key *key);
void kept_drop(struct journal *journal, const struct row_key *key);
/* The same of one whose payloads may lie beside it: they go as well. */
void kept_drop_whole(
    struct journal *journal, const struct row_key *key, const struct shape *shape);
bool kept_exists(struct journal *journal, const struct row_key *key);

/* The first key that begins with `rows` and is behind `after` (nothing: the first one);
 * false if there is none. */
bool kept_first(struct journal *journal, const struct row_key *rows, struct bytes after,
    struct row_key *key);

/* The automation of a row P: its version, 0 if there is none. */
uint32_t automation_version(struct journal *journal, const struct id *project,
    const struct id *automation, struct automation_kept *entry);

/* The id of the run of a slot, or of an event that fires a trigger, in one of
 * `partitions`. */
struct id slot_run(const struct trigger_name *name, uint64_t slot_ms, uint64_t event,
    uint32_t partitions);
#endif

/* messages - everything that actors say to each other, field by field.
 *
 * `run` and `step`, its index there, name a job; `attempt` counts against retries, and
 * `offer` does not; both start at 1.  Lists are msgpack arrays, documents maps by name.
 */
#ifndef TRANSPORT_MESSAGES_H
#define TRANSPORT_MESSAGES_H
#include "base/err.h"
#include "base/field.h"
#include "transport/access_bodies.h"
#include "transport/run_bodies.h"

/* clang-format off */
#define hello_FIELDS(F, S)                                                               \
    F(S, 1, u32, resync, "enum resync; on the wire only RESYNC_ASKED or nothing")        \
    F(S, 2, u64, at_ms,  "the engine's time at the sender: nobody is behind it who has heard")

#define refused_FIELDS(F, S)                                                             \
    F(S, 1, u64,  request, "from the command")                                           \
    F(S, 2, u32,  err,     "enum err")                                                   \
    F(S, 3, text, detail,  "for people: what and where")                                 \
    F(S, 4, list, details, "msgpack array of maps {line, column, path, message}, or nothing")

#define document_FIELDS(F, S)                                                            \
    F(S, 1, u64,     request,  "from the command")                                       \
    F(S, 2, payload, document, "msgpack map to be shown")                                \
    F(S, 3, u32,     created,  "1: it did not exist before")                             \
    F(S, 4, u64,     position, "events: sequence of the last one in the document")       \
    F(S, 5, u32,     finished, "events: 1 if the run is finished and nothing follows")

#define automation_apply_FIELDS(F, S)                                                    \
    F(S, 1, u64,  request,    "to be named in the answer")                               \
    F(S, 2, blob, definition, "YAML or JSON, at most automation_max bytes")              \
    F(S, 3, id,   automation, "id to give it if its name is new")                        \
    F(S, 4, text, name,       "of the automation that gets the version; empty: as the text says") \
    F(S, 5, u32,  draft,      "1: keep the version, publish nothing")                    \
    F(S, 6, u32,  check,      "1: only say what is wrong with it")                     \
    F(S, 7, u32,  make,       "1: an automation called `name` is made if there is none") \
    F(S, 8, u32,  latest,     "only if this is still its latest version; 0: whichever is") \
    F(S, 9, u32,  published,  "and this still the published one; 0: none")

#define automation_published_FIELDS(F, S)                                                \
    F(S, 1, id,      automation, "automation id")                                        \
    F(S, 2, text,    name,       "its name, unique in the project")                      \
    F(S, 3, u32,     version,    "1 for the first")                                      \
    F(S, 4, payload, definition, "the text as applied")                                  \
    F(S, 5, payload, plan,       "the compiled plan")                                    \
    F(S, 6, u32,     draft,      "1: starts do not use it yet")

/* A version, and what its automation was at this revision: the later one holds.  A
 * revision is a new version, a publication or a change of status. */
#define plan_offered_FIELDS(F, S)                                                        \
    F(S, 1, id,      automation, "automation id")                                        \
    F(S, 2, text,    name,       "its name")                                             \
    F(S, 3, u32,     version,    "version number")                                       \
    F(S, 4, payload, plan,       "the compiled plan")                                    \
    F(S, 5, u64,     revision,   "of the automation, from 1")                            \
    F(S, 6, u32,     current,    "the version that starts use; 0: none, or this one if active") \
    F(S, 7, u32,     status,     "enum automation_status; 0: active")

#define plan_learned_FIELDS(F, S) plan_offered_FIELDS(F, S)

#define plan_known_FIELDS(F, S)                                                          \
    F(S, 1, id,  automation, "automation id")                                            \
    F(S, 2, u32, version,    "version number")                                           \
    F(S, 3, u32, partition,  "who knows")                                                \
    F(S, 4, u64, revision,   "from plan_offered")

#define plan_arrived_FIELDS(F, S)                                                        \
    F(S, 1, id,  automation, "automation id")                                            \
    F(S, 2, u32, version,    "version number")                                           \
    F(S, 3, u32, partition,  "who knows; schedulers first, then the trigger actor")      \
    F(S, 4, u64, revision,   "that it knows")

#define triggers_offered_FIELDS(F, S) plan_offered_FIELDS(F, S)
#define triggers_learned_FIELDS(F, S)                                                    \
    plan_offered_FIELDS(F, S)                                                            \
    F(S, 8, list,    found,      "for each trigger, in order: unix ms of its next slot, or its URL's handle, or nil") \
    F(S, 9, u32,     waiting,    "1: events wait, which triggers that listened hear as they are now")
#define triggers_known_FIELDS(F, S)                                                      \
    F(S, 1, id,  automation, "automation id")                                            \
    F(S, 2, u32, version,    "version number")                                           \
    F(S, 3, u64, revision,   "from triggers_offered")

#define automation_list_FIELDS(F, S)                                                     \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, u32,  limit,   "rows, 1 to 1000")                                            \
    F(S, 3, text, cursor,  "next_cursor of the page before, or nothing")

#define automation_get_FIELDS(F, S)                                                      \
    F(S, 1, u64,  request,    "to be named in the answer")                               \
    F(S, 2, text, name,       "name or aut_… id")                                        \
    F(S, 3, u32,  definition, "1: with the text")

#define apply_waits_FIELDS(F, S)                                                         \
    F(S, 1, u64, request,     "from automation_apply")                                   \
    F(S, 2, u32, gateway,     "instance to answer through")                              \
    F(S, 3, id,  automation,  "automation id")                                           \
    F(S, 4, u32, version,     "that everybody must know")                                \
    F(S, 5, u32, created,     "1: the command published it")                             \
    F(S, 6, u64, deadline_ms, "unix ms after which nobody waits")                        \
    F(S, 7, u32, over,        "1: answered, or given up")

#define key_create_FIELDS(F, S)                                                          \
    F(S, 1, u64,    request, "to be named in the answer")                                \
    F(S, 2, id,     key,     "key id")                                                   \
    F(S, 3, text,   name,    "for people")                                               \
    F(S, 4, secret, hash,    "keyed BLAKE2b of the secret part, 32 bytes")               \
    F(S, 5, u32,    scopes,  "bits of enum scope")                                       \
    F(S, 6, text,   prefix,  "first characters, for people to recognise it")             \
    F(S, 7, id,     principal, "whose it is: then scopes are what it may do at most; or zero") \
    F(S, 8, u32,    lone,    "1: though the principal holds no role")                    \
    F(S, 9, text,   role,    "id or name of a role that it is kept to, or nothing")      \
    F(S, 10, id,    asker,   "project of who asks for a key of another one; or zero")

#define key_created_FIELDS(F, S)                                                         \
    F(S, 1, id,     key,     "key id")                                                   \
    F(S, 2, text,   name,    "for people")                                               \
    F(S, 3, secret, hash,    "keyed BLAKE2b of the secret part, 32 bytes")               \
    F(S, 4, u32,    scopes,  "bits of enum scope")                                       \
    F(S, 5, text,   prefix,  "first characters")                                         \
    F(S, 6, id,     principal, "whose it is, or zero")

#define key_revoke_FIELDS(F, S)                                                          \
    F(S, 1, u64, request, "to be named in the answer")                                   \
    F(S, 2, id,  key,     "key id")

#define key_revoked_FIELDS(F, S)                                                         \
    F(S, 1, id, key, "key id")

#define key_list_FIELDS(F, S)                                                            \
    F(S, 1, u64, request, "to be named in the answer")

#define key_offered_FIELDS(F, S)                                                         \
    F(S, 1, id,     key,     "key id")                                                   \
    F(S, 2, secret, hash,    "keyed BLAKE2b of the secret part, 32 bytes")               \
    F(S, 3, u32,    scopes,  "bits of enum scope")                                       \
    F(S, 4, u32,    revoked, "1: refuse it")                                             \
    F(S, 5, text,   name,    "for people")                                               \
    F(S, 6, id,     principal, "whose it is, or zero: it may do only what that one may")

#define keys_complete_FIELDS(F, S)                                                       \
    F(S, 1, u64, count, "keys there are, revoked ones included")

/* A slot is named by `slot_ms`, or by `event` where an event fires. */
#define trigger_fired_FIELDS(F, S)                                                       \
    F(S, 1, id,      run,        "id of the run to be; derived from automation, trigger and slot") \
    F(S, 2, id,      automation, "automation id")                                        \
    F(S, 3, text,    trigger,    "trigger key")                                          \
    F(S, 4, u64,     slot_ms,    "unix ms that the schedule named, or when the event came") \
    F(S, 5, u64,     event,      "number of the (last) event in the stream; 0: a schedule") \
    F(S, 6, payload, inputs,     "msgpack map, or nothing")                              \
    F(S, 7, payload, data,       "msgpack of the event: what `event` names; or nothing") \
    F(S, 8, payload, meta,       "msgpack map: what `meta` names beside the engine's own; or nothing") \
    F(S, 9, text,    source,     "schedule, http or event")                              \
    F(S, 10, u32,    concurrency, "enum plan_concurrency of the trigger; 0: the automation's") \
    F(S, 11, u32,    runs_max,   "active runs that this trigger started, at most; 0: no limit") \
    F(S, 12, u64,    next_ms,    "of a schedule: the slot that comes next; 0: an interval later") \
    F(S, 13, blob,   group,      "of an event: its value of the trigger's group, or nothing") \
    F(S, 14, u32,    held,       "1: what was held back of the group is in it")          \
    F(S, 15, u64,    quiet_ms,   "unix ms until when the group fires no more; 0: it may") \
    F(S, 16, u32,    echo,       "1: the end of a run fires it, so that of its own run is no event") \
    F(S, 17, u64,    record,     "its own, which forgets it when it is settled; 0: that stays")

#define fire_taken_FIELDS(F, S)                                                          \
    F(S, 1, id,   automation, "automation id")                                           \
    F(S, 2, text, trigger,    "trigger key")                                             \
    F(S, 3, u64,  slot_ms,    "unix ms that the schedule named")                         \
    F(S, 4, id,   run,        "the run")                                                 \
    F(S, 5, u64,  event,      "from trigger_fired")

#define fire_refused_FIELDS(F, S)                                                        \
    F(S, 1, id,   run,        "from trigger_fired")                                      \
    F(S, 2, id,   automation, "automation id")                                           \
    F(S, 3, text, trigger,    "trigger key")                                             \
    F(S, 4, u64,  slot_ms,    "unix ms that the schedule named")                         \
    F(S, 5, u64,  event,      "from trigger_fired")                                      \
    F(S, 6, text, refusal,    "why there is no run")

#define refusal_known_FIELDS(F, S)                                                       \
    F(S, 1, id,   run,        "from fire_refused")

#define fire_settled_FIELDS(F, S)                                                        \
    F(S, 1, id,   automation, "automation id")                                           \
    F(S, 2, text, trigger,    "trigger key")                                             \
    F(S, 3, u64,  slot_ms,    "unix ms that the schedule named")                         \
    F(S, 4, u64,  event,      "from trigger_fired")                                      \
    F(S, 5, text, refusal,    "why there is no run")

#define slot_skipped_FIELDS(F, S)                                                        \
    F(S, 1, id,   automation, "automation id")                                           \
    F(S, 2, text, trigger,    "trigger key")                                             \
    F(S, 3, u64,  slot_ms,    "unix ms of the last one that was missed")                 \
    F(S, 4, u64,  next_ms,    "unix ms of the slot that comes next")

#define lease_seen_FIELDS(F, S)                                                          \
    F(S, 1, u64, epoch, "of the lease actor")

#define lane_read_FIELDS(F, S)                                                           \
    F(S, 1, u64, lane,   "number of the kind of job")                                    \
    F(S, 2, u64, record, "jobs up to this one were read: the record of its call")        \
    F(S, 3, id,  run,    "its run")                                                      \
    F(S, 4, u32, step,   "its index in the run")                                         \
    F(S, 5, u32, more,   "1: there may be more behind it")

#define peer_reset_FIELDS(F, S)                                                          \
    F(S, 1, u32, actor,    "enum actor_name of the peer")                                \
    F(S, 2, u32, instance, "of the peer")                                                \
    F(S, 3, u32, life,     "1: it began anew; 0: it missed something")                   \
    F(S, 4, u32, gap,      "1: we missed something: it will say its state again")

#define job_offered_FIELDS(F, S)                                                         \
    F(S, 1,  id,      run,         "run id")                                             \
    F(S, 2,  u32,     step,        "index in the run")                                   \
    F(S, 3,  u32,     attempt,     "the attempt")                                        \
    F(S, 4,  u32,     offer,       "granted at most once")                               \
    F(S, 5,  u64,     lane,        "number of the kind of job it is")                    \
    F(S, 6,  text,    key,         "step key")                                           \
    F(S, 7,  text,    automation,  "name")                                               \
    F(S, 8,  text,    action,      "action_name")                                        \
    F(S, 9,  text,    queue,       "queue")                                              \
    F(S, 10, list,    labels,      "msgpack array of texts that a worker must have")     \
    F(S, 11, text,    environment, "environment id, or nothing")                         \
    F(S, 12, payload, parameters,  "msgpack map")                                        \
    F(S, 13, u64,     deadline_ms, "unix ms when the attempt times out; 0: never")       \
    F(S, 14, u32,     leased,      "enum offered_as")                                    \
    F(S, 15, id,      session,     "that session")                                       \
    F(S, 16, u64,     order,       "record number of its call: older jobs first")        \
    F(S, 17, u64,     life,        "epoch of the lease actor that may grant it")        \
    F(S, 18, u64,     ready_us,    "when it left, durable; since boot")

#define job_withdrawn_FIELDS(F, S)                                                       \
    F(S, 1, id,   run,     "run id")                                                     \
    F(S, 2, u32,  step,    "index in the run")                                           \
    F(S, 3, u32,  attempt, "this attempt and all before it")                             \
    F(S, 4, text, reason,  "for people")

#define job_leased_FIELDS(F, S)                                                          \
    F(S, 1, id,   run,     "run id")                                                     \
    F(S, 2, u32,  step,    "index in the run")                                           \
    F(S, 3, u32,  attempt, "the attempt")                                                \
    F(S, 4, u32,  offer,   "the offer")                                                  \
    F(S, 5, id,   session, "worker session that holds it")                               \
    F(S, 6, text, worker,  "instance id of the worker")                                  \
    F(S, 7, u32,  unknown, "1: the lease actor knows its token, not the job: say it again")

#define job_lost_FIELDS(F, S)                                                            \
    F(S, 1, id,   run,     "run id")                                                     \
    F(S, 2, u32,  step,    "index in the run")                                           \
    F(S, 3, u32,  attempt, "the attempt")                                                \
    F(S, 4, u32,  offer,   "the offer")                                                  \
    F(S, 5, id,   session, "worker session that held it")

#define job_returned_FIELDS(F, S) job_lost_FIELDS(F, S)

#define job_reoffered_FIELDS(F, S)                                                       \
    F(S, 1, id,   run,     "run id")                                                     \
    F(S, 2, u32,  step,    "index in the run")                                           \
    F(S, 3, u32,  attempt, "the attempt")                                                \
    F(S, 4, u32,  offer,   "the new offer")

/* A token is 60 bytes that only the lease actor can make:
 * run (16), step, attempt, offer (4 each, big-endian), session (16), MAC (16). */
#define job_report_FIELDS(F, S)                                                          \
    F(S, 1, id,      session,       "worker session that speaks")                        \
    F(S, 2, blob,    token,         "from job_granted")                                  \
    F(S, 3, u32,     outcome,       "enum outcome")                                      \
    F(S, 4, payload, output,        "msgpack of the worker, or nothing")                 \
    F(S, 5, text,    error_type,    "a word, if failed")                                 \
    F(S, 6, text,    error_message, "for people, if failed")                             \
    F(S, 7, u64,     retry_after_ms, "how long another attempt should wait, if failed")

#define job_reported_FIELDS(F, S)                                                        \
    F(S, 1, id,      run,           "run id")                                            \
    F(S, 2, u32,     step,          "index in the run")                                  \
    F(S, 3, u32,     attempt,       "the attempt")                                       \
    F(S, 4, u32,     offer,         "the offer")                                         \
    F(S, 5, id,      session,       "worker session that reports")                       \
    F(S, 6, u32,     outcome,       "enum outcome")                                      \
    F(S, 7, payload, output,        "msgpack of the worker, or nothing")                 \
    F(S, 8, text,    error_type,    "a word, if failed")                                 \
    F(S, 9, text,    error_message, "for people, if failed")                             \
    F(S, 10, u32,    gateway,       "instance to answer through")                        \
    F(S, 11, text,   worker,        "instance id, if the session holds the lease")       \
    F(S, 12, u64,    retry_after_ms, "how long another attempt should wait, if failed")

#define job_settled_FIELDS(F, S)                                                         \
    F(S, 1, id,   run,     "run id")                                                     \
    F(S, 2, u32,  step,    "index in the run")                                           \
    F(S, 3, u32,  attempt, "the attempt")                                                \
    F(S, 4, u32,  offer,   "the offer")                                                  \
    F(S, 5, id,   session, "worker session that the lease belonged to")                  \
    F(S, 6, u32,  verdict, "enum verdict")                                               \
    F(S, 7, u32,  gateway, "instance to answer through")                                 \
    F(S, 8, u32,  reported, "1: a report is answered; 0: only the lease is over")

#define report_settled_FIELDS(F, S)                                                      \
    F(S, 1, id,   session, "worker session that reported")                               \
    F(S, 2, blob, token,   "from the report")                                            \
    F(S, 3, u32,  verdict, "enum verdict")

#define job_granted_FIELDS(F, S)                                                         \
    F(S, 1,  id,      session,      "worker session that gets it")                       \
    F(S, 2,  id,      run,          "run id")                                            \
    F(S, 3,  u32,     step,         "index in the run")                                  \
    F(S, 4,  u32,     attempt,      "the attempt")                                       \
    F(S, 5,  u32,     offer,        "the offer")                                         \
    F(S, 6,  blob,    token,        "echo it in every word about the job")               \
    F(S, 7,  text,    key,          "step key")                                          \
    F(S, 8,  text,    automation,   "name")                                              \
    F(S, 9,  text,    action,       "action_name")                                       \
    F(S, 10, text,    queue,        "queue")                                             \
    F(S, 11, payload, parameters,   "msgpack map")                                       \
    F(S, 12, u64,     deadline_ms,  "unix ms when the attempt times out; 0: never")                 \
    F(S, 13, list,    labels,       "msgpack array of texts that the job asks for")      \
    F(S, 14, u64,     ready_us,     "from the offer, or 0")

#define job_cancel_FIELDS(F, S)                                                          \
    F(S, 1, id,   session, "worker session that holds it")                               \
    F(S, 2, blob, token,   "of its lease")                                               \
    F(S, 3, text, reason,  "for people")

#define job_log_FIELDS(F, S)                                                             \
    F(S, 1, id,   session, "worker session that speaks")                                 \
    F(S, 2, blob, token,   "from job_granted")                                           \
    F(S, 3, text, stream,  "stdout, stderr, …")                                          \
    F(S, 4, text, chunk,   "UTF-8 text, any number of lines")

#define job_adopted_FIELDS(F, S)                                                         \
    F(S, 1, id,  run,     "run id")                                                      \
    F(S, 2, u32, step,    "index in the run")                                            \
    F(S, 3, u32, attempt, "the attempt")                                                 \
    F(S, 4, u32, offer,   "the offer")                                                   \
    F(S, 5, id,  session, "worker session that holds it")

#define job_printed_FIELDS(F, S)                                                         \
    F(S, 1, id,   run,     "run id")                                                     \
    F(S, 2, u32,  step,    "index in the run")                                           \
    F(S, 3, u32,  attempt, "the attempt")                                                \
    F(S, 4, text, stream,  "stdout, stderr, …")                                          \
    F(S, 5, text, chunk,   "UTF-8 text, any number of lines")

#define worker_register_FIELDS(F, S)                                                     \
    F(S, 1,  u64,    request,     "to be named in the answer")                           \
    F(S, 2,  id,     session,     "id to give it unless `token` proves another")         \
    F(S, 3,  text,   instance,    "worker_instance_id, unique in the project")           \
    F(S, 4,  secret, token,       "session token of an earlier registration, or nothing")\
    F(S, 5,  text,   name,        "for people")                                          \
    F(S, 6,  text,   version,     "of the worker program, for people")                   \
    F(S, 7,  list,   queues,      "msgpack array of texts; empty: default")              \
    F(S, 8,  list,   actions,     "msgpack array of texts; empty: every action")         \
    F(S, 9,  list,   labels,      "msgpack array of texts that it has")                  \
    F(S, 10, text,   environment, "environment id, or nothing")                          \
    F(S, 11, u32,    capacity,    "jobs it will hold at most")                           \
    F(S, 12, list,   held,        "msgpack array of lease tokens that it holds")         \
    F(S, 13, text,   dialect,     "zmq, …")                                               \
    F(S, 14, u32,    each,        "1: it says of each job by itself that it goes on with it") \
    F(S, 15, u32,    again,       "1: over the connection that it has: grants may be under way") \
    F(S, 16, u32,    recall,      "1: it cannot say what it held before a restart: it is told")

#define worker_registered_FIELDS(F, S)                                                   \
    F(S, 1, u64,    request,      "from the command")                                    \
    F(S, 2, id,     session,      "worker session")                                      \
    F(S, 3, secret, token,        "present it when registering again")                   \
    F(S, 4, u32,    lease_ms,     "silence that costs a lease")                          \
    F(S, 5, u32,    heartbeat_ms, "how often to be heard")                               \
    F(S, 6, list,   lost,         "msgpack array of the held tokens that are no longer leases") \
    F(S, 7, list,   recalled,     "msgpack array of tokens that it holds besides, if it asked")

#define worker_joined_FIELDS(F, S)                                                       \
    F(S, 1,  id,   session,     "worker session")                                        \
    F(S, 2,  text, instance,    "worker_instance_id, unique in the project")             \
    F(S, 3,  text, name,        "for people")                                            \
    F(S, 4,  text, version,     "of the worker program, for people")                     \
    F(S, 5,  list, queues,      "msgpack array of texts; empty: default")                \
    F(S, 6,  list, actions,     "msgpack array of texts; empty: every action")           \
    F(S, 7,  list, labels,      "msgpack array of texts that it has")                    \
    F(S, 8,  text, environment, "environment id, or nothing")                            \
    F(S, 9,  u32,  capacity,    "jobs it will hold at most")                             \
    F(S, 10, text, dialect,     "zmq, …")                                                \
    F(S, 11, u32,  gateway,     "instance that it is connected to")                      \
    F(S, 12, u32,  each,        "1: each of its jobs is heard by itself")                \
    F(S, 13, u32,  recall,      "1: it is told what it held before a restart")

#define job_heard_FIELDS(F, S)                                                           \
    F(S, 1, id,  run,  "run id")                                                         \
    F(S, 2, u32, step, "index in the plan")

#define worker_ready_FIELDS(F, S)                                                        \
    F(S, 1, id,  session,  "worker session")                                             \
    F(S, 2, u32, capacity, "jobs it will hold at most from now on; 0: no more, draining")

#define worker_heartbeat_FIELDS(F, S)                                                    \
    F(S, 1, id,   session, "worker session")                                             \
    F(S, 2, list, held,    "msgpack array of lease tokens that it holds; some of them if `each`") \
    F(S, 3, u64,  request, "to be named in the answer")                                  \
    F(S, 4, list, silent,  "msgpack array of lease tokens that nobody spoke for: they are lost")

#define heartbeat_answer_FIELDS(F, S)                                                    \
    F(S, 1, id,   session, "worker session")                                             \
    F(S, 2, list, lost,    "msgpack array of tokens that are no longer leases")          \
    F(S, 3, list, cancel,  "msgpack array of tokens whose jobs should stop")             \
    F(S, 4, u64,  request, "from the heartbeat")                                         \
    F(S, 5, u32,  known,   "0: no such session here, register again")                   \
    F(S, 6, list, recalled, "msgpack array of tokens that it holds besides, if it asked")

#define workers_idle_FIELDS(F, S)                                                        \
    F(S, 1, blob, heard, "ids, 16 bytes each: heard since the last time, or connected")  \
    F(S, 2, blob, kept,  "the same of those that are silent, and may be")

#define worker_gone_FIELDS(F, S)                                                         \
    F(S, 1, id,     session,  "worker session, unless `token` proves another")           \
    F(S, 2, u32,    goodbye,  "1: it said so, and returns what it held; 0: connection broke") \
    F(S, 3, secret, token,    "of one that was not answered yet: what it registered with") \
    F(S, 4, text,   instance, "of the same")

#define worker_list_FIELDS(F, S)                                                         \
    F(S, 1, u64, request, "to be named in the answer")

#define worker_heard_FIELDS(F, S)                                                        \
    F(S, 1, id,  session,  "worker session")                                             \
    F(S, 2, u32, capacity, "new capacity plus 1; 0: unchanged")

#define worker_left_FIELDS(F, S)                                                         \
    F(S, 1, id,  session, "worker session")                                              \
    F(S, 2, u32, leaving, "1: it returns what it holds; 0: only its connection broke")   \
    F(S, 3, u32, gone,    "1: forget it")

#define job_released_FIELDS(F, S)                                                        \
    F(S, 1, id,  run,     "run id")                                                      \
    F(S, 2, u32, step,    "index in the run")                                            \
    F(S, 3, u32, attempt, "the attempt")                                                 \
    F(S, 4, u32, offer,   "the offer")

#define event_list_FIELDS(F, S)                                                          \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, id,   run,     "run id")                                                     \
    F(S, 3, u64,  after,   "sequence after which to begin")                              \
    F(S, 4, u32,  limit,   "events, 1 to 1000")

#define log_list_FIELDS(F, S) event_list_FIELDS(F, S)

#define version_publish_FIELDS(F, S)                                                     \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, text, name,    "name or aut_… id")                                           \
    F(S, 3, u32,  version, "version number")

#define version_promoted_FIELDS(F, S)                                                    \
    F(S, 1, id,  automation, "automation id")                                            \
    F(S, 2, u32, version,    "version number")                                           \
    F(S, 3, u64, revision,   "of the automation")

#define version_list_FIELDS(F, S)                                                        \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, text, name,    "name or aut_… id")                                           \
    F(S, 3, u32,  limit,   "rows, 1 to 1000")                                            \
    F(S, 4, text, cursor,  "next_cursor of the page before, or nothing")                 \
    F(S, 5, u32,  version, "only this one, with its text; 0: a page of all")

#define automation_set_FIELDS(F, S)                                                      \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, text, name,    "name or aut_… id")                                           \
    F(S, 3, u32,  status,  "enum automation_status")                                     \
    F(S, 4, text, reason,  "for people, or nothing")

#define automation_changed_FIELDS(F, S)                                                  \
    F(S, 1, id,   automation, "automation id")                                           \
    F(S, 2, u32,  status,     "enum automation_status")                                  \
    F(S, 3, text, reason,     "for people, or nothing")                                  \
    F(S, 4, u64,  revision,   "of the automation")

#define automation_failing_FIELDS(F, S)                                                  \
    F(S, 1, id,  automation, "automation id")                                            \
    F(S, 2, u32, failures,   "in a row")                                                 \
    F(S, 3, u64, revision,   "of the automation as the scheduler knew it")               \
    F(S, 4, id,  run,        "the last one that failed")

#define failing_known_FIELDS(F, S)                                                       \
    F(S, 1, id,  automation, "automation id")                                            \
    F(S, 2, u64, revision,   "from automation_failing")

#define queue_set_FIELDS(F, S)                                                           \
    F(S, 1, u64,  request,  "to be named in the answer")                                 \
    F(S, 2, text, queue,    "its name")                                                  \
    F(S, 3, u32,  limit,    "jobs out at a time; 0: any number")                         \
    F(S, 4, u32,  keep,     "1: the limit stays what it is")                             \
    F(S, 5, blob, settings, "msgpack map that a dialect keeps with the queue; or nothing: what is kept stays")

#define queue_changed_FIELDS(F, S)                                                       \
    F(S, 1, text, queue,    "its name")                                                  \
    F(S, 2, u32,  limit,    "jobs out at a time; 0: any number")                         \
    F(S, 3, blob, settings, "msgpack map, or nothing")

#define queue_offered_FIELDS(F, S)                                                       \
    F(S, 1, text, queue, "its name")                                                     \
    F(S, 2, u32,  limit, "jobs out at a time; 0: any number")

#define queues_complete_FIELDS(F, S)                                                     \
    F(S, 1, u64, count, "queues that have been set")

#define queue_get_FIELDS(F, S)                                                           \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, text, queue,   "its name")

#define queue_list_FIELDS(F, S)                                                          \
    F(S, 1, u64, request, "to be named in the answer")

#define leases_told_FIELDS(F, S)                                                         \
    F(S, 1, u32, partition, "whose leases")                                              \
    F(S, 2, u64, life,      "of the lease actor that was told: its epoch")

#define lane_explain_FIELDS(F, S)                                                        \
    F(S, 1, u64,  request,     "to be named in the answer")                              \
    F(S, 2, text, queue,       "of the job")                                             \
    F(S, 3, text, action,      "of the job")                                             \
    F(S, 4, list, labels,      "msgpack array of texts that a worker must have")         \
    F(S, 5, text, environment, "environment id, or nothing")

#define event_publish_FIELDS(F, S)                                                       \
    F(S, 1, u64,     request,  "to be named in the answer")                              \
    F(S, 2, u64,     question, "the request by which it was asked first")                \
    F(S, 3, text,    id,       "the caller's id: the same one is the same event; or nothing") \
    F(S, 4, text,    type,     "such as github.issue.created")                           \
    F(S, 5, text,    source,   "or nothing")                                             \
    F(S, 6, payload, data,     "msgpack map: what `event` names")                        \
    F(S, 7, payload, meta,     "msgpack map, or nothing")

#define event_kept_FIELDS(F, S)                                                          \
    F(S, 1, u64,     number, "in the project's stream, from 1, without gaps")            \
    F(S, 2, text,    id,     "the caller's id, or nothing")                              \
    F(S, 3, text,    type,   "such as github.issue.created")                             \
    F(S, 4, text,    source, "or nothing")                                               \
    F(S, 5, payload, data,   "msgpack map")                                              \
    F(S, 6, payload, meta,   "msgpack map, or nothing")                                  \
    F(S, 7, id,      automation, "whose http trigger it fires, or zero")                 \
    F(S, 8, text,    trigger, "the key of that, or nothing")                             \
    F(S, 9, u64,     question, "that asked for it; 0: none")                             \
    F(S, 10, u64,    record, "its own, which forgets it when it expires; 0: that stays")

/* `at` is the key of the last row that was looked at, with its place among the classes
 * of the event's type in front. */
#define event_routed_FIELDS(F, S)                                                        \
    F(S, 1, u64,  number, "in the project's stream")                                     \
    F(S, 2, u32,  whole,  "1: nothing more follows from it")                             \
    F(S, 3, blob, at,     "where to go on, if more does")

#define fires_passed_FIELDS(F, S)                                                        \
    F(S, 1, u32,  partition, "of the scheduler that has not settled them")

#define event_held_FIELDS(F, S)                                                          \
    F(S, 1, id,   automation, "automation id")                                           \
    F(S, 2, text, trigger,    "trigger key")                                             \
    F(S, 3, u64,  number,     "of the event in the stream")                              \
    F(S, 4, blob, group,      "its value of the trigger's group, or nothing")            \
    F(S, 5, u64,  due_ms,     "unix ms when the trigger fires with what it holds; 0: when it holds enough") \
    F(S, 6, u32,  alone,      "1: in place of what was held before")

#define hold_ended_FIELDS(F, S)                                                          \
    F(S, 1, id,   automation, "automation id")                                           \
    F(S, 2, text, trigger,    "trigger key")                                             \
    F(S, 3, blob, group,      "a value of the trigger's group, or nothing")

#define events_expired_FIELDS(F, S)                                                      \
    F(S, 1, u64, through, "number of the last one that is gone")

#define stream_list_FIELDS(F, S)                                                         \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, u64,  after,   "number after which to begin")                                \
    F(S, 3, u32,  limit,   "events, 1 to 1000")                                          \
    F(S, 4, text, type,    "pattern, or nothing")

#define stream_changed_FIELDS(F, S)                                                      \
    F(S, 1, u64, number, "of the last event")

#define hook_call_FIELDS(F, S)                                                           \
    F(S, 1, u64,     request,  "to be named in the answer")                              \
    F(S, 2, u64,     question, "the request by which it was asked first")                \
    F(S, 3, text,    handle,   "last part of the URL")                                   \
    F(S, 4, payload, headers,  "msgpack map of texts, names in lower case")              \
    F(S, 5, blob,    body,     "as it came: what was signed")                            \
    F(S, 6, payload, data,     "msgpack of the body if it is JSON, or nothing")          \
    F(S, 7, text,    query,    "of the URL, or nothing")

#define secret_set_FIELDS(F, S)                                                          \
    F(S, 1, u64,    request, "to be named in the answer")                                \
    F(S, 2, text,   name,    "of the secret")                                            \
    F(S, 3, secret, value,   "bytes; empty: forget it")

#define secret_kept_FIELDS(F, S)                                                         \
    F(S, 1, text,   name,  "of the secret")                                              \
    F(S, 2, secret, value, "bytes; empty: there is none any more")                      \
    F(S, 3, u32,    sealed, "1: with the engine's secret, see base/seal.h; 0: in clear, by earlier releases")

#define secret_list_FIELDS(F, S)                                                         \
    F(S, 1, u64, request, "to be named in the answer")

/* Scope and key have 1 to 128 bytes.  `conditional` 1: only if the key has `revision` (0:
 * only if there is no such key). */
#define state_set_FIELDS(F, S)                                                           \
    F(S, 1, u64,     request,     "to be named in the answer")                           \
    F(S, 2, u64,     question,    "the request by which it was asked first")             \
    F(S, 3, text,    scope,       "of the key")                                          \
    F(S, 4, text,    key,         "in the scope")                                        \
    F(S, 5, payload, value,       "msgpack")                                             \
    F(S, 6, u32,     conditional, "1: only if the key has this revision")                \
    F(S, 7, u64,     revision,    "number of the key's last change; 0: there is none")

#define state_update_FIELDS(F, S)                                                        \
    F(S, 1, u64,     request,     "to be named in the answer")                           \
    F(S, 2, u64,     question,    "the request by which it was asked first")             \
    F(S, 3, text,    scope,       "of the key")                                          \
    F(S, 4, text,    key,         "in the scope")                                        \
    F(S, 5, payload, ops,         "msgpack array of operations: see docs/state.md")      \
    F(S, 6, u32,     conditional, "1: only if the key has this revision")                \
    F(S, 7, u64,     revision,    "number of the key's last change; 0: there is none")

#define state_delete_FIELDS(F, S)                                                        \
    F(S, 1, u64,     request,     "to be named in the answer")                           \
    F(S, 2, u64,     question,    "the request by which it was asked first")             \
    F(S, 3, text,    scope,       "of the key")                                          \
    F(S, 4, text,    key,         "in the scope")                                        \
    F(S, 6, u32,     conditional, "1: only if the key has this revision")                \
    F(S, 7, u64,     revision,    "number of the key's last change; 0: there is none")

#define state_get_FIELDS(F, S)                                                           \
    F(S, 1, u64,     request, "to be named in the answer")                               \
    F(S, 2, text,    scope,   "of the key")                                              \
    F(S, 3, text,    key,     "in the scope")

#define state_list_FIELDS(F, S)                                                          \
    F(S, 1, u64,     request,   "to be named in the answer")                             \
    F(S, 2, text,    scope,     "of the keys")                                           \
    F(S, 3, text,    after,     "key behind which to begin, or nothing")                 \
    F(S, 4, u32,     limit,     "keys, 1 to 10000")                                      \
    F(S, 5, u32,     values,    "1: with their values")                                  \
    F(S, 6, u32,     bytes_max, "of the items, about; 0: 1 MiB")

#define scope_list_FIELDS(F, S)                                                          \
    F(S, 1, u64,     request, "to be named in the answer")                               \
    F(S, 2, text,    after,   "scope behind which to begin, or nothing")                 \
    F(S, 3, u32,     limit,   "scopes, 1 to 10000")

#define state_changed_FIELDS(F, S)                                                       \
    F(S, 1, text,    scope,    "of the key")                                             \
    F(S, 2, text,    key,      "in the scope")                                           \
    F(S, 3, payload, value,    "msgpack; nothing if it is deleted")                      \
    F(S, 4, u32,     deleted,  "1: there is no such key any more")                       \
    F(S, 5, u64,     revision, "number of this change among those of the project's state") \
    F(S, 6, u64,     question, "that asked for it")                                      \
    F(S, 7, payload, errors,   "of an update: msgpack array of what was passed over")    \
    F(S, 8, u64,     record,   "its own, which forgets the value when nobody has it any more; 0: that stays") \
    F(S, 9, u64,     bytes,    "of the value before, of this one and of errors")

#define state_told_FIELDS(F, S)                                                          \
    F(S, 1, text,    scope,     "of the key")                                            \
    F(S, 2, text,    key,       "in the scope")                                          \
    F(S, 3, payload, old_value, "msgpack; nothing: there was none")                      \
    F(S, 4, payload, new_value, "msgpack; nothing: there is none any more")

#define trigger_list_FIELDS(F, S)                                                        \
    F(S, 1, u64,  request,    "to be named in the answer")                               \
    F(S, 2, id,   automation, "automation id, or zero")                                  \
    F(S, 3, text, name,       "of the automation, if it has no id")

#define schedule_next_FIELDS(F, S)                                                       \
    F(S, 1, u64,  request,    "to be named in the answer")                               \
    F(S, 2, id,   automation, "automation id, or zero")                                  \
    F(S, 3, text, name,       "of the automation, if it has no id")                      \
    F(S, 4, u32,  count,      "slots, 1 to 1000")                                        \
    F(S, 5, u64,  after_ms,   "unix ms; 0: now")

#define wait_offered_FIELDS(F, S)                                                        \
    F(S, 1, id,      run,        "run id")                                               \
    F(S, 2, u32,     step,       "index in the run")                                     \
    F(S, 3, u32,     attempt,    "of the step")                                          \
    F(S, 4, text,    event_type, "or pattern")                                           \
    F(S, 5, text,    source,     "or nothing")                                           \
    F(S, 6, payload, match,      "map of path to value, rendered, or nothing")           \
    F(S, 7, text,    condition,  "over event and meta, or nothing")                      \
    F(S, 8, u64,     since_ms,   "unix ms: look at events from then on")                 \
    F(S, 9, u64,     after,      "and behind this number, which the run had before")     \
    F(S, 10, u64,    order,      "record number of its opening: older ones first")

#define wait_learned_FIELDS(F, S) wait_offered_FIELDS(F, S)

#define wait_known_FIELDS(F, S)                                                          \
    F(S, 1, id,  run,     "run id")                                                      \
    F(S, 2, u32, step,    "index in the run")                                            \
    F(S, 3, u32, attempt, "of the step")                                                 \
    F(S, 4, u32, open,    "1: it is looked for; 0: no more")

#define wait_withdrawn_FIELDS(F, S)                                                      \
    F(S, 1, id,  run,     "run id")                                                      \
    F(S, 2, u32, step,    "index in the run")                                            \
    F(S, 3, u32, attempt, "of the step")                                                 \
    F(S, 4, u64, order,   "record number of its end")

#define wait_forgotten_FIELDS(F, S) wait_withdrawn_FIELDS(F, S)

#define wait_looked_FIELDS(F, S)                                                         \
    F(S, 1, id,  run,     "run id")                                                      \
    F(S, 2, u32, step,    "index in the run")                                            \
    F(S, 3, u32, attempt, "of the step")                                                 \
    F(S, 4, u64, number,  "of the last event that was looked at")                        \
    F(S, 5, u32, whole,   "1: what comes now finds the wait")

#define wait_matched_FIELDS(F, S)                                                        \
    F(S, 1, id,      run,     "run id")                                                  \
    F(S, 2, u32,     step,    "index in the run")                                        \
    F(S, 3, u32,     attempt, "of the step")                                             \
    F(S, 4, u64,     number,  "of the event")                                            \
    F(S, 5, text,    type,    "of the event")                                            \
    F(S, 6, text,    source,  "of the event")                                            \
    F(S, 7, payload, data,    "of the event")                                            \
    F(S, 8, payload, meta,    "of the event")                                            \
    F(S, 9, u64,     record,  "its own, which forgets it when it is taken; 0: that stays")

#define wait_settled_FIELDS(F, S)                                                        \
    F(S, 1, id,  run,     "run id")                                                      \
    F(S, 2, u32, step,    "index in the run")                                            \
    F(S, 3, u32, attempt, "of the step")                                                 \
    F(S, 4, u64, order,   "from wait_offered or wait_withdrawn")

#define match_taken_FIELDS(F, S)                                                         \
    F(S, 1, id,  run,     "run id")                                                      \
    F(S, 2, u32, step,    "index in the run")                                            \
    F(S, 3, u32, attempt, "of the step")
/* clang-format on */

/* On disk: never renumber. */
enum automation_status {
    AUTOMATION_ACTIVE = 1,
    AUTOMATION_DRAFT = 2,    /* no version is published: only drafts can be started */
    AUTOMATION_PAUSED = 3,   /* triggers are suppressed; runs go on */
    AUTOMATION_ARCHIVED = 4, /* new runs are refused */
};
/* "active", "draft", "paused", "archived". */
const char *automation_status_name(enum automation_status status);

/* On disk: never renumber. */
enum run_status {
    RUN_WAITING = 1,
    RUN_RUNNING = 2,
    RUN_SUSPENDED = 3,
    RUN_DONE = 4,
    RUN_BROKEN = 5,
    RUN_STOPPED = 6,
};
/* "queued", "running", "suspended", "completed", "failed", "cancelled". */
const char *run_status_name(enum run_status status);
/* 0: there is none of this name. */
enum run_status run_status_read(struct bytes name);
static inline bool
run_status_final(enum run_status status)
{
    return status >= RUN_DONE;
}

/* What a step asks people, derived from the attempt: asking again is the same question.
 */
struct id
interaction_id(const struct id *run, uint32_t step, uint32_t attempt, bool escalated);

/* What a worker says became of its job.  On the wire: never renumber. */
enum outcome {
    OUTCOME_COMPLETED = 1,
    OUTCOME_FAILED = 2,
    OUTCOME_CANCELLED = 3,
    OUTCOME_RETURNED = 4, /* it was not begun: another may do the same attempt */
    OUTCOME_FATAL = 5,    /* failed, and another attempt would fail too */
};

/* Who has a job that is offered.  On the wire: never renumber. */
enum offered_as {
    OFFERED_FREE = 0,
    OFFERED_HELD = 1,   /* the session that is named */
    OFFERED_UNSURE = 2, /* nobody, or whom an earlier lease actor gave it to untold */
};

/* What was decided about a report or a lease.  On the wire: never renumber. */
enum verdict {
    VERDICT_ACCEPTED = 1, /* it is in the log, now or since an earlier report */
    VERDICT_STALE = 2,    /* the lease is not current: nothing changed */
};

/* How an attempt ended.  On disk: never renumber. */
enum ending {
    ENDING_REPORT = 1,
    ENDING_SILENCE = 2,
    ENDING_TIME = 3,
    ENDING_CANCEL = 4,
    ENDING_FATAL = 5, /* reported, and not to be tried again */
};

/* What an API key may do.  On disk: never renumber. */
enum scope { SCOPE_READ = 1, SCOPE_START = 2, SCOPE_WORK = 4, SCOPE_ADMIN = 8 };
enum { SCOPES_ALL = SCOPE_READ | SCOPE_START | SCOPE_WORK | SCOPE_ADMIN };

/* On disk: never renumber. */
enum action_kind {
    ACTION_HTTP = 1,   /* called at a URL, by whoever does http.request */
    ACTION_WORKER = 2, /* done by workers that know it by its name */
};

/* On disk: never renumber. */
enum project_status {
    PROJECT_ACTIVE = 1,
    PROJECT_DELETED = 2, /* all of it is kept; its keys are refused until it is back */
};

/* On disk: never renumber. */
enum principal_state {
    PRINCIPAL_ACTIVE = 1,
    PRINCIPAL_DISABLED = 2, /* its keys are refused until it is active again */
    PRINCIPAL_DELETED = 3,  /* its keys are refused for ever */
};

/* Why a HELLO reaches an actor.  Each time the peer must hear our state again; after a
 * new life and a gap it will also say its own again, so what it said before is void. */
enum resync { RESYNC_ASKED = 1, RESYNC_NEW_LIFE = 2, RESYNC_GAP = 3 };

enum message_code {
    MESSAGE_NONE = 0,
#define MESSAGE(number, code, name, kind, from, to, about) code = number,
#include "transport/messages.def"
    MESSAGE_END /* one past the highest number */
};

enum message_kind { COMMAND = 1, FACT, NOTE, REPLY };

/* On the wire: never renumber. */
enum actor_name {
    ACTOR_nobody,
    ACTOR_any,
    ACTOR_registry,
    ACTOR_trigger,
    ACTOR_scheduler,
    ACTOR_lease,
    ACTOR_view,
    ACTOR_gateway,
    ACTOR_COUNT
};
const char *actor_name_text(enum actor_name name);

#define MESSAGE(number, code, name, kind, from, to, about)                             \
    struct name {                                                                      \
        name##_FIELDS(FIELD_MEMBER, name)                                              \
    };
#include "transport/messages.def"

/* Why it was refused: never ERR_NONE, ERR_CORRUPT if we do not know such an error. */
enum err refused_err(const struct refused *refused);
/* For people: never empty. */
struct bytes refused_sentence(const struct refused *refused);

/* What every message carries before its body. */
struct envelope {
    enum actor_name from;
    uint32_t instance;  /* of the sender: partition of a scheduler, 0 for others */
    uint64_t epoch;     /* this life of the sender: unix microseconds at its start */
    uint64_t sequence;  /* of this link in this life, from 1, without gaps */
    uint64_t id;        /* of this message among its sender's */
    uint64_t cause;     /* id of the message that led to this one, 0 if none */
    uint32_t partition; /* of what the message is about */
    struct id project;
    uint64_t deadline_ms; /* unix ms after which nobody waits for the answer; 0: none */
    struct id trace;      /* of the request that began it all, or zero */
};

struct message {
    enum message_code code;
    enum actor_name to; /* filled in when said; differs from the catalogue for `any` */
    uint32_t to_instance;
    bool again; /* it was said before: it leaves, but is not recorded or applied */
    struct envelope envelope;
    struct bytes raw; /* the body as encoded, if it came from outside or the journal */
    union {
        uint8_t body[1];
#define MESSAGE(number, code, name, kind, from, to, about) struct name name;
#include "transport/messages.def"
    };
};

struct route {
    enum message_kind kind;
    enum actor_name from, to;
    const char *about;
};

/* Indexed by code; unused numbers have no name. */
extern const struct shape message_shapes[MESSAGE_END];
extern const struct route message_routes[MESSAGE_END];

/* Give a request its number; some say it twice, as that of the question. */
void message_ask(struct message *m, uint64_t number);
/* Give it another: the question stays. */
void message_ask_again(struct message *m, uint64_t number);
/* Bytes that it takes on a link, or a few more. */
size_t message_size(const struct message *m);
#endif

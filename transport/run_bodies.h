/* run_bodies - what messages about runs and steps carry, field by field.
 *
 * A step's index is that in the run: the plan's, or behind those that every run has,
 * one of an `each`.
 */
#ifndef TRANSPORT_RUN_BODIES_H
#define TRANSPORT_RUN_BODIES_H

/* clang-format off */
#define run_start_FIELDS(F, S)                                                           \
    F(S, 1, u64,     request,    "to be named in the answer")                            \
    F(S, 2, u64,     question,   "the request by which it was asked first")              \
    F(S, 3, id,      run,        "id to give the run unless `key` names one already; fresh") \
    F(S, 4, text,    automation, "name or aut_… id")                                     \
    F(S, 5, text,    key,        "idempotency key, or nothing")                          \
    F(S, 6, payload, inputs,     "msgpack map, or nothing")                              \
    F(S, 7, text,    source,     "api, trigger, …")                                      \
    F(S, 8, u32,     version,    "to start, such as a draft; 0: the current one")        \
    F(S, 9, payload, meta,       "msgpack map of the caller, or nothing")                \
    F(S, 10, payload, config,    "msgpack map, or nothing")                              \
    F(S, 11, u32,    echo,       "1: its end is to be no event")                         \
    F(S, 12, u32,    patient,    "1: who asks waits for the end of the run; the answer need not hurry")

#define run_accepted_FIELDS(F, S)                                                        \
    F(S, 1, u64,  request,    "from run_start or run_cancel")                            \
    F(S, 2, id,   run,        "run id")                                                  \
    F(S, 3, id,   automation, "automation id")                                           \
    F(S, 4, text, name,       "of the automation")                                       \
    F(S, 5, u32,  version,    "the version that the run keeps")                          \
    F(S, 6, u32,  status,     "enum run_status")                                         \
    F(S, 7, u64,  started_ms, "unix ms")                                                 \
    F(S, 8, u32,  existed,    "1: the key had named it before")                          \
    F(S, 9, u32,  patient,    "from run_start")

#define run_cancel_FIELDS(F, S)                                                          \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, id,   run,     "run id")                                                     \
    F(S, 3, text, reason,  "for people, or nothing")                                     \
    F(S, 4, u32,  discard, "1: only if it has failed, and nothing is to come of it any more") \
    F(S, 5, text, by,      "who says so, or nothing")

#define run_changed_FIELDS(F, S)                                                         \
    F(S, 1,  id,      run,           "run id")                                           \
    F(S, 2,  u64,     sequence,      "of the run's last event")                          \
    F(S, 3,  u32,     status,        "enum run_status")                                  \
    F(S, 4,  u32,     whole,         "1: all that a waiting client wants is here")       \
    F(S, 5,  u64,     finished_ms,   "unix ms, if the status is final")                  \
    F(S, 6,  payload, output,        "of the last step of the plan, if completed")       \
    F(S, 7,  text,    stop_reason,   "if the status is final")                           \
    F(S, 8,  text,    error_type,    "if failed")                                        \
    F(S, 9,  text,    error_message, "if failed")                                        \
    F(S, 10, text,    failed_step,   "key of the step, if one failed")

#define run_started_FIELDS(F, S)                                                         \
    F(S, 1, id,      run,        "run id")                                               \
    F(S, 2, id,      automation, "automation id")                                        \
    F(S, 3, text,    name,       "of the automation")                                    \
    F(S, 4, u32,     version,    "the version that the run keeps")                       \
    F(S, 5, text,    key,        "idempotency key, or nothing")                          \
    F(S, 6, payload, inputs,     "msgpack map, or nothing")                              \
    F(S, 7, text,    source,     "api, trigger, …")                                      \
    F(S, 8, u32,     steps,      "steps of the plan that every run has")                 \
    F(S, 9, u64,     timeout_ms, "of the whole run; 0: none")                            \
    F(S, 10, payload, data,      "what `event` names, or nothing")                       \
    F(S, 11, payload, meta,      "what `meta` names beside the engine's own, or nothing")\
    F(S, 12, text,   trigger,    "key of the trigger, or nothing")                       \
    F(S, 13, id,     parent,     "run whose step started it, or zero")                   \
    F(S, 14, u32,    parent_step, "index of that step")                                  \
    F(S, 15, id,     origin,     "run that it was forked from, or zero")                 \
    F(S, 16, u64,    origin_event, "the last event that it shares with that run")        \
    F(S, 17, text,   group,      "its value of the concurrency key")                     \
    F(S, 18, payload, config,    "what `config` names, or nothing")                      \
    F(S, 19, u32,    awaited,    "1: the parent waits for its end")                      \
    F(S, 20, u32,    mains,      "of the steps, those in no body and no cleanup; 0: all")\
    F(S, 21, u32,    cleanups,   "of the steps, those that clean up, in no body")        \
    F(S, 22, text,   title,      "what the run is called, or nothing")                   \
    F(S, 23, u32,    concurrency, "enum plan_concurrency that it is under; 0: none")     \
    F(S, 24, u32,    runs_max,   "active runs of its group, at most; 0: no limit")       \
    F(S, 25, u32,    scoped,     "1: its group is of the runs of its trigger alone")     \
    F(S, 26, u32,    queued,     "1: it exists since run_queued, which says the rest")   \
    F(S, 27, text,   queue_reason, "why it is queued, for people")                       \
    F(S, 28, u32,    parent_attempt, "of the parent's step")                             \
    F(S, 29, u32,    depth,      "generations above it")                                 \
    F(S, 30, text,   by,         "who forked it, or nothing")                            \
    F(S, 31, u32,    echo,       "1: the end of a run led to it, so its own is no event")

#define run_completed_FIELDS(F, S)                                                       \
    F(S, 1, id, run, "run id")                                                           \
    F(S, 2, payload, output, "as declared, if it is")                                    \
    F(S, 3, u32, has_output, "1: it is; 0: the output is that of the last step")

#define run_failed_FIELDS(F, S)                                                          \
    F(S, 1, id,   run,           "run id")                                               \
    F(S, 2, text, step,          "key of the step that failed, or nothing")              \
    F(S, 3, text, error_type,    "a word such as ActionError, Timeout, LeaseLost")       \
    F(S, 4, text, error_message, "for people")                                           \
    F(S, 5, text, stop_reason,   "step_failed or wall_clock_exceeded")

#define run_cancelled_FIELDS(F, S)                                                       \
    F(S, 1, id,   run,    "run id")                                                      \
    F(S, 2, text, reason, "for people, or nothing")                                      \
    F(S, 3, text, stop_reason, "replaced; or nothing: cancelled")                        \
    F(S, 4, text, by,     "who said so, or nothing")

#define run_deferred_FIELDS(F, S)                                                        \
    F(S, 1, id,   run,     "run id")                                                     \
    F(S, 2, u32,  more,    "1: more follows; 0: no more")                                \
    F(S, 3, u32,  ending,  "enum run_status that the run will have when all is said, or 0") \
    F(S, 4, text, reason,  "of the ending")                                              \
    F(S, 5, u32,  copying, "1: a fork, and steps are still to be copied")               \
    F(S, 6, u32,  closing, "1: of one that cleans up, and what is under way is still to be cancelled") \
    F(S, 7, text, by,      "who wants the ending, or nothing")

#define step_started_FIELDS(F, S)                                                        \
    F(S, 1, id,   run,  "run id")                                                        \
    F(S, 2, u32,  step, "index in the run")                                              \
    F(S, 3, text, key,  "step key")                                                      \
    F(S, 4, text, kind, "action, …")                                                     \
    F(S, 5, u64,  due_ms, "of a parallel or each: unix ms when it times out; 0: never")

#define step_completed_FIELDS(F, S)                                                      \
    F(S, 1, id,   run,  "run id")                                                        \
    F(S, 2, u32,  step, "index in the run")                                              \
    F(S, 3, text, key,  "step key")                                                      \
    F(S, 4, payload, output, "of a step that is no action; else nothing")                \
    F(S, 5, u32,  has_output, "1: `output` is the step's output")

#define step_failed_FIELDS(F, S)                                                         \
    F(S, 1, id,   run,           "run id")                                               \
    F(S, 2, u32,  step,          "index in the run")                                     \
    F(S, 3, text, key,           "step key")                                             \
    F(S, 4, text, error_type,    "a word")                                               \
    F(S, 5, text, error_message, "for people")

#define step_skipped_FIELDS(F, S)                                                        \
    F(S, 1, id,   run,    "run id")                                                      \
    F(S, 2, u32,  step,   "index in the run")                                            \
    F(S, 3, text, key,    "step key")                                                    \
    F(S, 4, text, reason, "for people")                                                  \
    F(S, 5, u32,  passes, "1: what needs it goes on; 0: it is skipped too")

#define step_retried_FIELDS(F, S)                                                        \
    F(S, 1, id,   run,          "run id")                                                \
    F(S, 2, u32,  step,         "index in the run")                                      \
    F(S, 3, text, key,          "step key")                                              \
    F(S, 4, u32,  attempt,      "the attempt that will follow")                          \
    F(S, 5, u32,  max_attempts, "of the step")                                           \
    F(S, 6, u64,  due_ms,       "unix ms when it is called")

#define step_cancelled_FIELDS(F, S)                                                      \
    F(S, 1, id,   run,  "run id")                                                        \
    F(S, 2, u32,  step, "index in the run")                                              \
    F(S, 3, text, key,  "step key")

#define action_called_FIELDS(F, S)                                                       \
    F(S, 1, id,      run,         "run id")                                              \
    F(S, 2, u32,     step,        "index in the run")                                    \
    F(S, 3, text,    key,         "step key")                                            \
    F(S, 4, u32,     attempt,     "1 for the first")                                     \
    F(S, 5, text,    action,      "action_name")                                         \
    F(S, 6, text,    queue,       "queue")                                               \
    F(S, 7, payload, parameters,  "msgpack map")                                         \
    F(S, 8, u64,     deadline_ms, "unix ms when the attempt times out; 0: never")        \
    F(S, 9, u64,     lane,        "number of the kind of job it is")

#define action_completed_FIELDS(F, S)                                                    \
    F(S, 1, id,      run,     "run id")                                                  \
    F(S, 2, u32,     step,    "index in the run")                                        \
    F(S, 3, text,    key,     "step key")                                                \
    F(S, 4, u32,     attempt, "the attempt")                                             \
    F(S, 5, u32,     offer,   "the offer that was granted")                              \
    F(S, 6, text,    action,  "action_name")                                             \
    F(S, 7, payload, output,  "msgpack of the worker, or nothing")                       \
    F(S, 8, id,      session, "worker session that reported")

#define action_failed_FIELDS(F, S)                                                       \
    F(S, 1, id,   run,           "run id")                                               \
    F(S, 2, u32,  step,          "index in the run")                                     \
    F(S, 3, text, key,           "step key")                                             \
    F(S, 4, u32,  attempt,       "the attempt")                                          \
    F(S, 5, u32,  offer,         "the offer that was granted, or the last one")          \
    F(S, 6, text, action,        "action_name")                                          \
    F(S, 7, text, error_type,    "a word such as ActionError, Timeout, LeaseLost")       \
    F(S, 8, text, error_message, "for people")                                           \
    F(S, 9, u32,  ending,        "enum ending: by report, by silence, by time")          \
    F(S, 10, id,  session,       "worker session that reported or was silent, or zero")  \
    F(S, 11, u64, retry_after_ms, "how long another attempt should wait, as reported")

#define run_list_FIELDS(F, S)                                                            \
    F(S, 1, u64,  request,    "to be named in the answer")                               \
    F(S, 2, text, automation, "name or aut_… id, or nothing")                            \
    F(S, 3, text, status,     "a status, \"open\", or nothing")                          \
    F(S, 4, u32,  limit,      "rows, 1 to 1000")                                         \
    F(S, 5, text, cursor,     "next_cursor of the page before, or nothing")

#define run_get_FIELDS(F, S)                                                             \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, id,   run,     "run id")

#define run_queued_FIELDS(F, S) run_started_FIELDS(F, S)

/* The start is decided by the partition of the automation. */
#define run_forwarded_FIELDS(F, S)                                                       \
    F(S, 1, id,      run,        "id that the run will have there")                      \
    F(S, 2, u64,     request,    "of the client, or 0")                                  \
    F(S, 3, u32,     gateway,    "instance to answer through")                           \
    F(S, 4, text,    automation, "name or aut_… id")                                     \
    F(S, 5, text,    key,        "idempotency key, or nothing")                          \
    F(S, 6, payload, inputs,     "msgpack map, or nothing")                              \
    F(S, 7, text,    source,     "api, trigger, …")                                      \
    F(S, 8, u32,     version,    "to start; 0: the current one")                         \
    F(S, 9, payload, data,       "what `event` names, or nothing")                       \
    F(S, 10, payload, meta,      "or nothing")                                           \
    F(S, 11, payload, config,    "or nothing")                                           \
    F(S, 12, text,   trigger,    "key of the trigger, or nothing")                       \
    F(S, 13, u32,    concurrency, "enum plan_concurrency of the trigger, or 0")          \
    F(S, 14, u32,    runs_max,   "of the trigger, or 0")                                 \
    F(S, 15, u64,    slot_ms,    "of trigger_fired, or 0")                               \
    F(S, 16, u64,    event,      "of trigger_fired, or 0")                               \
    F(S, 17, u64,    number,     "record of the asking partition that says it")          \
    F(S, 18, u64,    settled,    "what it forwarded there in records before this one is settled") \
    F(S, 19, u32,    echo,       "1: the end of a run led to it")                         \
    F(S, 20, id,     fired,      "run of trigger_fired, or zero")

#define start_refused_FIELDS(F, S)                                                       \
    F(S, 1, id,   run,     "from run_forwarded")                                         \
    F(S, 2, u32,  asker,   "partition that forwarded it")                                \
    F(S, 3, u64,  number,  "from run_forwarded")                                         \
    F(S, 4, u32,  err,     "enum err")                                                   \
    F(S, 5, text, detail,  "why it was refused")                                         \
    F(S, 6, payload, details, "as in refused")                                           \
    F(S, 7, u64,  settled, "from run_forwarded: refusals before it are forgotten")

#define forward_taken_FIELDS(F, S)                                                       \
    F(S, 1, id,   run,     "from run_forwarded")                                         \
    F(S, 2, u32,  err,     "enum err; 0: the run exists")                                \
    F(S, 3, text, detail,  "why it was refused")                                         \
    F(S, 4, id,   automation, "automation id")                                           \
    F(S, 5, text, name,    "of the automation")                                          \
    F(S, 6, u32,  version, "that the run keeps")                                         \
    F(S, 7, u32,  status,  "enum run_status")                                            \
    F(S, 8, u64,  started_ms, "unix ms")                                                 \
    F(S, 9, u32,  existed, "1: it was there before")                                     \
    F(S, 10, payload, details, "of a refusal: as in refused")                             \
    F(S, 11, u64, number,  "from run_forwarded")

#define forward_settled_FIELDS(F, S)                                                     \
    F(S, 1, id,   run,     "from run_forwarded")                                         \
    F(S, 2, u32,  err,     "enum err; 0: the run exists")                                \
    F(S, 3, text, detail,  "why it was refused")                                         \
    F(S, 4, u64,  number,  "of the one that was refused; 0: all about the run are settled")

#define telling_settled_FIELDS(F, S)                                                     \
    F(S, 1, u32, peer,    "who knows it: a partition, 255: the registry, or 254: the trigger actor") \
    F(S, 2, id,  subject, "run, automation or end of a run")                             \
    F(S, 3, u32, kind,    "enum telling_kind")

#define ends_wanted_FIELDS(F, S)                                                         \
    F(S, 1, u32, partition, "who is told")                                               \
    F(S, 2, u32, wanted,    "1: somebody listens; 0: nobody does any more")

#define ends_learned_FIELDS(F, S)                                                        \
    F(S, 1, u32, wanted, "from ends_wanted")

#define run_ended_FIELDS(F, S)                                                           \
    F(S, 1, id,      end,           "of this end: a run that is resumed has another one") \
    F(S, 2, id,      run,           "run id")                                            \
    F(S, 3, id,      automation,    "automation id")                                     \
    F(S, 4, text,    name,          "of the automation")                                 \
    F(S, 5, u32,     version,       "that the run kept")                                 \
    F(S, 6, u32,     status,        "enum run_status, final")                            \
    F(S, 7, u32,     attempt,       "of the run: 1 unless it was resumed")               \
    F(S, 8, u64,     started_ms,    "unix ms")                                           \
    F(S, 9, u64,     finished_ms,   "unix ms")                                           \
    F(S, 10, text,   stop_reason,   "completed, step_failed, …")                         \
    F(S, 11, text,   error_type,    "if failed")                                         \
    F(S, 12, text,   error_message, "if failed")                                         \
    F(S, 13, text,   failed_step,   "key of the step, if one failed")                    \
    F(S, 14, payload, output,       "if completed, unless it is too large to be told")   \
    F(S, 15, text,   source,        "api, trigger, …")                                   \
    F(S, 16, id,     parent,        "run whose step started it, or zero")

#define end_taken_FIELDS(F, S) F(S, 1, id, end, "from run_ended")

#define runs_removed_FIELDS(F, S)                                                        \
    F(S, 1, blob, runs, "their ids, 16 bytes each")

#define runs_swept_FIELDS(F, S)                                                          \
    F(S, 1, id,   project, "of the last run that was looked at")                         \
    F(S, 2, id,   run,     "that one")                                                   \
    F(S, 3, u32,  more,    "1: there may be more behind it")

#define told_again_FIELDS(F, S)                                                          \
    F(S, 1, u32,  peer,  "as in telling_settled")                                        \
    F(S, 2, blob, last,  "key of the last row told")                                     \
    F(S, 3, u32,  more,  "1: there are rows behind it")

#define child_called_FIELDS(F, S)                                                        \
    F(S, 1, id,      run,        "the parent")                                           \
    F(S, 2, u32,     step,       "index in the parent")                                  \
    F(S, 3, text,    key,        "step key")                                             \
    F(S, 4, u32,     attempt,    "of the step")                                          \
    F(S, 5, id,      child,      "id of the run to be")                                  \
    F(S, 6, text,    automation, "name or aut_… id")                                     \
    F(S, 7, payload, inputs,     "msgpack map, or nothing")                              \
    F(S, 8, u32,     wait,       "1: child_ended must follow: the parent waits, or may cancel it")                           \
    F(S, 9, u32,     depth,      "generations above it")                                 \
    F(S, 10, u32,    echo,       "1: the end of a run led to its parent")

#define child_taken_FIELDS(F, S)                                                         \
    F(S, 1, id,   run,     "the parent")                                                 \
    F(S, 2, u32,  step,    "index in the parent")                                        \
    F(S, 3, u32,  attempt, "of the step")                                                \
    F(S, 4, id,   child,   "run id")                                                     \
    F(S, 5, u32,  err,     "enum err; 0: it exists")                                     \
    F(S, 6, text, detail,  "why it was refused")

#define child_ended_FIELDS(F, S)                                                         \
    F(S, 1, id,      run,           "the parent")                                        \
    F(S, 2, u32,     step,          "index in the parent")                               \
    F(S, 3, u32,     attempt,       "of the step")                                       \
    F(S, 4, id,      child,         "run id")                                            \
    F(S, 5, u32,     status,        "enum run_status, final; 0: it is not there")        \
    F(S, 6, payload, output,        "if completed")                                      \
    F(S, 7, text,    error_type,    "if failed")                                         \
    F(S, 8, text,    error_message, "if failed")

#define child_settled_FIELDS(F, S)                                                       \
    F(S, 1, id, run,   "the parent")                                                     \
    F(S, 2, id, child, "run id")

#define child_cancel_FIELDS(F, S)                                                        \
    F(S, 1, id,   run,    "the parent")                                                  \
    F(S, 2, u32,  step,   "index in the parent")                                         \
    F(S, 3, id,   child,  "run id")                                                      \
    F(S, 4, text, reason, "for people")

#define run_signal_FIELDS(F, S)                                                          \
    F(S, 1, u64,     request, "to be named in the answer")                               \
    F(S, 2, id,      run,     "run id")                                                  \
    F(S, 3, text,    step,    "key of the step that waits")                              \
    F(S, 4, payload, result,  "msgpack, or nothing")                                     \
    F(S, 5, text,    by,      "who says so")

#define run_retry_FIELDS(F, S)                                                           \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, id,   run,     "run id")                                                     \
    F(S, 3, text, step,    "from this one on, it included; empty: what did not complete")\
    F(S, 4, text, by,      "who says so")                                                \
    F(S, 5, text, reason,  "for people, or nothing")

#define step_skip_FIELDS(F, S)                                                           \
    F(S, 1, u64,  request, "to be named in the answer")                                  \
    F(S, 2, id,   run,     "run id")                                                     \
    F(S, 3, text, step,    "step key")                                                   \
    F(S, 4, text, by,      "who says so")                                                \
    F(S, 5, text, reason,  "for people, or nothing")

#define step_override_FIELDS(F, S)                                                       \
    F(S, 1, u64,     request, "to be named in the answer")                               \
    F(S, 2, id,      run,     "run id")                                                  \
    F(S, 3, text,    step,    "step key")                                                \
    F(S, 4, payload, output,  "msgpack")                                                 \
    F(S, 5, text,    by,      "who says so")                                             \
    F(S, 6, text,    reason,  "for people, or nothing")

#define run_fork_FIELDS(F, S)                                                            \
    F(S, 1, u64,     request,  "to be named in the answer")                              \
    F(S, 2, id,      run,      "id of the new run, of the partition of its origin")      \
    F(S, 3, id,      origin,   "run id")                                                 \
    F(S, 4, u64,     event,    "the last event that it shares; 0: none")                 \
    F(S, 5, u32,     version,  "of the automation; 0: that of its origin")               \
    F(S, 6, payload, outputs,  "map of step key to output, instead of what was; or nothing") \
    F(S, 7, payload, inputs,   "instead of those that were; or nothing")                 \
    F(S, 8, text,    by,       "who says so")

#define interaction_respond_FIELDS(F, S)                                                 \
    F(S, 1, u64,     request,     "to be named in the answer")                           \
    F(S, 2, id,      interaction, "iact_… id")                                           \
    F(S, 3, payload, value,       "msgpack: true or false, or what was asked for")       \
    F(S, 4, text,    comment,     "or nothing")                                          \
    F(S, 5, text,    principal,   "who answers: the name of the key, or who it speaks for") \
    F(S, 6, u32,     cancel,      "1: nobody will answer: the step fails")

#define interaction_delete_FIELDS(F, S)                                                  \
    F(S, 1, u64,  request,     "to be named in the answer")                              \
    F(S, 2, id,   interaction, "iact_… id")                                              \
    F(S, 3, text, by,          "name of the key that asks")

#define interaction_deleted_FIELDS(F, S)                                                 \
    F(S, 1, id,   run,         "run id")                                                 \
    F(S, 2, id,   interaction, "that was settled")                                       \
    F(S, 3, text, by,          "name of the key that asked")

#define interaction_list_FIELDS(F, S)                                                    \
    F(S, 1, u64,  request,     "to be named in the answer")                              \
    F(S, 2, text, status,      "pending, or nothing")                                    \
    F(S, 3, text, target,      "only those that ask this one, or nothing")               \
    F(S, 4, u32,  limit,       "rows, 1 to 1000")                                        \
    F(S, 5, text, cursor,      "next_cursor of the page before, or nothing")             \
    F(S, 6, id,   interaction, "only this one; or zero")

#define run_explain_FIELDS(F, S) run_get_FIELDS(F, S)

#define run_export_FIELDS(F, S)                                                          \
    F(S, 1, u64, request, "to be named in the answer")                                   \
    F(S, 2, id,  run,     "run id")                                                      \
    F(S, 3, u64, after,   "record after which to begin; 0: the beginning")               \
    F(S, 4, u32, part,    "payloads of the record behind it that were given already")

#define run_resumed_FIELDS(F, S)                                                         \
    F(S, 1, id,   run,     "run id")                                                     \
    F(S, 2, u32,  attempt, "of the run: 2 for the first time")                           \
    F(S, 3, text, step,    "key of the step that it begins with, or nothing")            \
    F(S, 4, text, by,      "who says so")                                                \
    F(S, 5, text, reason,  "for people, or nothing")                                     \
    F(S, 6, u32,  from,    "index of that step; only with a key")

#define step_expanded_FIELDS(F, S)                                                       \
    F(S, 1, id,      run,   "run id")                                                    \
    F(S, 2, u32,     step,  "index of the each in the run")                              \
    F(S, 3, text,    key,   "step key")                                                  \
    F(S, 4, u32,     first, "index of the first step of the first item")                 \
    F(S, 5, u32,     count, "items")                                                     \
    F(S, 6, payload, items, "array")

#define wait_opened_FIELDS(F, S)                                                         \
    F(S, 1, id,      run,        "run id")                                               \
    F(S, 2, u32,     step,       "index in the run")                                     \
    F(S, 3, text,    key,        "step key")                                             \
    F(S, 4, u32,     attempt,    "of the step")                                          \
    F(S, 5, text,    wait_kind,  "sleep, event, interaction or automation")              \
    F(S, 6, u64,     due_ms,     "unix ms when it is over or times out; 0: never")       \
    F(S, 7, text,    event_type, "of an event")                                          \
    F(S, 8, text,    source,     "of an event, or nothing")                              \
    F(S, 9, payload, match,      "of an event: rendered, or nothing")                    \
    F(S, 10, text,   condition,  "of an event, or nothing")                              \
    F(S, 11, u64,    since_ms,   "of an event: unix ms")                                 \
    F(S, 12, u64,    after,      "of an event: number in the stream")                    \
    F(S, 13, u32,    late,       "1: of a sleep that its timeout ends")

#define wait_resumed_FIELDS(F, S)                                                        \
    F(S, 1, id,      run,     "run id")                                                  \
    F(S, 2, u32,     step,    "index in the run")                                        \
    F(S, 3, text,    key,     "step key")                                                \
    F(S, 4, u32,     attempt, "of the step")                                             \
    F(S, 5, text,    by,      "timer, event, signal, interaction or automation")         \
    F(S, 6, u64,     number,  "of an event")                                             \
    F(S, 7, payload, result,  "what came, or nothing")                                   \
    F(S, 8, text,    principal, "who signalled, or nothing")

#define wait_timed_out_FIELDS(F, S)                                                      \
    F(S, 1, id,   run,     "run id")                                                     \
    F(S, 2, u32,  step,    "index in the run")                                           \
    F(S, 3, text, key,     "step key")                                                   \
    F(S, 4, u32,  attempt, "of the step")

#define interaction_requested_FIELDS(F, S)                                               \
    F(S, 1, id,      run,         "run id")                                              \
    F(S, 2, u32,     step,        "index in the run")                                    \
    F(S, 3, text,    key,         "step key")                                            \
    F(S, 4, u32,     attempt,     "of the step")                                         \
    F(S, 5, id,      interaction, "iact_… id, of the run's partition")                   \
    F(S, 6, text,    protocol,    "request_approval, …")                                 \
    F(S, 7, text,    title,       "a line, or nothing")                                  \
    F(S, 8, text,    prompt,      "what is asked")                                       \
    F(S, 9, payload, targets,     "array of texts; empty: anybody with the scope")       \
    F(S, 10, u32,    all_of,      "1: every target must answer")                         \
    F(S, 11, payload, spec,       "map, or nothing")                                     \
    F(S, 12, u64,    due_ms,      "unix ms when it expires; 0: never")                   \
    F(S, 13, u32,    escalated,   "1: asked again, of others")

#define interaction_responded_FIELDS(F, S)                                               \
    F(S, 1, id,      run,         "run id")                                              \
    F(S, 2, u32,     step,        "index in the run")                                    \
    F(S, 3, text,    key,         "step key")                                            \
    F(S, 4, id,      interaction, "iact_… id")                                           \
    F(S, 5, payload, value,       "msgpack")                                             \
    F(S, 6, text,    comment,     "or nothing")                                          \
    F(S, 7, text,    principal,   "who answered")                                        \
    F(S, 8, u32,     resolved,    "1: nothing more is asked")

#define check_passed_FIELDS(F, S)                                                        \
    F(S, 1, id,      run,    "run id")                                                   \
    F(S, 2, u32,     step,   "index in the run")                                         \
    F(S, 3, text,    key,    "step key")                                                 \
    F(S, 4, payload, detail, "array of maps {name, passed, error}")

#define check_failed_FIELDS(F, S) check_passed_FIELDS(F, S)

#define step_withdrawn_FIELDS(F, S)                                                      \
    F(S, 1, id,      run,    "run id")                                                   \
    F(S, 2, u32,     step,   "index of the parallel or each in the run")                 \
    F(S, 3, text,    key,    "step key")                                                 \
    F(S, 4, u32,     skips,  "1: it is to be skipped; 0: to have this output")           \
    F(S, 5, payload, output, "msgpack, or nothing")                                      \
    F(S, 6, text,    by,     "who says so, of an output")                                \
    F(S, 7, text,    reason, "for people, or nothing")

#define step_overridden_FIELDS(F, S)                                                     \
    F(S, 1, id,      run,    "run id")                                                   \
    F(S, 2, u32,     step,   "index in the run")                                         \
    F(S, 3, text,    key,    "step key")                                                 \
    F(S, 4, payload, output, "msgpack")                                                  \
    F(S, 5, text,    by,     "who says so")                                              \
    F(S, 6, text,    reason, "for people, or nothing")

#define step_copied_FIELDS(F, S)                                                         \
    F(S, 1, id,      run,     "run id")                                                  \
    F(S, 2, u32,     step,    "index in the run")                                        \
    F(S, 3, text,    key,     "step key")                                                \
    F(S, 4, u32,     status,  "enum step_status")                                        \
    F(S, 5, payload, output,  "if completed")                                            \
    F(S, 6, u32,     attempt, "the last one there")                                      \
    F(S, 7, u32,     passes,  "1: what needs it goes on")
/* clang-format on */
#endif

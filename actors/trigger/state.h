/* state - what the trigger actor's files share. */
#ifndef ACTORS_TRIGGER_STATE_H
#define ACTORS_TRIGGER_STATE_H
#include "actors/actor.h"
#include "actors/plan/plan_kinds.h"
#include "actors/record.h"
#include "actors/row_head.h"
#include "actors/trigger/backlog.h"
#include "actors/trigger/entries.h"
#include "actors/trigger/listeners.h"
#include "actors/trigger/window.h"
#include "base/put.h"

enum {
    SAID_MAX = 64,            /* facts with payloads in one turn */
    SAID_BYTES_MAX = 4 << 20, /* payloads of them, about */
    LOOKED_MAX = 256          /* events or listeners that are looked at in one turn */
};

/* Fires, and then matches, that a scheduler is told again, because it greeted. */
struct retelling {
    bool active, fire;    /* there is one, and it is a fire */
    struct row_key after; /* the row of the last one; empty: none yet */
};

/* Projects in which somebody listens for ends of runs: a scheduler is told all of them,
 * because there is one more or it greeted. */
struct ends_telling {
    bool active;
    struct row_key after; /* behind the rows 'Y' of the last one; empty: none yet */
};

/* What the rows say, kept at hand; found again when a life begins. */
struct trigger_state {
    const struct config *config;
    struct journal *journal;
    const struct zones *zones;
    uint8_t secret[SECRET_SIZE];
    struct row_head slots, holds; /* in the order of time */
    uint64_t slot_ms;   /* when the first slot comes; UINT64_MAX: there is none */
    uint64_t hold_ms;   /* the same of the groups that are held back */
    uint64_t oldest_ms; /* no event that is kept came before */
    uint64_t looking;   /* waits for which the stream is searched */
    uint64_t telling;   /* the record of the last fire or match that can be forgotten */
    uint64_t again;     /* this turn's, which says what is told again; 0: it does not */
    bool time_told;     /* it was the turn of what time brings, not of an event */
    struct backlog backlog;
    struct window windows[SCHEDULERS_MAX];
    struct retelling retellings[SCHEDULERS_MAX];
    struct ends_telling ends[SCHEDULERS_MAX];
};

/* An event, as it lies in its row or will: the payloads may be borrowed. */
struct event {
    struct event_entry entry;
    struct bytes meta; /* what `meta` names in templates; event_meta makes it */
};

/* All of a turn is of one project: what is of another comes in the next one. */
static inline bool
same_project(const struct outbox *out, const struct id *project)
{
    return out->count == 0 || id_equal(&out->project, project);
}

void
say_refusal(struct outbox *out, uint64_t request, enum err err, const char *detail);

/* document.c: what answers are made of */
void put_bool(struct buffer *out, const char *name, bool value);
void
put_id(struct buffer *out, const char *name, const struct id *id, const char *prefix);
/* nil for 0 and for never */
void put_time_or_nil(struct buffer *out, const char *name, uint64_t unix_ms);
/* Say it and free the buffer. */
void
say_answer(struct outbox *out, uint64_t request, struct buffer *document, bool created);

/* fit.c: what texts of an automation say of an event.  `meta` is what templates see. */
/* One that cannot be told does not hold: `mistake` says why, else nothing. */
bool condition_holds(struct bytes condition, const struct event *event,
    struct arena *arena, struct bytes *mistake);
/* The group of the event, in the arena; nothing if there is none to tell apart.  False:
 * it cannot be told, `mistake` says why. */
bool group_of(struct bytes template, const struct event *event, struct arena *arena,
    struct bytes *group, struct bytes *mistake);
/* The inputs of a run, or false. */
bool inputs_of(const struct trigger_state *s, struct bytes template,
    const struct event *event, struct arena *arena, struct bytes *inputs,
    struct bytes *mistake);
/* What `meta` names of an event: what was published with it, and what it is. */
struct bytes event_meta(const struct event_entry *entry, struct arena *arena);

/* forget.c: what facts of the past say no more */
/* The record of this turn, if it is to forget a fact with payloads of so many bytes
 * some day; else 0. */
uint64_t record_if_worth(const struct trigger_state *s, size_t bytes);
/* Leave of facts of the record `at` no more than `leave` does. */
void forget_facts(
    struct trigger_state *s, uint64_t at, record_leave_fn *leave, const void *self);
/* A fire or match of the record, which may be 0, is told for the first time; or is told
 * again; or nobody asks for it any more. */
void telling_begun(struct trigger_state *s, uint64_t record);
void telling_repeated(struct trigger_state *s, uint64_t record);
void telling_over(struct trigger_state *s, uint64_t record);
/* What is told again is in no row: its record may forget it at once. */
void told_again_settle(struct trigger_state *s);

/* fires.c: what leads to runs, until that is settled */
struct firing {
    struct trigger_name name;
    const struct definition *definition;
    uint64_t slot_ms, event, next_ms, quiet_ms;
    struct bytes data, meta, inputs, group, source;
    bool held, echo;
};
/* Copies what it says. */
void say_fire(
    const struct trigger_state *s, const struct firing *firing, struct outbox *out);
/* A fire that fails before it is one. */
void say_failed_fire(const struct trigger_name *name, uint64_t slot_ms, uint64_t event,
    struct bytes mistake, struct outbox *out);
void on_fire_taken(
    const struct trigger_state *s, const struct fire_taken *taken, struct outbox *out);
void on_fire_refused(const struct trigger_state *s, const struct fire_refused *refused,
    struct outbox *out);
void
trigger_fired_applied(struct trigger_state *s, uint64_t at_ms, const struct message *m);
void
fire_settled_applied(struct trigger_state *s, uint64_t at_ms, const struct message *m);
void
fires_passed_applied(struct trigger_state *s, uint64_t at_ms, const struct message *m);
/* How many fires any scheduler may be told now: whose they will be is not known before.
 */
uint32_t fires_room(const struct trigger_state *s);
/* When one that holds up others is late. */
uint64_t fires_late_ms(const struct trigger_state *s);
void
pass_late_fires(const struct trigger_state *s, uint64_t now_ms, struct outbox *out);
/* Tell the scheduler of the partition again what is not settled. */
bool retelling(const struct trigger_state *s);
void tell_again(const struct trigger_state *s, struct outbox *out);
void peer_reset_applied(struct trigger_state *s, const struct peer_reset *peer);
/* A fire or a match was told, or is settled. */
void retelling_moves(
    struct trigger_state *s, uint32_t partition, const struct row_key *told);

/* triggers.c: the triggers of automations */
void on_triggers_offered(const struct trigger_state *s, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void triggers_learned_applied(
    struct trigger_state *s, uint64_t at_ms, const struct message *m);
bool definition_read(const struct trigger_state *s, const struct trigger_name *name,
    struct arena *arena, struct definition *definition);
void on_trigger_list(
    const struct trigger_state *s, const struct message *in, struct outbox *out);
bool automation_found(const struct trigger_state *s, const struct id *project,
    const struct id *given, struct bytes name, struct id *automation);
/* Call `each` for the triggers of an automation, in the order of their keys, until it
 * says false. */
void triggers_each(const struct trigger_state *s, const struct id *project,
    const struct id *automation, bool (*each)(void *self, struct bytes key),
    void *self);

/* schedules.c: when slots come */
void schedules_find(struct trigger_state *s);
void arm(struct trigger_state *s, const struct trigger_name *name,
    const struct schedule *schedule);
void disarm(struct trigger_state *s, const struct trigger_name *name,
    const struct schedule *schedule);
/* The first slot after `after_ms` of a schedule that begins then; UINT64_MAX: none. */
uint64_t schedule_begin(const struct trigger_state *s,
    const struct definition *definition, uint64_t after_ms);
uint64_t
schedule_jitter(const struct trigger_name *name, const struct definition *definition);
void fire_slots(
    const struct trigger_state *s, uint64_t now_ms, uint32_t most, struct outbox *out);
void slot_skipped_applied(struct trigger_state *s, const struct message *m);
void on_schedule_next(const struct trigger_state *s, uint64_t now_ms,
    const struct message *in, struct outbox *out);

/* stream.c: the events of projects */
struct publication {
    struct bytes id, type, source, data, meta;
    const struct trigger_name *hook; /* that it fires, whatever that listens for */
    uint64_t question;               /* that asks for it; 0: none */
};
/* The stream of a project; all zero before its first event. */
void stream_read(
    const struct trigger_state *s, const struct id *project, struct stream *stream);
bool event_read(const struct trigger_state *s, const struct id *project,
    uint64_t number, struct arena *arena, struct event_entry *entry);
/* The event that has this id; 0: none. */
uint64_t
event_of_id(const struct trigger_state *s, const struct id *project, struct bytes id);
/* What has become of it before: a question is asked again when we begin anew. */
uint64_t event_known(const struct trigger_state *s, const struct id *project,
    const struct publication *publication);
/* Was the event, which is kept, kept for this very question? */
bool event_asked(const struct event_entry *event, uint64_t question);
/* Keep it, and say what follows as far as a turn allows.  `event` is the event then. */
void keep_event(const struct trigger_state *s, uint64_t now_ms,
    const struct publication *publication, struct outbox *out, struct event *event);
/* Would it have to wait for too long, for something that follows from it? */
bool event_overloads(const struct trigger_state *s, uint64_t now_ms,
    const struct publication *publication, struct outbox *out);
void say_overloaded(struct outbox *out, uint64_t request);
/* Say what follows from an event that was just kept, unless others come first. */
void route_kept(
    const struct trigger_state *s, const struct event *event, struct outbox *out);
void on_event_publish(const struct trigger_state *s, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_stream_list(
    const struct trigger_state *s, const struct message *in, struct outbox *out);
void stream_find(struct trigger_state *s);
uint64_t stream_expires_ms(const struct trigger_state *s);
void expire_events(const struct trigger_state *s, uint64_t now_ms, struct outbox *out);
void
event_kept_applied(struct trigger_state *s, uint64_t at_ms, const struct message *m);
void events_expired_applied(struct trigger_state *s, const struct message *m);
/* What the record `at` says of the event, which is in no row any more, is taken out of
 * it, but for its number. */
void event_forget(struct trigger_state *s, uint64_t number, uint64_t at);

/* ends.c: the ends of runs, which are events where somebody listens for them */
/* Is the event of this type the end of a run?  And does the pattern ask for such? */
bool end_type(struct bytes type);
bool end_pattern(struct bytes pattern);
/* Does an event of this type fit the pattern of a listener?  Those that name anything,
 * but not the ends of runs, do not hear them. */
bool type_heard(struct bytes pattern, struct bytes type);
void on_run_ended(const struct trigger_state *s, uint64_t now_ms,
    const struct message *in, struct outbox *out);
/* Does anybody in the project listen for them?  Says yes rather than no. */
bool ends_heard(const struct trigger_state *s, const struct id *project);
/* Listeners came or went; `heard` is what was true before. */
void ends_follow(struct trigger_state *s, const struct id *project, bool heard);
bool ends_untold(const struct trigger_state *s);
void tell_ends(const struct trigger_state *s, struct outbox *out);
void ends_reset(struct trigger_state *s, uint32_t partition);
void ends_wanted_applied(struct trigger_state *s, const struct message *m);

/* route.c: what an event starts and wakes */
/* Say as much as a turn allows, from `at` on, and how far it came. */
void route_event(const struct trigger_state *s, const struct event *event,
    struct bytes at, struct outbox *out);
void route_next(const struct trigger_state *s, struct outbox *out);
void
event_routed_applied(struct trigger_state *s, uint64_t at_ms, const struct message *m);

/* subscriptions.c: event triggers */
void trigger_hears(const struct trigger_state *s, const struct trigger_name *name,
    const struct event *event, struct outbox *out);
/* Perhaps none, if events wait. */
void fire_holds(
    const struct trigger_state *s, uint64_t now_ms, uint32_t most, struct outbox *out);
void holds_find(struct trigger_state *s);
void event_held_applied(struct trigger_state *s, const struct message *m);
void hold_ended_applied(struct trigger_state *s, const struct message *m);
/* What was held of the group is in a fire; it may be quiet for a time. */
void hold_fired(struct trigger_state *s, const struct trigger_name *name,
    const struct trigger_fired *fired);

/* waits.c: steps that wait for an event */
void wait_hears(const struct trigger_state *s, const struct wait_name *name,
    const struct event *event, struct outbox *out);
void on_wait_offered(
    const struct trigger_state *s, const struct message *in, struct outbox *out);
void on_wait_withdrawn(
    const struct trigger_state *s, const struct message *in, struct outbox *out);
void on_match_taken(
    const struct trigger_state *s, const struct message *in, struct outbox *out);
void look_back(const struct trigger_state *s, struct outbox *out);
void waits_find(struct trigger_state *s);
void wait_learned_applied(struct trigger_state *s, const struct message *m);
void wait_looked_applied(struct trigger_state *s, const struct message *m);
void wait_matched_applied(struct trigger_state *s, const struct message *m);
void wait_forgotten_applied(struct trigger_state *s, const struct message *m);

/* hooks.c: http triggers */
/* The last part of its URL, in the arena. */
struct bytes hook_handle(const struct trigger_state *s, const struct trigger_name *name,
    struct bytes own, struct arena *arena);
void on_hook_call(const struct trigger_state *s, uint64_t now_ms,
    const struct message *in, struct outbox *out);
/* Fire the trigger whose call the event is. */
void hook_fires(
    const struct trigger_state *s, const struct event *event, struct outbox *out);

/* signatures.c: does a request come from who knows the secret? */
struct hook_request {
    struct bytes headers, body; /* headers: msgpack map, names in lower case */
};
/* `delivery` is the id that the sender gave it, or nothing. */
bool hook_genuine(enum hook_scheme scheme, const struct hook_request *request,
    struct bytes secret, struct bytes header, uint64_t tolerance_ms, uint64_t now_ms,
    struct bytes *delivery);

/* secrets.c */
void on_secret_set(
    const struct trigger_state *s, const struct message *in, struct outbox *out);
void on_secret_list(
    const struct trigger_state *s, const struct message *in, struct outbox *out);
bool secret_read(const struct trigger_state *s, const struct id *project,
    struct bytes name, struct secret_entry *secret);
/* Nothing if there is none.  Valid until the next put, or as long as `arena`. */
struct bytes secret_value(const struct trigger_state *s, const struct id *project,
    struct bytes name, struct arena *arena);
void
secret_kept_applied(struct trigger_state *s, uint64_t at_ms, const struct message *m);

/* values.c: the state of projects */
void on_state_set(const struct trigger_state *s, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_state_update(const struct trigger_state *s, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_state_delete(const struct trigger_state *s, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void
state_changed_applied(struct trigger_state *s, uint64_t at_ms, const struct message *m);

/* value_pages.c: questions about it */
/* Why this cannot be the name of a scope or a key; NULL: it can. */
const char *state_name_mistake(struct bytes scope, struct bytes key);
void on_state_get(
    const struct trigger_state *s, const struct message *in, struct outbox *out);
void on_state_list(
    const struct trigger_state *s, const struct message *in, struct outbox *out);
void on_scope_list(
    const struct trigger_state *s, const struct message *in, struct outbox *out);

/* apply.c */
void trigger_apply(void *state, uint64_t at_ms, const struct message *m);
#endif

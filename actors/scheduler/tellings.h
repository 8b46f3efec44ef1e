/* tellings - what another actor must hear and may not know yet.
 *
 * A fact says it for the first time and makes a row; the answer drops the row.  A peer
 * that greets is told from the rows again.  What concerns this very partition is said
 * to nobody: its row is taken up in a turn of its own.
 */
#ifndef ACTORS_SCHEDULER_TELLINGS_H
#define ACTORS_SCHEDULER_TELLINGS_H
#include "actors/scheduler/start.h"
#include "actors/scheduler/state.h"

struct telling {
    uint32_t peer; /* a partition, PEER_TRIGGER or PEER_REGISTRY */
    struct id subject;
    enum telling_kind kind;
    uint64_t record; /* that has the fact; 0: of a cancel, which the row says */
    struct id project, run;
    uint32_t step;
};

/* apply */
void telling_put(struct scheduler_state *state, const struct telling *telling);
/* That of this kind about the subject which the record has; 0: all. */
void telling_drop(struct scheduler_state *state, uint32_t peer,
    const struct id *subject, enum telling_kind kind, uint64_t record);
void tellings_reset(struct scheduler_state *state, uint32_t peer);
/* There is a row that no message has said: tell the peer what it may not know. */
void tellings_due(struct scheduler_state *state, uint32_t peer);
void tellings_told(struct scheduler_state *state, const struct told_again *told);
void tellings_find_own(struct scheduler_state *state);

/* decide */
bool tellings_hungry(const struct scheduler_state *state);
void
tell_peers(const struct scheduler_state *state, uint64_t now_ms, struct outbox *out);
/* Each of this kind about the subject. */
typedef void telling_fn(void *self, const struct telling *telling);
void tellings_about(const struct scheduler_state *state, uint32_t peer,
    const struct id *subject, enum telling_kind kind, telling_fn *each, void *self);
bool telling_there(const struct scheduler_state *state, uint32_t peer,
    const struct id *subject, enum telling_kind kind);
/* The oldest record that the peer was told a fact of and has not settled, `number` if
 * there is none, 0 if there are too many to look at. */
uint64_t
tellings_settled(const struct scheduler_state *state, uint32_t peer, uint64_t number);
/* The fact that it is about, as it was said; borrows from the turn's arena. */
struct message telling_fact(const struct scheduler_state *state, struct outbox *out,
    const struct telling *telling);
/* Say that the peer knows it, if it was not known before. */
void settle_telling(const struct scheduler_state *state, struct outbox *out,
    uint32_t peer, const struct id *subject, enum telling_kind kind);
/* Say a fact to the scheduler of a partition; to nobody if that is this one. */
struct message
addressed(const struct scheduler_state *state, struct message m, uint32_t partition);

/* forward.c */
/* `more`: whom to answer. */
void forward_start(const struct scheduler_state *state, struct outbox *out,
    const struct start *start, const struct run_forwarded *more);
void on_run_forwarded(const struct scheduler_state *state, uint64_t now_ms,
    const struct message *in, struct outbox *out);
void on_forward_taken(
    const struct scheduler_state *state, const struct message *in, struct outbox *out);
void apply_forwarded(struct scheduler_state *state, const struct message *fact);
void apply_forward_settled(struct scheduler_state *state, const struct message *fact);

/* refusals.c: what was refused to another partition, by the number of its asking. */
/* Was this refused before, or what was asked later for its run?  Then `taken` says so;
 * it borrows from the turn's arena. */
bool refusal_find(const struct scheduler_state *state, struct outbox *out,
    uint32_t asker, struct forward_taken *taken);
void note_refusal(struct outbox *out, uint32_t asker, const struct run_forwarded *asked,
    const struct forward_taken *taken);
void apply_refusal(struct scheduler_state *state, const struct message *fact);
/* What was refused to the trigger actor, until that knows it. */
/* Was this slot refused before?  Then it is said again. */
bool fire_refused_before(
    const struct scheduler_state *state, struct outbox *out, const struct id *run);
void apply_fire_refused(struct scheduler_state *state, const struct message *fact);
void on_refusal_known(
    const struct scheduler_state *state, const struct message *in, struct outbox *out);
#endif

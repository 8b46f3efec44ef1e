/* lease_book - the leases of one worker of the socket, and where each stands.  Nothing
 * here says anything.
 *
 *       granted        given            reported          settled
 *   ----------> PARKED -----> GIVEN ----------> REPORTED ----------> (gone)
 *       returned  |      ^ \___ silent for a lease: (gone)
 *        (gone) <-'      '--- heard of, from before a broken connection
 */
#ifndef GATEWAY_MOBIUS_LEASE_BOOK_H
#define GATEWAY_MOBIUS_LEASE_BOOK_H
#include "base/list.h"
#include "base/map.h"
#include "gateway/mobius/frame.h"

enum leaf_state { LEAF_PARKED, LEAF_GIVEN, LEAF_REPORTED };

struct leaf {
    struct list link;     /* of its state: who came into it first is first */
    struct list of_beats; /* a heartbeat waits for its answer */
    uint8_t token[TOKEN_SIZE];
    enum leaf_state state;
    bool cancelled;        /* its holder was told to stop */
    bool again;            /* it was reported before, as far as we know */
    uint64_t heard_ms;     /* of it, or when it came into its state */
    struct buffer name;    /* of the job, as the worker knows it */
    struct buffer job;     /* PARKED: as it stands in jobs.claimed */
    uint64_t beat;         /* number of the heartbeat, */
    struct buffer beat_id; /* and its message_id */
    /* REPORTED: what was said, to be said again until somebody answers; and the
     * message ids to answer, as a run of msgpack texts. */
    enum outcome outcome;
    struct buffer output, error_type, error_message, message_ids;
};

struct lease_book {
    struct map leaves; /* by token */
    struct list parked, given, reported;
    struct list beats; /* heartbeats in order of their numbers */
    size_t parked_count, given_count, reported_count;
    size_t reported_bytes; /* that are kept */
};

void lease_book_open(struct lease_book *book);
void lease_book_close(struct lease_book *book);

struct leaf *lease_book_find(const struct lease_book *book, struct bytes token);
/* A new one, in this state. */
struct leaf *lease_book_add(struct lease_book *book, const uint8_t token[TOKEN_SIZE],
    enum leaf_state state, uint64_t now_ms);
void lease_book_move(
    struct lease_book *book, struct leaf *leaf, enum leaf_state state, uint64_t now_ms);
/* It was heard of: it is the last of its state now. */
void lease_book_touch(struct lease_book *book, struct leaf *leaf, uint64_t now_ms);
void lease_book_drop(struct lease_book *book, struct leaf **leaf);
/* A heartbeat of it has this number. */
void lease_book_beat(struct lease_book *book, struct leaf *leaf, uint64_t number,
    struct bytes message_id);
/* The first that waits for an answer to a heartbeat up to `number`, or NULL; it waits
 * no more. */
struct leaf *lease_book_answer(struct lease_book *book, uint64_t number);
/* Keep what was reported, and whom to answer. */
void lease_book_report(
    struct lease_book *book, struct leaf *leaf, const struct mobius_frame *said);
struct job_report leaf_said(const struct leaf *leaf);
#endif

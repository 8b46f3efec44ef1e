/* mailbox - one actor's inbox and its links to every peer that wires.def gives it.
 *
 * A lossy, ordered bus that knows when it lost something (link.h).  Nothing here blocks
 * but mailbox_wait; nothing is queued beyond the high-water marks: a message that a
 * link does not take is dropped, counted, and seen by the peer as a gap.
 */
#ifndef TRANSPORT_MAILBOX_H
#define TRANSPORT_MAILBOX_H
#include "transport/messages.h"

struct mailbox;

struct mailbox_options {
    enum actor_name self;
    uint32_t instance;
    uint64_t epoch;      /* unix microseconds, later than any life before */
    uint32_t schedulers; /* instances of the scheduler */
    const char *folder;  /* where inboxes are bound: <folder>/<actor>.<instance> */
    size_t message_max;  /* bytes; larger ones are refused at the socket */
};

/* ERR_CONFLICT  the inbox is bound by somebody else; ERR_IO  anything else */
MUST_CHECK enum err mailbox_open(const struct mailbox_options *options,
    struct mailbox **mailbox, struct fault *fault);
void mailbox_close(struct mailbox **mailbox);

/* The next message that has arrived, or false.  HELLOs come too when the actor should
 * say its state again: `hello.resync` then says why, see enum resync; other HELLOs are
 * kept here.  Borrowed until mailbox_release(). */
bool mailbox_receive(struct mailbox *mailbox, struct message *in);
/* Give back the memory of all that was received. */
void mailbox_release(struct mailbox *mailbox);
/* Has a message arrived that the socket does not speak of any more, because it came
 * with others?  Who polls the socket must first take it. */
bool mailbox_pending(const struct mailbox *mailbox);
/* Has all been taken that had arrived?  Then its descriptor says when there is more,
 * and to ask the socket before would be in vain. */
bool mailbox_drained(const struct mailbox *mailbox);

/* Put `m` into the next packet to m->to, m->to_instance.  Borrowed for the call. */
void mailbox_send(struct mailbox *mailbox, const struct message *m);
/* Let all packets go, one per peer; one that nobody waits for stays for more, 2 ms at
 * most, if mailbox_tick or mailbox_wait is called then.  HELLOs that are due go as
 * well: who has always something to do never waits. */
void mailbox_flush(struct mailbox *mailbox);

/* Sleep until something arrives, `stop_fd` can be read (-1: none), or `timeout_ms` has
 * passed (UINT64_MAX: never); says the HELLOs that fall due meanwhile.  True if
 * something may have arrived. */
bool mailbox_wait(struct mailbox *mailbox, uint64_t timeout_ms, int stop_fd);
/* Say the HELLOs and let go the packets that are due; mailbox_wait does so too. Returns
 * in how many ms the next one is. */
uint64_t mailbox_tick(struct mailbox *mailbox);
/* Has this peer been heard in this life of ours? */
bool
mailbox_heard(const struct mailbox *mailbox, enum actor_name actor, uint32_t instance);
/* A descriptor that becomes readable when something may have arrived, for another loop
 * (the gateway's): only after mailbox_receive said that there was nothing more. */
int mailbox_fd(const struct mailbox *mailbox);
#endif

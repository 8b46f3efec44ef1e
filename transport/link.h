/* link - what is known of one peer: its life, how far we heard, how far we spoke.
 *
 * ZeroMQ drops messages when a connection breaks.  Every message on a link has a
 * number; a receiver that sees a gap, or a new life of the sender, says HELLO with
 * `resync`, and the sender says its state again.  A trailing HELLO tells the number of
 * the last message, so that a lost tail is a gap too.  Pure.
 */
#ifndef TRANSPORT_LINK_H
#define TRANSPORT_LINK_H
#include "transport/messages.h"

enum { HELLO_SOON_MS = 200, HELLO_IDLE_MS = 5000 };

struct link {
    uint64_t peer_epoch; /* 0: never heard */
    uint64_t heard;      /* sequence of the last message of that life */
    uint64_t spoken;     /* sequence of our last message */
    uint64_t hello_ms;   /* when to say HELLO next; 0 at once */
    bool owed;           /* a gap was seen: our next HELLO asks for a resync */
};

enum link_verdict {
    LINK_NEXT,     /* take it */
    LINK_NEW_LIFE, /* take it; the peer began anew */
    LINK_GAP,      /* take it; something before it was lost */
    LINK_REPEATED, /* drop it */
    LINK_STALE,    /* drop it: from an earlier life of the peer */
};

enum link_verdict link_hear(struct link *link, const struct message *in);

enum link_take { LINK_DROPPED, LINK_TAKEN, LINK_GREETED };

/* Hear `in`, and is it to be given to the actor?  A new life of the peer and a gap are
 * told by a HELLO first, with resync 2 or 1: what was lost one way may have crossed
 * something lost the other way.  GREETED: `in` has become that HELLO, and `after` is
 * what was heard, to be given next.  Other HELLOs end here. */
enum link_take link_take(struct link *link, struct message *in, struct message *after);

/* Number `m` and note that it was said. */
void link_speak(struct link *link, uint64_t now_ms, struct message *m);

/* If it is time for a HELLO, fill in its body and say so. */
bool link_hello(struct link *link, uint64_t now_ms, struct message *m);
#endif

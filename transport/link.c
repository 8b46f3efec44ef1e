#include "transport/link.h"

#include "base/counters.h"

enum link_verdict
link_hear(struct link *link, const struct message *in)
{
    const struct envelope *e = &in->envelope;

    if (e->epoch < link->peer_epoch)
        return LINK_STALE;
    if (e->epoch > link->peer_epoch) {
        link->peer_epoch = e->epoch;
        link->heard = e->sequence;
        link->owed |= e->sequence > 1;
        link->hello_ms = 0; /* it does not know yet that we live */
        return LINK_NEW_LIFE;
    }
    if (e->sequence <= link->heard)
        return LINK_REPEATED;
    bool gap = e->sequence != link->heard + 1;
    link->heard = e->sequence;
    if (!gap)
        return LINK_NEXT;
    link->owed = true;
    link->hello_ms = 0;
    return LINK_GAP;
}

enum link_take
link_take(struct link *link, struct message *in, struct message *after)
{
    uint32_t resync = 0;
    switch (link_hear(link, in)) {
    case LINK_STALE: count(COUNTER_stale_epoch, 1); return LINK_DROPPED;
    case LINK_REPEATED: return LINK_DROPPED;
    case LINK_GAP:
        count(COUNTER_gaps, 1);
        resync = RESYNC_GAP;
        break;
    case LINK_NEW_LIFE: resync = RESYNC_NEW_LIFE; break;
    case LINK_NEXT: break;
    }
    if (in->code == HELLO) {
        if (resync > in->hello.resync)
            in->hello.resync = resync;
        count(COUNTER_resyncs, in->hello.resync != 0);
        return in->hello.resync != 0 ? LINK_TAKEN : LINK_DROPPED;
    }
    if (resync == 0)
        return LINK_TAKEN;
    *after = *in;
    in->code = HELLO;
    in->hello = (struct hello){ .resync = resync };
    count(COUNTER_resyncs, 1);
    return LINK_GREETED;
}

void
link_speak(struct link *link, uint64_t now_ms, struct message *m)
{
    m->envelope.sequence = ++link->spoken;
    if (m->code == HELLO)
        return;
    if (link->hello_ms > now_ms + HELLO_SOON_MS)
        link->hello_ms = now_ms + HELLO_SOON_MS;
}

bool
link_hello(struct link *link, uint64_t now_ms, struct message *m)
{
    if (link->hello_ms > now_ms)
        return false;
    *m = (struct message){ .code = HELLO };
    m->hello.resync = link->owed;
    link->owed = false;
    link->hello_ms = now_ms + HELLO_IDLE_MS;
    return true;
}

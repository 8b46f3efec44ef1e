/* A packet of messages, as one actor sends them to another: each is taken once and in
 * order, and a gap, a repetition or a new life is seen, whatever the envelopes say. */
#include "base/wrong.h"
#include "tests/fuzz/bounds.h"
#include "transport/codec.h"
#include "transport/link.h"
#include "transport/packet.h"

struct taken {
    uint64_t epoch, sequence;
};

/* Nothing is taken again, and nothing of an earlier life. */
static void
take(struct taken *last, const struct message *m)
{
    struct taken now = { m->envelope.epoch, m->envelope.sequence };
    if (now.epoch < last->epoch
        || (now.epoch == last->epoch && now.sequence <= last->sequence))
        WRONG("a message was taken again, or after a later one");
    *last = now;
}

static void
hear(struct link *link, struct taken *last, struct message *m)
{
    static struct message after;
    enum link_take verdict = link_take(link, m, &after);
    if (planted("envelope") && m->envelope.sequence == last->sequence)
        verdict = LINK_TAKEN;
    switch (verdict) {
    case LINK_DROPPED: return;
    case LINK_TAKEN: take(last, m); return;
    case LINK_GREETED:
        if (m->code != HELLO || m->hello.resync == 0)
            WRONG("a greeting that does not say why");
        take(last, &after);
        return;
    }
}

static void
pack_again(struct buffer *out, struct bytes message)
{
    size_t begun = packet_begin(out);
    buffer_append_bytes(out, message);
    packet_end(out, begun);
}

void
fuzz_one(struct bytes in)
{
    static struct message m;
    struct bytes left = in, message;
    struct buffer again = { 0 };
    struct link link = { 0 };
    struct taken last = { 0 };
    bounds_begin();
    while (packet_next(&left, &message)) {
        pack_again(&again, message);
        if (codec_read(message, &m) == ERR_NONE)
            hear(&link, &last, &m);
    }
    bounds_end();
    if (!bytes_equal(buffer_bytes(&again), bytes_of(in.data, in.size - left.size)))
        WRONG("it is another packet now");
    buffer_free(&again);
}

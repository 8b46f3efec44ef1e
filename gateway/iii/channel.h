/* channel - bytes and texts from one who writes to one who reads, each over a
 * connection of its own.
 *
 *      writer ── heard ──> frames, at most so many ── sent ──> reader
 *         ^                  │ full                               │
 *         └───── held ───────┘                  leaves: the writer is closed
 *
 * An end is taken once.  When the writer has closed, the reader gets what is left and
 * is closed; a writer that vanished closes it as broken.  What nobody takes ends after
 * CHANNEL_MS.  The gateway itself may be either end.
 */
#ifndef GATEWAY_III_CHANNEL_H
#define GATEWAY_III_CHANNEL_H
#include "gateway/iii/hub.h"
#include "gateway/request.h"

struct channel;

/* The gateway as the reader. */
struct channel_sink {
    /* A frame, borrowed for the call; the writer may be held. */
    void (*heard)(void *self, struct bytes frame, bool binary);
    /* The writer left, whole or broken, and the channel is gone. */
    void (*ended)(void *self, bool whole);
};

/* False: there are too many.  `holder`, which must last as long, is given the
 * channel, and NULL when that is gone, for whatever reason. */
bool channel_open(struct hub *hub, size_t frames_max, struct channel **holder);
/* Both ends are closed; a sink is not told. */
void channel_drop(struct channel **channel);
/* All of a hub. */
void channels_end(struct hub *hub);
/* Append how an end of it is named in payloads. */
void channel_put(const struct channel *channel, struct buffer *out, bool write);

/* The gateway is the writer, and this is all.  False: there is no room for it. */
MUST_CHECK bool channel_fill(struct channel *channel, struct bytes all);
/* The gateway is the reader.  Keeps `sink`. */
void channel_take(struct channel *channel, const struct channel_sink *sink, void *self);
void channel_hold(struct channel *channel, bool held);
/* Has a writer come? */
bool channel_begun(const struct channel *channel);

/* engine::channels::create {buffer_size?} → {writer, reader} */
void iii_channel_create(struct iii_worker *caller, const struct iii_frame *asked);
/* A connection asks to be an end. */
void iii_channel_socket(struct request *r);
#endif

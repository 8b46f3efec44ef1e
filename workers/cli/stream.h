/* stream - server-sent events out of bytes as they arrive.  Pure.
 *
 * Limits: a line of STREAM_LINE_MAX bytes, data of STREAM_DATA_MAX bytes an event.
 */
#ifndef WORKERS_CLI_STREAM_H
#define WORKERS_CLI_STREAM_H
#include "base/buffer.h"
#include "base/err.h"

enum { STREAM_LINE_MAX = 96 << 20, STREAM_DATA_MAX = 96 << 20, STREAM_ID_MAX = 64 };

/* Zero-initialise it, and fill in what is told. */
struct stream {
    /* One event; false ends the stream.  Borrows. */
    bool (*hear)(void *self, const char *id, struct bytes data);
    void *self;

    struct buffer line, content; /* of the event that is arriving */
    char id[STREAM_ID_MAX];      /* of the last whole event that named one */
    char next_id[STREAM_ID_MAX]; /* of the event that is arriving */
    bool has_data;
    bool ended;          /* hear said so */
    uint64_t byte_count; /* that came, of whatever: somebody is there */
};

/* ERR_TOO_LARGE  a line or an event beyond its limit */
MUST_CHECK enum err stream_feed(struct stream *stream, struct bytes in);

/* Forget what has arrived of an unfinished event; the id stays. */
void stream_restart(struct stream *stream);
void stream_free(struct stream *stream);
#endif

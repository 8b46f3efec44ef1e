/* line - one DEALER to the gateway.
 *
 * libzmq does not connect again by itself: a broken line is shut, and the session opens
 * a new one when it thinks fit.  A monitor socket says when it broke.
 */
#ifndef WORKERS_C_LINE_H
#define WORKERS_C_LINE_H
#include "base/bytes.h"
#include "base/err.h"

/* Why LINE_FRAME_MAX: no engine may set payload_max higher than 32 MiB, and
 * older ones let it be twice that. */
enum {
    LINE_FRAME_MAX = 65 << 20,
    LINE_QUEUE_MAX = 2 * 4096 + 64, /* as the protocol asks for 4096 jobs at once */
    LINE_LINGER_MS = 1000,
};

enum line_news {
    LINE_QUIET,
    LINE_BROKEN,
    LINE_DENIED /* PLAIN or CURVE did not let us in */
};

struct line {
    void *context, *socket, *monitor; /* socket NULL: shut */
    unsigned opened;                  /* times */
    struct line_message *message;     /* holds what was received last */
};

struct line_options {
    const char *url;
    const char *server_key; /* CURVE, or NULL */
    const char *password;   /* PLAIN, or NULL */
};

/* ERR_UNAVAILABLE  no context or socket can be had */
MUST_CHECK enum err line_start(struct line *line);
void line_end(struct line *line);

/* Open a new connection; it is there when the line may be written to.
 *
 * ERR_INVALID  the url or the key is none
 */
MUST_CHECK enum err line_open(struct line *line, const struct line_options *options);
/* What was sent may leave for `linger_ms` still. */
void line_shut(struct line *line, int linger_ms);

/* Wait until something can be read, or written if `write`, or `wake_fd` is readable, or
 * time is over (-1: never).  Sets what of it has come. */
struct line_ready {
    bool read, write, news, wake;
};
void line_wait(struct line *line, int wake_fd, bool write, int timeout_ms,
    struct line_ready *ready);

enum line_news line_news(struct line *line);

/* false: there is no room now, or nobody */
bool line_send(struct line *line, struct bytes frame);
/* The next frame, borrowed until the next call; false if there is none.  A message of
 * several frames, which nobody should send, gives an empty one. */
bool line_receive(struct line *line, struct bytes *frame);
#endif

/* options - what the caller wants, checked, completed and copied. */
#ifndef WORKERS_C_OPTIONS_H
#define WORKERS_C_OPTIONS_H
#include "base/buffer.h"
#include "base/err.h"
#include "workers/c/capstan_worker.h"

enum {
    NAME_MAX_BYTES = 200,
    NAMES_MAX = 256,
    KEY_MAX = 255,
    CONCURRENCY_MAX = 4096 /* no engine lets one session hold more */
};

struct options {
    char *url, *server_key, *instance, *name, *version, *environment;
    char *key;  /* NULL: the development key, read each time */
    bool local; /* the engine is on this machine */
    bool plain;
    struct buffer queues, actions, labels; /* msgpack arrays of texts */
    bool actions_given;
    unsigned concurrency, heartbeat_ms, drain_ms, resend_ms;
    void (*log)(int level, const char *line, void *context);
    void (*after_batch)(void *context);
    void *context;
};

/* ERR_INVALID  something makes no sense: `fault` says what; still to be freed */
MUST_CHECK enum err options_take(
    const struct capstan_options *from, struct options *options, struct fault *fault);
void options_free(struct options *options);

/* The key to register with, or "" if there is none. */
const char *options_key(const struct options *options, char out[KEY_MAX + 1]);

/* Append the names of a list with commas as a msgpack array.
 *
 * ERR_INVALID  one is empty or too long, holds control characters or is not UTF-8, or
 *              there are too many
 */
MUST_CHECK enum err options_names(
    const char *what, const char *names, struct buffer *out, struct fault *fault);
#endif

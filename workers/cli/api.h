/* api - ask the engine over HTTP. */
#ifndef WORKERS_CLI_API_H
#define WORKERS_CLI_API_H
#include "workers/cli/cli.h"
#include "workers/cli/stream.h"

enum { API_ANSWER_MAX = 96 << 20, API_PATH_MAX = 4096 };

/* The path of a call, below /capstan/v1, with its query. */
struct api_path {
    char text[API_PATH_MAX];
    bool has_query;
};
/* `name` is escaped; it may be NULL. */
struct api_path api_path(const char *folder, const char *name, const char *below);
/* Append "/" and the escaped `name`. */
void api_below(struct api_path *path, const char *name);
/* Nothing when `value` is NULL. */
void api_query(struct api_path *path, const char *name, const char *value);

struct api_call {
    const char *method;
    const struct api_path *path;
    const char *content_type; /* of `body`; NULL: there is none */
    struct bytes body;
    const char *about;   /* named in complaints, such as a file; may be NULL */
    uint64_t timeout_ms; /* 0: API_TIMEOUT_MS */
    bool quiet;          /* no complaints */
};

/* Call, and give the answer's JSON to be freed by the caller.  Anything but 2xx is
 * complained about, each detail as `about:line:column: message`.  `http` may be NULL.
 */
MUST_CHECK enum exit_code
api_call(struct cli *cli, const struct api_call *call, json_t **answer, long *http);

/* The short form: no body. */
MUST_CHECK enum exit_code
api_get(struct cli *cli, const struct api_path *path, json_t **answer);

/* POST `body` as JSON, or nothing if it is NULL. */
MUST_CHECK enum exit_code api_post(
    struct cli *cli, const struct api_path *path, const json_t *body, json_t **answer);
/* The same with another method. */
MUST_CHECK enum exit_code api_send(struct cli *cli, const char *method,
    const struct api_path *path, const json_t *body, json_t **answer);
/* A text in a body; nothing when `value` is NULL. */
void api_set(json_t *body, const char *name, const char *value);

struct api_stream {
    struct stream *stream;
    const char *after; /* sequence, or "" */
    uint64_t timeout_ms;
    /* Called now and then while nothing comes. */
    void (*tick)(void *self);
    void *self;
};

/* Follow an event stream until the listener or the engine ends it: EXIT_DONE; until the
 * connection breaks: EXIT_AWAY, without a word; or EXIT_LATE. */
MUST_CHECK enum exit_code api_follow(
    struct cli *cli, const struct api_path *path, const struct api_stream *follow);

void api_complain_away(const struct cli *cli);
#endif

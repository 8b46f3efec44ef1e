/* native - Capstan's own HTTP API: documents of the actors shown as JSON.
 *
 * routes.def is the whole of it; docs/protocols/http.md explains it to people.
 */
#ifndef GATEWAY_NATIVE_NATIVE_H
#define GATEWAY_NATIVE_NATIVE_H
#include "gateway/request.h"

#define ROUTE(method, path, scope, body, queries, serve, sentence)                     \
    void native_##serve(struct request *r);
#include "gateway/native/routes.def"

/* Answer when the run is finished, or at `until_ms` (monotonic), with `status`: from
 * the hint that it is finished if that says all, otherwise with what the view says. */
void native_wait(struct request *r, const struct id *project,
    const struct run_accepted *run, unsigned status, uint64_t until_ms);
/* The same, shown by another: the run as the view says it, or as much as is known. */
typedef void native_show(struct request *r, unsigned status, struct bytes document);
void native_wait_to_show(struct request *r, const struct id *project,
    const struct run_accepted *run, unsigned status, uint64_t until_ms,
    native_show *show);

/* Let the run that `start` asks for be of the partition of its key, or of the next. */
void native_place(struct request *r, struct message *start);

typedef void native_done(struct request *r, const struct message *answer);
/* Delete the project, unless a run is open; `done` hears the registry. */
void native_project_end(struct request *r, native_done *done);

/* Chance that signs the calls of an action from now on: it is r->own, in the arena. */
enum { NATIVE_SECRET_SIZE = 32 };
struct bytes native_action_secret(struct request *r);

/* A list of scopes, as bits; 0 where there is none.  False: it was refused. */
bool native_scopes(struct request *r, struct bytes body, uint32_t *scopes);
/* Make a key of the caller's project as `wanted` says, and let `show` answer: with its
 * text, which lasts for the call, and the document of the registry. */
void native_key_make(struct request *r, const struct key_create *wanted,
    void (*show)(struct request *r, const char *text, struct bytes document));

/* What is known of a run that was just accepted, and of its outcome if there is one. */
void native_run_document(struct buffer *out, const struct run_accepted *run,
    const struct run_changed *outcome);

/* Answer with the run, 201 if it is a new one, or with why it was refused. */
void native_run_accepted(struct request *r, const struct message *answer);
/* Who asks, by the id of the key; in the arena. */
struct bytes native_asker(struct request *r);
/* Say it to the scheduler of a run, or of what has the run's partition, and let `done`
 * hear the answer; what is of no partition is not found. */
void native_ask_run(
    struct request *r, struct message *m, const struct id *run, native_done *done);
/* The same, and answer so. */
void native_tell_run(struct request *r, struct message *m, const struct id *run);

/* What is followed: a question that is asked again and again, and how its pages name
 * what they hold. */
struct follow_subject {
    struct id watched; /* run or project */
    struct message *question;
    uint64_t *after; /* in it: the number behind which a page begins */
    const char *number, *type;
    /* How an event is shown, as JSON; NULL: as it is. */
    bool (*write)(struct request *r, struct buffer *out, struct bytes event);
};
/* It as a stream of server-sent events. */
void native_follow(struct request *r, const struct follow_subject *subject);

/* Helpers of the dialect; false: the request was refused. */
bool native_wants_stream(const struct request *r);
bool native_after(struct request *r, uint64_t *after);

/* The text of a query of at most `max` bytes, and `limit` and `cursor` of a page;
 * false: refused. */
bool
native_query(struct request *r, const char *query, size_t max, struct bytes *value);
/* The same of what a list is to be kept to: one that is empty would keep it to nothing.
 */
bool
native_filter(struct request *r, const char *query, size_t max, struct bytes *value);
bool native_page(struct request *r, uint32_t *limit, struct bytes *cursor);

/* Let an AUTOMATION_APPLY be refused if another version is the latest, or published,
 * than when the registry answered with `document`, from which its text was made. */
void native_apply_if(struct message *apply, struct bytes document);
/* Was it, so that it is to be read and changed again?  At most so many times. */
enum { NATIVE_TRIES = 8 };
bool native_overtaken(const struct message *answer, unsigned *tries);

/* The version that a part of the path names; false: refused. */
bool native_version(struct request *r, struct bytes said, uint32_t *version);

/* A duration such as "30s", "500ms" or "2m" in ms; a bare number is seconds.  False if
 * it is none or above `max_ms`. */
bool native_duration(struct bytes in, uint64_t max_ms, uint64_t *ms);
#endif

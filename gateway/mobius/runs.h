/* runs - our runs, steps and events in Mobius' words. */
#ifndef GATEWAY_MOBIUS_RUNS_H
#define GATEWAY_MOBIUS_RUNS_H
#include "gateway/mobius/form.h"

/* What a caller said of a run that it starts, to be shown again. */
struct run_words {
    struct bytes event, config, meta; /* msgpack maps, or nothing */
};

/* A run of the view's, whole or a line. */
bool run_write(struct request *r, struct buffer *out, struct bytes document);
/* The same, with what it said at its end that it returns, or nothing. */
void run_write_returned(struct request *r, struct buffer *out, struct bytes document,
    struct bytes returned);
/* One that a scheduler has just answered for. */
void run_write_accepted(
    struct buffer *out, const struct run_accepted *run, const struct run_words *said);
/* The same in the words of their release before. */
void run_write_accepted_before(const struct request *r, struct buffer *out,
    const struct run_accepted *run, const struct run_words *said);
void run_write_steps(struct buffer *out, struct bytes document);
/* One event of the run of the path. */
bool run_write_event(struct request *r, struct buffer *out, struct bytes event);
#endif

/* output - what a step or a run made, found in its facts. */
#ifndef ACTORS_OUTPUT_H
#define ACTORS_OUTPUT_H
#include "actors/layout.h"
#include "base/buffer.h"
#include "transport/messages.h"

/* Does `fact`, one of the run, say the output of a step?  An output that is nothing is
 * nil.  Borrows from the fact. */
bool output_of_fact(const struct message *fact, uint32_t *step, struct bytes *output);

struct kept_output {
    uint32_t step;
    struct bytes value;
};

/* Where rows and facts of a run are read.  A record is read once for all the outputs in
 * it, which follow each other when they are asked for in order. */
struct output_source {
    void *self;
    struct layout *layout;
    struct arena *arena;
    size_t bytes_max; /* of what is packed */
    const struct step_row *(*step)(void *self, uint32_t step);
    /* Give all facts of the run in a record to output_note(). */
    void (*read)(void *self, uint64_t record, struct output_source *source);

    uint64_t record; /* that was read last */
    struct kept_output *kept;
    uint32_t kept_count, kept_capacity, next;
};
void output_note(struct output_source *source, const struct message *fact);
/* The output that the record says a step has; nothing if it says none. */
struct bytes
output_recorded(struct output_source *source, uint64_t record, uint32_t step);

/* Append the output of a step: as its record says; of a parallel that is done a map of
 * the outputs of its steps by their keys, of an each a list of those of its items, of
 * which the last step of the body speaks; else nil.  False: it is getting larger than
 * bytes_max. */
bool output_pack(struct output_source *from, uint32_t step, struct buffer *out);
#endif

/* output - what a step or a run made, found in its facts. */
#ifndef ACTORS_OUTPUT_H
#define ACTORS_OUTPUT_H
#include "actors/layout.h"
#include "base/buffer.h"
#include "transport/messages.h"

/* Does `fact`, one of the run, say the output of `step`?  An output that is nothing is
 * nil.  Borrows from the fact. */
bool output_of_fact(const struct message *fact, uint32_t step, struct bytes *output);

/* Where rows and facts of a run are read. */
struct output_source {
    void *self;
    struct layout *layout;
    size_t bytes_max; /* of what is packed */
    const struct step_row *(*step)(void *self, uint32_t step);
    /* What the record says is the output of the step; nothing if it says nothing. */
    struct bytes (*recorded)(void *self, uint64_t record, uint32_t step);
};

/* Append the output of a step: as its record says; of a parallel that is done a map of
 * the outputs of its steps by their keys, of an each a list of those of its items, of
 * which the last step of the body speaks; else nil.  False: it is getting larger than
 * bytes_max. */
bool output_pack(const struct output_source *from, uint32_t step, struct buffer *out);
#endif

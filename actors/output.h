/* output - what a step or a run made, found in its facts. */
#ifndef ACTORS_OUTPUT_H
#define ACTORS_OUTPUT_H
#include "transport/messages.h"

/* Does `fact`, one of the run, say the output of `step`?  An output that is nothing is
 * nil.  Borrows from the fact. */
bool output_of_fact(const struct message *fact, uint32_t step, struct bytes *output);
#endif

/* answers - what people have said to a question, as its row keeps it. */
#ifndef ACTORS_VIEW_ANSWERS_H
#define ACTORS_VIEW_ANSWERS_H
#include "base/arena.h"
#include "base/bytes.h"

/* Has this one answered?  `answers` is an array of maps, or nothing. */
bool answers_have(struct bytes answers, struct bytes by);

/* Those of `targets`, an array of texts or nothing, who have not; in `arena`. */
struct bytes
answers_missing(struct bytes answers, struct bytes targets, struct arena *arena);
#endif

/* equal - are two values the same to JSON?  The order of members does not count, nor
 * how a number is written. */
#ifndef ACTORS_SCHEMA_EQUAL_H
#define ACTORS_SCHEMA_EQUAL_H
#include "base/pack.h"

/* Takes from `work` for each value compared; when it is spent, the answer is false and
 * `work` is 0. */
bool equal_values(struct bytes a, struct bytes b, uint64_t *work);

/* Equal values have the same. */
uint64_t equal_hash(struct bytes value);
#endif

/* number - numbers as JSON has them: 1 is 1.0, and nothing is rounded. */
#ifndef ACTORS_SCHEMA_NUMBER_H
#define ACTORS_SCHEMA_NUMBER_H
#include "base/pack.h"

struct number {
    bool whole; /* else `real` is it: it has a fraction, or is beyond 64 bits */
    bool negative;
    uint64_t size; /* without the sign */
    double real;
};

/* False if `value` is no number, or none that JSON has. */
bool number_read(struct bytes value, struct number *number);
/* Has it no fraction? */
bool number_integral(const struct number *number);
int number_order(const struct number *a, const struct number *b);
/* Is it `of` times a whole number, both taken as the decimals that they are written as?
 */
bool number_multiple(const struct number *number, const struct number *of);
#endif

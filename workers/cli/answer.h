/* answer - JSON as engines send it.  Pure. */
#ifndef WORKERS_CLI_ANSWER_H
#define WORKERS_CLI_ANSWER_H
#include "base/bytes.h"

#include <jansson.h>

/* NULL when it is not JSON.  Whole numbers that are too large for json_int_t, which the
 * outputs of runs may well have, become reals and lose their last digits. */
json_t *answer_read(struct bytes from);
#endif

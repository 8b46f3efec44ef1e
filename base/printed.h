/* printed - did what a program printed arrive? */
#ifndef BASE_PRINTED_H
#define BASE_PRINTED_H
#include "base/err.h"

#include <stdbool.h>

/* Let standard output go; if it cannot be written, that is said on stderr behind `who`,
 * such as "verify:", and the program has failed. */
MUST_CHECK bool printed(const char *who);
#endif

/* infix - the language of `${{ }}` and of bare conditions. */
#ifndef ACTORS_EXPRESSION_INFIX_H
#define ACTORS_EXPRESSION_INFIX_H
#include "actors/expression/path.h"

/* Read one expression and evaluate it, if live. */
struct bytes infix_read(struct evaluation *e);
/* A fixed pattern is read even dry. */
void pattern_try(struct evaluation *e, struct bytes source, size_t at);
#endif

/* prefix - the language of `{{ }}`: pipelines of operands and functions before them. */
#ifndef ACTORS_EXPRESSION_PREFIX_H
#define ACTORS_EXPRESSION_PREFIX_H
#include "actors/expression/path.h"

/* Read one pipeline and evaluate it, if live. */
struct bytes prefix_read(struct evaluation *e);
void variable_set(struct evaluation *e, struct bytes name, struct bytes value);
#endif

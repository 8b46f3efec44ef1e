/* template - text with templates in it, and what is between if, range, with and end. */
#ifndef ACTORS_EXPRESSION_TEMPLATE_H
#define ACTORS_EXPRESSION_TEMPLATE_H
#include "actors/expression/evaluation.h"

/* Read the text from its begin to its end; what it says is put on scratch.  If it is
 * one template and nothing else, e->whole is its value. */
void template_read(struct evaluation *e);
/* Where the next template opens, or the end; `size` is that of its opening. */
size_t template_find(struct bytes text, size_t from, size_t *size);
#endif

/* scope - the names of an expression, from one map. */
#ifndef TESTS_SUPPORT_SCOPE_H
#define TESTS_SUPPORT_SCOPE_H
#include "actors/expression/expression.h"

/* Knows the keys of `root`, a map of msgpack that stays the caller's; the evaluator
 * goes on from there. */
struct expression_scope scope_of(struct bytes *root);
#endif

/* value - msgpack as the language sees it: null, booleans, numbers, texts, bytes, lists
 * and maps.
 *
 * Whole numbers are exact, from -2^63 to 2^64 - 1; what goes beyond is a fault. Numbers
 * are compared exactly, whatever their types.
 */
#ifndef ACTORS_EXPRESSION_VALUE_H
#define ACTORS_EXPRESSION_VALUE_H
#include "actors/expression/evaluation.h"

__extension__ typedef __int128 wide;

struct number {
    bool whole;
    wide integer; /* if whole */
    double real;  /* if not */
};

enum pack_type type_of(struct bytes value);
/* "a text", "null" and so on, for messages. */
const char *type_sentence(struct bytes value);
bool is_nil(struct bytes value);
bool is_number(struct bytes value);

struct bytes value_nil(struct evaluation *e);
struct bytes value_bool(struct evaluation *e, bool value);
struct bytes value_whole(struct evaluation *e, wide value);
struct bytes value_real(struct evaluation *e, double value);
struct bytes value_number(struct evaluation *e, const struct number *number);
struct bytes value_text(struct evaluation *e, struct bytes value);

/* False: it is none. */
bool number_of(struct bytes value, struct number *number);
/* Decimal digits, with a point and an exponent or without; nothing else. */
bool number_of_text(struct bytes in, struct number *number);
double number_real(const struct number *number);
/* The exact order; false where there is none, for one is not a number. */
bool numbers_order(const struct number *a, const struct number *b, int *order);

struct bytes text_of(struct bytes value);
bool bool_of(struct bytes value);
/* Go's rule: false, 0, "", null and what is empty are not true. */
bool truth_of(struct bytes value);

bool values_equal(struct evaluation *e, struct bytes a, struct bytes b);
/* The order of two numbers or of two texts; anything else is a fault at `at`. */
int values_order(struct evaluation *e, size_t at, struct bytes a, struct bytes b);

/* Append to scratch as text: null as nothing, lists and maps as compact JSON. */
void put_rendered(struct evaluation *e, struct bytes value);
void put_json(struct evaluation *e, struct bytes value);

/* The value of `name` in a map, or of a decimal index in a list (from the end if it is
 * negative); nothing if there is none. */
struct bytes value_member(struct evaluation *e, struct bytes value, struct bytes name);
#endif

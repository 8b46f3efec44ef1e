/* utf8 - characters of texts. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H
#include "base/bytes.h"

/* The longest beginning in which every sequence is well-formed, without surrogates and
 * overlong forms: of a text that was cut, all but the character that was hit. */
struct bytes utf8_beginning(struct bytes in);

/* Is it so as a whole? */
bool utf8_valid(struct bytes in);

/* How many characters there are, if `in` is UTF-8. */
size_t utf8_count(struct bytes in);

/* Write a character; how many bytes it takes, 0 if there is none of this number. */
size_t utf8_write(uint32_t code, uint8_t out[4]);
#endif

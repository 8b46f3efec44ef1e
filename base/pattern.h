/* pattern - regular expressions (PCRE2, UTF-8), with hard limits.
 *
 * Patterns and texts of strangers: the size of a pattern, the depth of its groups, the
 * memory and the work of a match are bounded, the work over all places of the text
 * together.  The same pattern and text always give the same answer; nothing is compiled
 * to machine code.
 */
#ifndef BASE_PATTERN_H
#define BASE_PATTERN_H
#include "base/bytes.h"
#include "base/err.h"

enum {
    PATTERN_SIZE_MAX = 4096, /* bytes */
    PATTERN_WORK_MAX = 1000000,
};

struct pattern;

/* Read a pattern.
 *
 * ERR_INVALID    it is none: `fault` says why, and at which character
 * ERR_TOO_LARGE  it is larger than PATTERN_SIZE_MAX bytes, or means something too large
 */
MUST_CHECK enum err
pattern_new(struct bytes source, struct pattern **pattern, struct fault *fault);

/* Does it match anywhere in `in`?  `work` is what that may take, and is lessened by
 * what it took: 1 for each item of the pattern that is tried, and for each 16 bytes
 * passed over; PATTERN_WORK_MAX is some tenths of a second at worst.
 *
 * ERR_TOO_LARGE  it takes more, or too much memory
 * ERR_MALFORMED  `in` is not UTF-8
 */
MUST_CHECK enum err pattern_match(
    const struct pattern *pattern, struct bytes in, uint32_t *work, bool *matches);
void pattern_free(struct pattern **pattern);
#endif

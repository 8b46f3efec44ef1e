/* schema - is a value as a JSON Schema wants it?
 *
 * Schemas are those of draft 2020-12 without what needs a second document or the
 * memory of other keywords; docs/schema.md has the list.  Schema and value are
 * msgpack that pack_check has taken.
 *
 * Pure and bounded: a judgement ends after a fixed amount of work whatever schema and
 * value say to each other.
 */
#ifndef ACTORS_SCHEMA_SCHEMA_H
#define ACTORS_SCHEMA_SCHEMA_H
#include "base/arena.h"
#include "base/err.h"

enum { SCHEMA_MISTAKES_MAX = 32 };

/* Texts lie in the arena.  A pointer is one of RFC 6901, cut when it is long; the
 * whole is "". */
struct schema_mistake {
    const char *pointer, *message;
};

struct schema_mistakes {
    struct schema_mistake list[SCHEMA_MISTAKES_MAX];
    size_t count;
    uint64_t total; /* those that are not listed included */
};

/* Is it a schema that we know?  Pointers lead into the schema.
 *
 * ERR_INVALID    it is not: `mistakes` says why
 * ERR_TOO_LARGE  it takes too much work; one mistake says so
 */
MUST_CHECK enum err schema_check(
    struct bytes schema, struct arena *arena, struct schema_mistakes *mistakes);

/* Is `value` as the schema wants it?  Pointers lead into the value.  The schema is one
 * that schema_check took; of another, what is not understood is passed over.
 *
 * ERR_INVALID    it is not: `mistakes` says where and what was expected
 * ERR_TOO_LARGE  that takes too much work; the last mistake says so
 */
MUST_CHECK enum err schema_validate(struct bytes schema, struct bytes value,
    struct arena *arena, struct schema_mistakes *mistakes);
#endif

/* target - what the first line of a request asks for: a path and a query.  Pure. */
#ifndef GATEWAY_TARGET_H
#define GATEWAY_TARGET_H
#include "base/arena.h"
#include "base/err.h"

enum { TARGET_SIZE_MAX = 4096, SEGMENTS_MAX = 12, QUERIES_MAX = 12 };

struct query {
    struct bytes name, value;
};

struct target {
    struct bytes host;                   /* with its port, if the target names one */
    struct bytes segments[SEGMENTS_MAX]; /* decoded, in order, none empty */
    size_t segment_count;
    bool folder;                       /* the path ends in "/" */
    struct query queries[QUERIES_MAX]; /* decoded, in order, no name twice */
    size_t query_count;
};

/* Read the raw form, such as "/a/b%20c?limit=3" or "http://host:80/a", which proxies
 * are asked with.  Keeps its bytes in `arena`.
 *
 * ERR_MALFORMED  it is neither, has an empty segment (but a last one), "." or "..", a
 *                character that must be escaped, an escape of NUL or of what is not
 *                UTF-8, a name twice; `fault` says what
 * ERR_TOO_LARGE  longer than TARGET_SIZE_MAX, or too many parts
 */
MUST_CHECK enum err target_read(
    struct bytes raw, struct arena *arena, struct target *target, struct fault *fault);

/* A part of a target, or a header, of nothing but decimal digits, at most INT64_MAX;
 * else false, and nothing is changed. */
bool target_number(struct bytes in, uint64_t *number);

/* The value of the query `name`; data NULL when it is not there. */
struct bytes target_query(const struct target *target, const char *name);
#endif

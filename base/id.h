/* id - 16 bytes: a UUIDv7 that says when it was made and in which partition it lives.
 *
 *    48 bits   4    12 bits     2   8 bits      54 bits
 *   +--------+----+----------+----+-----------+---------+
 *   | unix ms| 7  | random   | 10 | partition | random  |
 *   +--------+----+----------+----+-----------+---------+
 *
 * In text: a prefix such as "run_" and 26 characters of Crockford's base 32, which
 * sort as the bytes do.
 */
#ifndef BASE_ID_H
#define BASE_ID_H
#include "base/bytes.h"
#include "base/err.h"

enum { ID_SIZE = 16, ID_TEXT_MAX = 48, PARTITIONS_MAX = 256 };

struct id {
    uint8_t bytes[ID_SIZE];
};

/* Made of the caller's clock and 10 bytes of the caller's chance. */
struct id id_make(uint64_t unix_ms, const uint8_t chance[10], unsigned partition);

/* An id that follows from `parent` and a number, always the same: jobs of a run.
 * Keeps the parent's time and partition. */
struct id id_derive(const struct id *parent, uint64_t number);

/* The id that `id` has in another partition, always the same; keeps its time. */
struct id id_move(const struct id *id, unsigned partition);

/* The id of what is known by a name alone, such as a project. */
struct id id_of_name(struct bytes name);

unsigned id_partition(const struct id *id);
uint64_t id_unix_ms(const struct id *id);

static inline struct bytes
id_bytes(const struct id *id)
{
    return (struct bytes){ id->bytes, ID_SIZE };
}

static inline bool
id_equal(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, ID_SIZE) == 0;
}

static inline bool
id_is_zero(const struct id *id)
{
    static const struct id zero;
    return id_equal(id, &zero);
}

/* Write prefix, 26 characters and a NUL to `out`; prefixes have at most 20 bytes. */
const char *id_print(const struct id *id, const char *prefix, char out[ID_TEXT_MAX]);

/* Read what id_print wrote.
 *
 * ERR_MALFORMED  another prefix, another length, a character outside the alphabet; or
 *                zero, which is the id of nothing
 */
MUST_CHECK enum err id_read(struct bytes in, const char *prefix, struct id *id);
#endif

/* judging - what one judgement has in hand: where it is in the value, what it found
 * wrong, and how much work it may still do. */
#ifndef ACTORS_SCHEMA_JUDGING_H
#define ACTORS_SCHEMA_JUDGING_H
#include "actors/schema/schema.h"
#include "base/pack.h"
#include "base/quoted.h"

enum { SCHEMA_DEPTH_MAX = 128, SCHEMA_WORK_MAX = 4000000 };

/* A member of an object; a key that is no text counts as "". */
struct member {
    struct bytes name, value;
};

struct members {
    size_t count;
    struct member *list; /* in order of names */
};

/* A place in a document. */
struct place {
    const struct place *up; /* NULL: the whole */
    bool of_array;          /* else of an object */
    size_t index;
    struct bytes name;
    struct bytes value;
    enum pack_type type;
    struct members *members; /* of an object, once they are asked for */
};

struct judging {
    struct bytes root; /* the whole schema */
    struct arena *arena;
    struct schema_mistakes *mistakes; /* NULL: only the answer counts */
    uint64_t work;                    /* that is left */
    unsigned depth;
    bool spent; /* too much work, or too deep: the answers mean nothing any more */
    struct compiled *patterns;
};

void judging_open(struct judging *j, struct bytes root, struct arena *arena,
    struct schema_mistakes *mistakes);
/* The outcome; what is more than the limits is the last mistake. */
enum err judging_close(struct judging *j);

/* False when there is no work left. */
bool judging_spend(struct judging *j, uint64_t cost);

struct place place_root(struct bytes value);
struct place
place_member(const struct place *up, struct bytes name, struct bytes value);
struct place place_item(const struct place *up, size_t index, struct bytes value);
/* Of an object. */
const struct members *place_members(struct judging *j, struct place *at);
/* NULL if there is none of that name. */
const struct member *members_find(const struct members *members, struct bytes name);

/* Tell a mistake at a place, or at a member of it.  Always false. */
bool wrong_at_place(struct judging *j, const struct place *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool wrong_at_member(struct judging *j, const struct place *at, struct bytes name,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A value, fit for a message. */
struct quoted shown(struct bytes value);

/* Does a pattern of the schema match anywhere in `in`?  It is read once. */
bool pattern_fits(struct judging *j, struct bytes source, struct bytes in);
#endif

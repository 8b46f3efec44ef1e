/* mistakes - what one reading of an automation has and what it found wrong. */
#ifndef ACTORS_PLAN_MISTAKES_H
#define ACTORS_PLAN_MISTAKES_H
#include "actors/plan/compile.h"
#include "actors/plan/tree.h"
#include "base/quoted.h"

struct site;

/* What all parts of the compiler share. */
struct reading {
    struct bytes text; /* of the document */
    const struct compile_limits *limits;
    const struct zones *zones; /* or NULL */
    struct arena *arena;
    struct mistakes *mistakes;
    struct buffer scratch;                 /* of what packs */
    struct bytes agent_id, environment_id; /* of steps that give none */
    uint32_t step;             /* whose templates are being read, or PLAN_NO_STEP */
    struct site *first, *last; /* templates that were read: see templates.h */
};

/* Kept in order of position, then of telling; beyond COMPILE_MISTAKES_MAX the last one
 * gives way, so that no input makes them cost more than a fixed amount. */
void mistake_at(struct reading *r, const struct node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* At the key of `node` rather than at its value. */
void mistake_at_key(struct reading *r, const struct node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* At `map`, about its entry `key`, which is not there. */
void mistake_missing(struct reading *r, const struct node *map, const char *key,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* At a place that is no node. */
void mistake_mark(struct reading *r, struct mark at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Would a mistake at `node` be kept? */
bool mistake_wanted(const struct reading *r, struct mark at);
/* Forget all. */
void mistakes_clear(struct reading *r);
#endif

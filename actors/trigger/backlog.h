/* backlog - projects with events whose consequences are not all said: pure.
 *
 * They take turns, an event each.  Their events lie in rows; here is only whose turn it
 * is and how fast the line of each has moved, from which follows what a newcomer must
 * expect.
 */
#ifndef ACTORS_TRIGGER_BACKLOG_H
#define ACTORS_TRIGGER_BACKLOG_H
#include "base/id.h"
#include "base/list.h"
#include "base/map.h"

struct backlog {
    struct list turns; /* whose turn is next first */
    struct map projects;
};

void backlog_open(struct backlog *backlog);
void backlog_close(struct backlog *backlog);

/* Whose turn it is; NULL: there is no project. */
const struct id *backlog_next(const struct backlog *backlog);

/* The project has an event that is not done with.  `now_ms` 0: since nobody knows. */
void backlog_join(struct backlog *backlog, const struct id *project, uint64_t now_ms);
/* It had its turn; `whole`: an event is done with. */
void backlog_move(
    struct backlog *backlog, const struct id *project, uint64_t now_ms, bool whole);
/* It has none any more. */
void backlog_leave(struct backlog *backlog, const struct id *project);

/* How long one more event must expect to wait behind `ahead` of its project; 0: not
 * known, or there is no line. */
uint64_t backlog_expect_ms(const struct backlog *backlog, const struct id *project,
    uint64_t ahead, uint64_t now_ms);
#endif

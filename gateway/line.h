/* line - who waits for a turn, project by project: pure.
 *
 * Projects take turns, each with what has waited longest of its own; so a project that
 * asks for much waits for itself, and one that asks for little does not wait for it.
 * What a newcomer must expect follows from how fast its project's line has moved.
 */
#ifndef GATEWAY_LINE_H
#define GATEWAY_LINE_H
#include "base/id.h"
#include "base/list.h"
#include "base/map.h"

struct line {
    struct list turns; /* projects that wait, whose turn is next first */
    struct map projects;
};

/* Part of what waits. */
struct waiter {
    struct list link;
    struct line_project *project; /* NULL: it does not wait */
    uint64_t since_us;            /* monotonic */
    size_t ahead;                 /* of its project, when it came */
};

void line_open(struct line *line);
/* Nobody may wait any more. */
void line_close(struct line *line);
bool line_empty(const struct line *line);
/* How long one more of this project must expect to wait, in us; 0 if that is not known.
 */
uint64_t line_expect_us(const struct line *line, const struct id *project);
void line_join(struct line *line, const struct id *project, struct waiter *waiter,
    uint64_t now_us);
/* Whose turn it is, who waits no more; NULL: nobody waits. */
struct waiter *line_next(struct line *line, uint64_t now_us);
/* Also right for one that does not wait. */
void line_leave(struct line *line, struct waiter *waiter);
#endif

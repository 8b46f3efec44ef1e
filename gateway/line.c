#include "gateway/line.h"

#include "base/wrong.h"

#include <assert.h>
#include <stdlib.h>

struct line_project {
    struct id id;
    struct list link; /* of the line's turns */
    struct list waiters;
    size_t count;
    uint64_t each_us; /* between two of its turns, lately; 0: not known */
};

void
line_open(struct line *line)
{
    list_open(&line->turns);
    line->projects = (struct map){ 0 };
}

void
line_close(struct line *line)
{
    assert(list_empty(&line->turns));
    map_free(&line->projects);
}

bool
line_empty(const struct line *line)
{
    return list_empty(&line->turns);
}

uint64_t
line_expect_us(const struct line *line, const struct id *project)
{
    const struct line_project *p = map_get(&line->projects, id_bytes(project));
    return p == NULL ? 0 : (p->count + 1) * p->each_us;
}

static struct line_project *
project_new(struct line *line, const struct id *id)
{
    struct line_project *p = calloc(1, sizeof *p);
    if (p == NULL)
        WRONG("out of memory");
    p->id = *id;
    list_open(&p->waiters);
    list_append(&line->turns, &p->link);
    map_put(&line->projects, id_bytes(&p->id), p);
    return p;
}

static void
project_free(struct line *line, struct line_project *p)
{
    list_remove(&p->link);
    map_remove(&line->projects, id_bytes(&p->id));
    free(p);
}

void
line_join(
    struct line *line, const struct id *project, struct waiter *waiter, uint64_t now_us)
{
    struct line_project *p = map_get(&line->projects, id_bytes(project));
    if (p == NULL)
        p = project_new(line, project);
    *waiter = (struct waiter){ .project = p, .since_us = now_us, .ahead = p->count++ };
    list_append(&p->waiters, &waiter->link);
}

void
line_leave(struct line *line, struct waiter *waiter)
{
    struct line_project *p = waiter->project;
    if (p == NULL)
        return;
    waiter->project = NULL;
    list_remove(&waiter->link);
    if (--p->count == 0)
        project_free(line, p);
}

struct waiter *
line_next(struct line *line, uint64_t now_us)
{
    struct list *at = list_first(&line->turns);
    if (at == NULL)
        return NULL;
    struct line_project *p = LIST_OF(at, struct line_project, link);
    struct waiter *waiter = LIST_OF(p->waiters.next, struct waiter, link);
    p->each_us = (now_us - waiter->since_us) / (waiter->ahead + 1);
    list_remove(&p->link);
    list_append(&line->turns, &p->link);
    line_leave(line, waiter);
    return waiter;
}

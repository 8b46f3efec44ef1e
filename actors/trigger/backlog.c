#include "actors/trigger/backlog.h"

#include "base/wrong.h"

#include <stdlib.h>

/* Of so many events the older half counts less and less. */
enum { DONE_MAX = 64 };

struct line {
    struct id project;
    struct list link;  /* of the turns */
    uint64_t since_ms; /* unix ms; 0: not known */
    uint64_t done;     /* events since then */
};

void
backlog_open(struct backlog *backlog)
{
    list_open(&backlog->turns);
    backlog->projects = (struct map){ 0 };
}

static void
line_free(struct backlog *backlog, struct line *line)
{
    list_remove(&line->link);
    map_remove(&backlog->projects, id_bytes(&line->project));
    free(line);
}

void
backlog_close(struct backlog *backlog)
{
    struct list *at;
    while ((at = list_first(&backlog->turns)) != NULL)
        line_free(backlog, LIST_OF(at, struct line, link));
    map_free(&backlog->projects);
}

const struct id *
backlog_next(const struct backlog *backlog)
{
    struct list *at = list_first(&backlog->turns);
    return at == NULL ? NULL : &LIST_OF(at, struct line, link)->project;
}

static struct line *
find(const struct backlog *backlog, const struct id *project)
{
    return map_get(&backlog->projects, id_bytes(project));
}

static struct line *
line_new(const struct id *project, uint64_t now_ms)
{
    struct line *line = calloc(1, sizeof *line);
    if (line == NULL)
        WRONG("out of memory");
    line->project = *project;
    line->since_ms = now_ms;
    return line;
}

void
backlog_join(struct backlog *backlog, const struct id *project, uint64_t now_ms)
{
    if (find(backlog, project) != NULL)
        return;
    struct line *line = line_new(project, now_ms);
    list_append(&backlog->turns, &line->link);
    map_put(&backlog->projects, id_bytes(&line->project), line);
}

void
backlog_move(
    struct backlog *backlog, const struct id *project, uint64_t now_ms, bool whole)
{
    struct line *line = find(backlog, project);
    if (line == NULL)
        WRONG("a project without events that wait has had its turn");
    list_remove(&line->link);
    list_append(&backlog->turns, &line->link);
    if (line->since_ms == 0)
        line->since_ms = now_ms;
    else if (whole)
        line->done++;
    if (line->done < DONE_MAX)
        return;
    line->since_ms += (now_ms - line->since_ms) / 2;
    line->done /= 2;
}

void
backlog_leave(struct backlog *backlog, const struct id *project)
{
    struct line *line = find(backlog, project);
    if (line == NULL)
        WRONG("a project without events that wait has no more of them");
    line_free(backlog, line);
}

uint64_t
backlog_expect_ms(const struct backlog *backlog, const struct id *project,
    uint64_t ahead, uint64_t now_ms)
{
    const struct line *line = find(backlog, project);
    if (line == NULL || line->since_ms == 0)
        return 0;
    uint64_t took_ms = now_ms - line->since_ms;
    return line->done == 0 ? took_ms : (ahead + 1) * took_ms / line->done;
}

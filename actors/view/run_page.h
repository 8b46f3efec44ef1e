/* run_page - a page of a project's runs over all partitions, the newest first.
 *
 * Runs are sorted by id, which begins with the time of its making, so that pages are
 * stable whatever happens to the runs.  The cursor is an id: only older runs follow.
 */
#ifndef ACTORS_VIEW_RUN_PAGE_H
#define ACTORS_VIEW_RUN_PAGE_H
#include "actors/view/view.h"

/* Rows looked at for one page: a filter that few runs pass gives short pages, each with
 * a cursor, and not long waits. */
enum { PAGE_ROWS_MAX = 10000 };

/* Write the page of at most `asked->limit` (at least 1) as a document.
 *
 * ERR_MALFORMED    no such status, or no cursor of ours
 * ERR_NOT_FOUND    no such automation
 * ERR_UNAVAILABLE  a partition cannot be read
 */
MUST_CHECK enum err run_page(struct view *view, const struct id *project,
    const struct run_list *asked, struct fault *fault);
#endif

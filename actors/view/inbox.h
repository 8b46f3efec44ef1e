/* inbox - what runs ask of people, as documents.
 *
 * Pending ones are listed over all partitions, the oldest first; what people have
 * answered is found by its id.
 */
#ifndef ACTORS_VIEW_INBOX_H
#define ACTORS_VIEW_INBOX_H
#include "actors/view/view.h"

/* Rows looked at in one partition for one page: a target that few ask gives short
 * pages, each with a cursor, and not long waits. */
enum { INBOX_ROWS_MAX = 2000 };

/* Write the page of at most `asked->limit` (at least 1), or the one that is named.
 *
 * ERR_MALFORMED    no such status, or no cursor of ours
 * ERR_NOT_FOUND    nothing such is asked in the project
 * ERR_UNAVAILABLE  a partition cannot be read
 */
MUST_CHECK enum err inbox_page(struct view *view, const struct id *project,
    const struct interaction_list *asked, struct fault *fault);
#endif

/* log_page - what the jobs of a run printed, as a document.
 *
 * The sequence of a chunk is the number of its record: it grows, with gaps.
 */
#ifndef ACTORS_VIEW_LOG_PAGE_H
#define ACTORS_VIEW_LOG_PAGE_H
#include "actors/view/event_page.h"

/* Write the page of at most `limit` chunks after the sequence `after`. */
struct page_end
log_page(struct buffer *out, struct run_rows *run, uint64_t after, uint32_t limit);
#endif

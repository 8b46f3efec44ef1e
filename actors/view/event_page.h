/* event_page - a part of a run's log as a document.  docs/events.md says what is in it.
 */
#ifndef ACTORS_VIEW_EVENT_PAGE_H
#define ACTORS_VIEW_EVENT_PAGE_H
#include "actors/view/run_rows.h"

enum { PAGE_BYTES_MAX = 1024 * 1024 }; /* the item that goes beyond is the last */

struct page_end {
    uint64_t last; /* sequence of the last item, or where the page began */
    bool finished; /* the run is, and nothing follows */
};

/* Write the page of at most `limit` events after the sequence `after`. */
struct page_end
event_page(struct buffer *out, struct run_rows *run, uint64_t after, uint32_t limit);
#endif

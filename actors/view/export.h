/* export - a run as the parts of a file: see actors/export.h. */
#ifndef ACTORS_VIEW_EXPORT_H
#define ACTORS_VIEW_EXPORT_H
#include "actors/view/event_page.h"

/* Write {data, after, part, has_more}: the bytes of the file that follow the first
 * `part` payloads behind record `after`, about PAGE_BYTES_MAX of them; the hash at the
 * end is left to who puts the parts together.
 *
 * ERR_CORRUPT    something of the run cannot be read
 * ERR_NOT_FOUND  the plan of the run is not there
 */
MUST_CHECK enum err export_page(struct buffer *out, struct run_rows *run,
    uint64_t after, uint32_t part, struct page_end *end, struct fault *fault);
#endif

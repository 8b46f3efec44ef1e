/* log_page - what one job printed, out of the pages of a run's log. */
#ifndef GATEWAY_WORKFLOW_GRAPH_LOG_PAGE_H
#define GATEWAY_WORKFLOW_GRAPH_LOG_PAGE_H
#include "gateway/request.h"

struct log_page {
    struct bytes page; /* document of the view */
    struct cursor items;
    size_t left;
    uint64_t last; /* sequence after which the next page begins */
    bool more;     /* there is a next page already */
};

/* The question for a page of the run's log, from after `after`. */
struct message *
log_page_question(struct request *r, const struct id *run, uint64_t after);
struct log_page log_page_open(struct bytes page);
/* The next chunk of the step `key`; false: there is none on this page. */
bool log_page_next(struct log_page *p, struct bytes key, struct bytes *chunk);
/* Append the msgpack of a chunk as clients read it; the path names workflow and job. */
void log_page_write(
    struct request *r, struct bytes chunk, uint64_t sequence, struct buffer *out);
#endif

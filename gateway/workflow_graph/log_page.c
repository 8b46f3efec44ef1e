#include "gateway/workflow_graph/log_page.h"

#include "gateway/workflow_graph/look.h"

enum { PAGE_RECORDS = 1000 };

struct message *
log_page_question(struct request *r, const struct id *run, uint64_t after)
{
    struct message *m = request_message(r, LOG_LIST, ACTOR_view);
    m->log_list.run = *run;
    m->log_list.after = after;
    m->log_list.limit = PAGE_RECORDS;
    return m;
}

struct log_page
log_page_open(struct bytes page)
{
    struct log_page p = { .page = page };
    struct cursor more = cursor_over(pack_find(page, "has_more"));
    p.items = cursor_over(pack_find(page, "items"));
    p.left = cursor_array(&p.items);
    p.last = said_number(page, "last_sequence");
    p.more = cursor_bool(&more);
    return p;
}

bool
log_page_next(struct log_page *p, struct bytes key, struct bytes *chunk)
{
    while (p->left > 0) {
        p->left--;
        *chunk = cursor_skip(&p->items);
        if (bytes_equal(said_text(*chunk, "step"), key))
            return true;
    }
    return false;
}

void
log_page_write(
    struct request *r, struct bytes chunk, uint64_t sequence, struct buffer *out)
{
    pack_map(out, 6);
    pack_string(out, "workflow_id");
    pack_text(out, r->captures[0]);
    pack_string(out, "job_id");
    pack_text(out, r->captures[1]);
    pack_string(out, "sequence");
    pack_u64(out, sequence);
    pack_string(out, "data");
    pack_text(out, said_text(chunk, "text"));
    pack_string(out, "timestamp_ms");
    pack_u64(out, look_moment(chunk, "at"));
    pack_string(out, "stream");
    pack_text(out, said_text(chunk, "stream"));
}

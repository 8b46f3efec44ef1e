#include "actors/view/log_page.h"

#include "actors/view/positions.h"
#include "actors/view/sheet.h"

enum {
    RECORDS_MAX = 1000
}; /* read for one page, whether anything was printed or not */

static void
write_chunk(struct sheet *items, struct run_rows *run, uint64_t sequence,
    uint64_t at_ms, const struct job_printed *printed)
{
    sheet_item(items);
    struct sheet chunk = sheet_map(items->out);
    sheet_number(&chunk, "sequence", sequence);
    sheet_moment(&chunk, "at", at_ms);
    sheet_text(&chunk, "step", run_rows_plan_step(run, printed->step).key);
    sheet_number(&chunk, "attempt", printed->attempt);
    sheet_text(&chunk, "stream", printed->stream);
    sheet_text(&chunk, "text", printed->chunk);
    sheet_end(&chunk);
}

static void
write_record(struct sheet *items, struct run_rows *run, uint64_t record)
{
    struct run_facts facts;
    struct message fact;
    if (!run_facts_open(run, record, &facts))
        return;
    while (run_facts_next(&facts, &fact))
        if (fact.code == JOB_PRINTED)
            write_chunk(items, run, record, facts.at_ms, &fact.job_printed);
}

struct page_end
log_page(struct buffer *out, struct run_rows *run, uint64_t after, uint32_t limit)
{
    uint64_t at = positions_to_record(run, after), all = positions_count(run);
    uint64_t until = all - at > RECORDS_MAX ? at + RECORDS_MAX : all;
    struct position position;
    struct page_end end = { .last = after };

    struct sheet document = sheet_map(out);
    sheet_key(&document, "items");
    struct sheet items = sheet_array(out);
    for (; at < until && items.count < limit && out->size - items.head < PAGE_BYTES_MAX
           && positions_at(run, at, &position);
         at++) {
        write_record(&items, run, position.record);
        end.last = position.record;
    }
    sheet_end(&items);
    end.finished = run_status_final((enum run_status)run->row.status) && at == all;
    sheet_number(&document, "last_sequence", end.last);
    sheet_bool(&document, "finished", end.finished);
    sheet_bool(&document, "has_more", at < all);
    sheet_end(&document);
    return end;
}

#include "actors/view/event_page.h"

#include "actors/history.h"
#include "actors/view/positions.h"
#include "actors/view/sheet.h"

enum how {
    HOW_text,
    HOW_u32,
    HOW_u64,
    HOW_automation,
    HOW_session,
    HOW_interaction,
    HOW_run,
    HOW_moment,
    HOW_delay,
    HOW_payload,
    HOW_payload_if
};

static const struct shown {
    enum message_code code;
    size_t offset; /* bytes into struct message */
    enum how how;
    const char *name;
} shown[] = {
#define SHOWN(code, message_, member, how, name, about)                                \
    { code, offsetof(struct message, message_.member), HOW_##how, name },
#include "actors/view/payload.def"
};

static void
write_field(
    struct sheet *payload, const struct shown *s, uint64_t at_ms, const void *value)
{
    const struct bytes *bytes = value;
    const uint64_t *ms = value;
    switch (s->how) {
    case HOW_text: sheet_text(payload, s->name, *bytes); return;
    case HOW_u32: sheet_number(payload, s->name, *(const uint32_t *)value); return;
    case HOW_u64:
        if (*ms != 0)
            sheet_number(payload, s->name, *ms);
        return;
    case HOW_automation: sheet_id(payload, s->name, "aut_", value); return;
    case HOW_session: sheet_id(payload, s->name, "wsess_", value); return;
    case HOW_run: sheet_id(payload, s->name, "run_", value); return;
    case HOW_interaction: sheet_id(payload, s->name, "iact_", value); return;
    case HOW_moment: sheet_moment(payload, s->name, *ms); return;
    case HOW_delay:
        sheet_number(payload, s->name, *ms > at_ms ? *ms - at_ms : 0);
        return;
    case HOW_payload_if:
        if (bytes->size > 0)
            sheet_payload(payload, s->name, *bytes);
        return;
    case HOW_payload: sheet_payload(payload, s->name, *bytes); return;
    }
}

/* Clients that see only the log learn from it how the run ended. */
static void
write_status(struct sheet *payload, enum message_code code)
{
    enum run_status status = code == RUN_COMPLETED   ? RUN_DONE
                             : code == RUN_FAILED    ? RUN_BROKEN
                             : code == RUN_CANCELLED ? RUN_STOPPED
                                                     : RUN_SUSPENDED;
    if (run_status_final(status))
        sheet_text(payload, "status", text(run_status_name(status)));
}

static void
write_payload(struct sheet *event, uint64_t at_ms, const struct message *fact)
{
    sheet_key(event, "payload");
    struct sheet payload = sheet_map(event->out);
    for (size_t i = 0; i < COUNT(shown); i++)
        if (shown[i].code == fact->code)
            write_field(
                &payload, &shown[i], at_ms, (const uint8_t *)fact + shown[i].offset);
    write_status(&payload, fact->code);
    sheet_end(&payload);
}

/* The step that an event is about, by its key. */
static struct bytes
step_of(const struct message *fact)
{
    for (size_t i = 0; i < COUNT(shown); i++)
        if (shown[i].code == fact->code && strcmp(shown[i].name, "step") == 0)
            return *(const struct bytes *)(const void *)((const uint8_t *)fact
                                                         + shown[i].offset);
    return (struct bytes){ 0 };
}

static void
write_event(
    struct buffer *out, uint64_t sequence, uint64_t at_ms, const struct message *fact)
{
    struct sheet event = sheet_map(out);
    sheet_number(&event, "sequence", sequence);
    sheet_text(&event, "event_type", text(history_name(fact->code)));
    sheet_moment(&event, "at", at_ms);
    sheet_text(&event, "step", step_of(fact));
    write_payload(&event, at_ms, fact);
    sheet_end(&event);
}

struct page {
    struct run_rows *run;
    struct sheet items;
    uint64_t last; /* sequence of the last event that was written or passed over */
    uint32_t limit;
};

static bool
page_full(const struct page *page)
{
    return page->items.count >= page->limit
           || page->items.out->size - page->items.head >= PAGE_BYTES_MAX;
}

/* Write what follows in the next record that has events.  False if there is none. */
static bool
write_record(struct page *page)
{
    uint64_t index = positions_to_event(page->run, page->last), before = page->last;
    struct position position;
    struct run_facts facts;
    struct message fact;

    if (index == 0 || !positions_at(page->run, index - 1, &position)
        || !run_facts_open(page->run, position.record, &facts))
        return false;
    uint64_t sequence = position.events;
    while (!page_full(page) && run_facts_next(&facts, &fact)) {
        if (history_name(fact.code) == NULL || ++sequence <= page->last)
            continue;
        sheet_item(&page->items);
        write_event(page->items.out, sequence, facts.at_ms, &fact);
        page->last = sequence;
    }
    return page->last > before;
}

struct page_end
event_page(struct buffer *out, struct run_rows *run, uint64_t after, uint32_t limit)
{
    uint64_t events = run->row.events;
    struct sheet document = sheet_map(out);
    sheet_key(&document, "items");
    struct page page = {
        .run = run,
        .items = sheet_array(out),
        .last = after < events ? after : events,
        .limit = limit,
    };
    while (page.last < events && !page_full(&page) && write_record(&page))
        continue;
    sheet_end(&page.items);
    struct page_end end = { page.last,
        run_status_final((enum run_status)run->row.status) && page.last == events };
    sheet_number(&document, "last_sequence", end.last);
    sheet_bool(&document, "finished", end.finished);
    sheet_bool(&document, "has_more", page.last < events);
    sheet_end(&document);
    return end;
}

#include "actors/view/inbox.h"

#include "actors/view/answers.h"
#include "actors/view/event_page.h"
#include "actors/view/run_rows.h"
#include "actors/view/sheet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Where a list goes on: behind this one. */
struct place_in_list {
    uint64_t asked_ms;
    struct id id;
};

struct entry {
    struct place_in_list at;
    struct journal *journal;
};

struct inbox {
    struct view *view;
    struct id project;
    const struct interaction_list *asked;
    struct entry *entries;
    size_t count, capacity;
    struct journal *journal;    /* that is being read */
    struct place_in_list after; /* zero: the beginning */
    struct place_in_list rest;  /* from here on not all was looked at; zero: all was */
    size_t rows_left, wanted_left;
};

static int
place_order(const struct place_in_list *a, const struct place_in_list *b)
{
    if (a->asked_ms != b->asked_ms)
        return a->asked_ms < b->asked_ms ? -1 : 1;
    return memcmp(a->id.bytes, b->id.bytes, ID_SIZE);
}

static int
entry_order(const void *a, const void *b)
{
    return place_order(&((const struct entry *)a)->at, &((const struct entry *)b)->at);
}

/* ---- one of them ---- */

struct question {
    struct run_rows run;
    struct interaction_row row;
    struct message fact; /* interaction_requested */
};

static bool
read_question(struct inbox *inbox, struct journal *journal, const struct id *id,
    struct question *question)
{
    struct row_key key = row_key_run('Q', &inbox->project, id);
    struct bytes value = journal_get(journal, row_key_bytes(&key));
    struct cursor in = cursor_over(value);
    return value.data != NULL
           && fields_read(&in, &interaction_row_shape, NULL, &question->row) == ERR_NONE
           && run_rows_read(&question->run, journal, &inbox->view->arena,
                  &inbox->project, &question->row.run)
                  == ERR_NONE
           && run_rows_fact(&question->run, question->row.record, INTERACTION_REQUESTED,
               question->row.step, &question->fact);
}

static bool
asks(const struct interaction_requested *asked, struct bytes target)
{
    struct cursor in = cursor_over(asked->targets);
    size_t count = asked->targets.size == 0 ? 0 : cursor_array(&in);
    bool found = target.size == 0 || count == 0;
    for (size_t i = 0; i < count; i++)
        found |= bytes_equal(cursor_text(&in), target);
    return found;
}

static void
write_responses(struct sheet *map, struct bytes answers)
{
    sheet_key(map, "responses");
    struct sheet list = sheet_array(map->out);
    struct cursor in = cursor_over(answers);
    size_t count = answers.size == 0 ? 0 : cursor_array(&in);
    for (size_t i = 0; i < count; i++) {
        struct bytes answer = cursor_skip(&in);
        struct cursor by = cursor_over(pack_find(answer, "by"));
        struct cursor comment = cursor_over(pack_find(answer, "comment"));
        struct cursor at = cursor_over(pack_find(answer, "at_ms"));
        sheet_item(&list);
        struct sheet item = sheet_map(map->out);
        sheet_text(&item, "by", cursor_text(&by));
        sheet_payload(&item, "value", pack_find(answer, "value"));
        sheet_text(&item, "comment", cursor_text(&comment));
        sheet_moment(&item, "at", cursor_u64(&at));
        sheet_end(&item);
    }
    sheet_end(&list);
}

static void
write_question(struct buffer *out, const struct id *id, const struct question *question)
{
    const struct interaction_row *row = &question->row;
    const struct interaction_requested *asked = &question->fact.interaction_requested;
    struct sheet map = sheet_map(out);
    sheet_id(&map, "id", "iact_", id);
    sheet_text(&map, "status",
        text(interaction_status_name((enum interaction_status)row->status)));
    sheet_id(&map, "run_id", "run_", &row->run);
    sheet_text(&map, "automation", question->run.row.name);
    sheet_text(&map, "step", asked->key);
    sheet_text(&map, "protocol", asked->protocol);
    sheet_text(&map, "title", asked->title);
    sheet_text(&map, "prompt", asked->prompt);
    sheet_payload(&map, "targets", asked->targets);
    sheet_bool(&map, "all_of", asked->all_of != 0);
    if (asked->escalated)
        sheet_bool(&map, "escalated", true);
    sheet_payload(&map, "spec", asked->spec);
    sheet_moment(&map, "created_at", row->asked_ms);
    sheet_moment(&map, "expires_at", row->due_ms);
    sheet_moment(&map, "settled_at", row->over_ms);
    write_responses(&map, row->answers);
    sheet_end(&map);
}

static enum err
show_one(struct inbox *inbox, struct fault *fault)
{
    const struct id *id = &inbox->asked->interaction;
    struct view *view = inbox->view;
    uint32_t partition = id_partition(id);
    struct journal *journal =
        partition < view->partitions ? view->journal(view->self, partition) : NULL;
    struct question question;
    if (partition < view->partitions && journal == NULL)
        return fault_set(fault, ERR_UNAVAILABLE, "it cannot be read now");
    if (journal == NULL || !read_question(inbox, journal, id, &question))
        return fault_set(fault, ERR_NOT_FOUND, "nothing such is asked in the project");
    write_question(&view->document, id, &question);
    return ERR_NONE;
}

/* ---- a page ---- */

static bool
look_at(void *self, struct bytes key, struct bytes value)
{
    struct inbox *inbox = self;
    struct bytes left = bytes_of(key.data + 1 + ID_SIZE, key.size - 1 - ID_SIZE);
    struct entry *entry = &inbox->entries[inbox->count];
    struct question question;
    (void)value;
    entry->at.asked_ms = row_take_u64(&left);
    entry->at.id = row_take_id(&left);
    entry->journal = inbox->journal;
    bool wanted =
        inbox->asked->target.size == 0
        || (read_question(inbox, inbox->journal, &entry->at.id, &question)
            && asks(&question.fact.interaction_requested, inbox->asked->target)
            && !answers_have(question.row.answers, inbox->asked->target));
    struct place_in_list last = entry->at;
    inbox->count += wanted;
    inbox->wanted_left -= wanted;
    if (--inbox->rows_left > 0 && inbox->wanted_left > 0)
        return true;
    if (inbox->rest.asked_ms == 0 || place_order(&last, &inbox->rest) < 0)
        inbox->rest = last;
    return false;
}

/* A partition gives one more than a page has: then there is another page. */
static void
look_through(struct inbox *inbox, struct journal *journal)
{
    struct row_key from = row_key('B');
    row_key_id(&from, &inbox->project);
    struct row_key to = row_key_after(&from);
    if (inbox->after.asked_ms != 0) {
        row_key_u64(&from, inbox->after.asked_ms);
        row_key_id(&from, &inbox->after.id);
        row_key_u8(&from, 0); /* the first key after that one */
    }
    inbox->journal = journal;
    inbox->rows_left = INBOX_ROWS_MAX;
    inbox->wanted_left = inbox->asked->limit + 1;
    journal_scan(
        journal, row_key_bytes(&from), row_key_bytes(&to), false, look_at, inbox);
}

/* "1767225600000.iact_…" */
static bool
read_cursor(struct bytes cursor, struct place_in_list *place)
{
    uint64_t number = 0;
    size_t i = 0;
    for (; i < cursor.size && i < 15 && cursor.data[i] >= '0' && cursor.data[i] <= '9';
         i++)
        number = number * 10 + (uint64_t)(cursor.data[i] - '0');
    place->asked_ms = number;
    return number > 0 && i < cursor.size && cursor.data[i] == '.'
           && id_read(bytes_of(cursor.data + i + 1, cursor.size - i - 1), "iact_",
                  &place->id)
                  == ERR_NONE;
}

static void
write_cursor(struct sheet *document, const struct place_in_list *place)
{
    char id[ID_TEXT_MAX], cursor[ID_TEXT_MAX + 24];
    snprintf(cursor, sizeof cursor, "%" PRIu64 ".%s", place->asked_ms,
        id_print(&place->id, "iact_", id));
    sheet_text(document, "next_cursor", text(cursor));
}

/* Nothing behind `rest` may be shown: older ones may not have been looked at. */
static void
write_page(struct inbox *inbox, struct buffer *out)
{
    struct place_in_list last = inbox->after;
    struct sheet document = sheet_map(out);
    bool more = inbox->rest.asked_ms != 0;
    sheet_key(&document, "items");
    struct sheet items = sheet_array(out);
    for (size_t i = 0; i < inbox->count; i++) {
        const struct entry *entry = &inbox->entries[i];
        struct question question;
        if (inbox->rest.asked_ms != 0 && place_order(&entry->at, &inbox->rest) > 0)
            break;
        if (items.count == inbox->asked->limit
            || out->size - items.head >= PAGE_BYTES_MAX) {
            more = true;
            inbox->rest = last;
            break;
        }
        last = entry->at;
        if (!read_question(inbox, entry->journal, &entry->at.id, &question))
            continue;
        sheet_item(&items);
        write_question(out, &entry->at.id, &question);
    }
    sheet_end(&items);
    if (more) {
        write_cursor(&document, &inbox->rest);
    } else {
        sheet_key(&document, "next_cursor");
        pack_nil(out);
    }
    sheet_end(&document);
}

enum err
inbox_page(struct view *view, const struct id *project,
    const struct interaction_list *asked, struct fault *fault)
{
    struct inbox inbox = { .view = view, .project = *project, .asked = asked };
    if (!id_is_zero(&asked->interaction))
        return show_one(&inbox, fault);
    if (asked->status.size > 0 && !bytes_equal(asked->status, text("pending")))
        return fault_set(fault, ERR_MALFORMED, "status: pending, or nothing");
    if (asked->cursor.size > 0 && !read_cursor(asked->cursor, &inbox.after))
        return fault_set(fault, ERR_MALFORMED, "cursor: not one that a page gave");
    inbox.capacity = (size_t)view->partitions * (asked->limit + 2);
    inbox.entries = arena_take(&view->arena, inbox.capacity * sizeof *inbox.entries);
    for (uint32_t i = 0; i < view->partitions; i++) {
        struct journal *journal = view->journal(view->self, i);
        if (journal == NULL)
            return fault_set(
                fault, ERR_UNAVAILABLE, "what partition %u asks cannot be read", i);
        look_through(&inbox, journal);
    }
    qsort(inbox.entries, inbox.count, sizeof *inbox.entries, entry_order);
    write_page(&inbox, &view->document);
    return ERR_NONE;
}

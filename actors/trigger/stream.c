/* The events of projects: kept in order, by number, for as long as the settings say. */
#include "actors/trigger/state.h"
#include "base/wrong.h"

#include <assert.h>

enum {
    ID_MAX = 200,         /* bytes of a caller's id */
    SOURCE_MAX = 200,     /* bytes */
    META_MAX = 65536,     /* bytes */
    EVENT_OVERHEAD = 128, /* bytes of rows beside the event's own */
    EXPIRED_BY_KEEPING = 8,
    PAGE_BYTES_MAX = 1 << 20
};

void
stream_read(
    const struct trigger_state *s, const struct id *project, struct stream *stream)
{
    struct row_key key = key_of_stream(project);
    kept_read(s->journal, &key, &stream_shape, NULL, stream);
}

static void
stream_write(
    struct trigger_state *s, const struct id *project, const struct stream *stream)
{
    struct row_key key = key_of_stream(project);
    kept_write(s->journal, &key, &stream_shape, stream);
}

bool
event_read(const struct trigger_state *s, const struct id *project, uint64_t number,
    struct arena *arena, struct event_entry *entry)
{
    struct row_key key = key_of_event(project, number);
    /* never: who has a number has it from a row that goes with it */
    if (!kept_read(s->journal, &key, &event_entry_shape, arena, entry))
        return false;
    entry->id = arena_copy(arena, entry->id);
    entry->type = arena_copy(arena, entry->type);
    entry->source = arena_copy(arena, entry->source);
    entry->data = arena_copy(arena, entry->data);
    entry->meta = arena_copy(arena, entry->meta);
    entry->trigger = arena_copy(arena, entry->trigger);
    return true;
}

/* The row by which it is known besides its number; false: there is none. */
static bool
other_name(
    const struct id *project, struct bytes id, uint64_t question, struct row_key *key)
{
    *key = id.size > 0 ? key_of_event_id(project, id)
                       : key_of_event_asked(project, question);
    return id.size > 0 || question != 0;
}

uint64_t
event_known(const struct trigger_state *s, const struct id *project,
    const struct publication *publication)
{
    struct row_key key;
    if (!other_name(project, publication->id, publication->question, &key))
        return 0;
    struct bytes row = journal_get(s->journal, row_key_bytes(&key));
    return row.data == NULL ? 0 : row_take_u64(&row);
}

uint64_t
event_of_id(const struct trigger_state *s, const struct id *project, struct bytes id)
{
    return event_known(s, project, &(struct publication){ .id = id });
}

bool
event_asked(const struct event_entry *event, uint64_t question)
{
    return question != 0 && event->question == question;
}

static uint64_t
bytes_of_event(const struct event_entry *e)
{
    return e->id.size + e->type.size + e->source.size + e->data.size + e->meta.size
           + EVENT_OVERHEAD;
}

/* ---- retention ---- */

static bool
expired(const struct trigger_state *s, const struct event_entry *event, uint64_t bytes,
    uint64_t now_ms)
{
    return bytes > s->config->events_kept_bytes
           || (event->at_ms < now_ms
               && now_ms - event->at_ms >= s->config->events_kept_ms);
}

/* The oldest events that time or size has overtaken, `most` of them; `more_bytes` are
 * about to come. */
static void
expire(const struct trigger_state *s, const struct id *project, uint64_t now_ms,
    uint64_t more_bytes, size_t most, struct outbox *out)
{
    struct stream stream;
    struct event_entry event;
    uint64_t number;
    stream_read(s, project, &stream);
    uint64_t bytes = stream.bytes + more_bytes;
    for (number = stream.first; number <= stream.routed && most > 0; number++, most--) {
        struct row_key key = key_of_event(project, number);
        if (!kept_read(s->journal, &key, &event_entry_shape, NULL, &event)
            || !expired(s, &event, bytes, now_ms))
            break;
        bytes -= event.bytes;
    }
    if (number > stream.first)
        say_events_expired(out, (struct events_expired){ .through = number - 1 });
}

struct search {
    const struct trigger_state *s;
    struct id project;
    uint64_t oldest_ms;
};

static bool
take_oldest(void *self, struct bytes key, struct bytes value)
{
    struct search *search = self;
    struct stream stream;
    row_take_u8(&key);
    kept_take(search->s->journal, value, &stream_shape, NULL, &stream);
    /* What is not routed yet stays, however old. */
    if (stream.first <= stream.routed && stream.oldest_ms < search->oldest_ms) {
        search->oldest_ms = stream.oldest_ms;
        search->project = row_take_id(&key);
    }
    return true;
}

static struct search
find_oldest(const struct trigger_state *s)
{
    struct search search = { .s = s, .oldest_ms = UINT64_MAX };
    struct row_key from = row_key('Z'), to = row_key_after(&from);
    journal_scan(s->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        take_oldest, &search);
    return search;
}

uint64_t
stream_expires_ms(const struct trigger_state *s)
{
    return s->oldest_ms > UINT64_MAX - s->config->events_kept_ms
               ? UINT64_MAX
               : s->oldest_ms + s->config->events_kept_ms;
}

void
expire_events(const struct trigger_state *s, uint64_t now_ms, struct outbox *out)
{
    struct search search = find_oldest(s);
    assert(search.oldest_ms != UINT64_MAX); /* or nothing would be due */
    out->project = search.project;
    expire(s, &search.project, now_ms, 0, SAID_MAX, out);
}

static bool
take_unrouted(void *self, struct bytes key, struct bytes value)
{
    struct trigger_state *s = self;
    struct stream stream;
    kept_take(s->journal, value, &stream_shape, NULL, &stream);
    row_take_u8(&key);
    struct id project = row_take_id(&key);
    if (stream.routed < stream.last)
        backlog_join(&s->backlog, &project, 0);
    return true;
}

void
stream_find(struct trigger_state *s)
{
    struct row_key from = row_key('Z'), to = row_key_after(&from);
    journal_scan(
        s->journal, row_key_bytes(&from), row_key_bytes(&to), false, take_unrouted, s);
    s->oldest_ms = find_oldest(s).oldest_ms;
}

static bool
leave_number(const void *self, struct message *fact)
{
    const uint64_t *number = self;
    if (fact->code != EVENT_KEPT)
        return false;
    assert(fact->event_kept.number == *number); /* a turn keeps one event */
    fact->event_kept = (struct event_kept){ .number = *number };
    return true;
}

void
event_forget(struct trigger_state *s, uint64_t number, uint64_t at)
{
    forget_facts(s, at, leave_number, &number);
}

/* Its record, unless it is of a release before, and unless what holds it back still
 * follows from that: then it goes with the last of these. */
static void
forget_expired(
    struct trigger_state *s, const struct id *project, const struct event_entry *event)
{
    struct row_key holding = key_of_holding(project, event->number);
    if (event->record != 0 && !kept_exists(s->journal, &holding))
        event_forget(s, event->number, event->record);
}

void
events_expired_applied(struct trigger_state *s, const struct message *m)
{
    const struct id *project = &m->envelope.project;
    struct stream stream;
    stream_read(s, project, &stream);
    bool oldest = stream.oldest_ms == s->oldest_ms;
    for (; stream.first <= m->events_expired.through; stream.first++) {
        struct row_key key = key_of_event(project, stream.first);
        struct event_entry event;
        if (!kept_read(s->journal, &key, &event_entry_shape, NULL, &event))
            WRONG("an event that is kept is not there");
        struct row_key typed = key_of_typed(project, event.type, stream.first);
        struct row_key named;
        stream.bytes -= event.bytes;
        if (other_name(project, event.id, event.question, &named))
            kept_drop(s->journal, &named);
        kept_drop(s->journal, &typed);
        forget_expired(s, project, &event);
        kept_drop_whole(s->journal, &key, &event_entry_shape);
    }
    struct row_key first = key_of_event(project, stream.first);
    struct event_entry event;
    kept_read(s->journal, &first, &event_entry_shape, NULL, &event);
    stream.oldest_ms = event.at_ms;
    stream_write(s, project, &stream);
    if (oldest)
        s->oldest_ms = find_oldest(s).oldest_ms;
}

/* ---- keeping ---- */

void
keep_event(const struct trigger_state *s, uint64_t now_ms,
    const struct publication *publication, struct outbox *out, struct event *event)
{
    struct stream stream;
    stream_read(s, &out->project, &stream);
    struct event_kept kept = {
        .number = stream.last + 1,
        .id = arena_copy(out->arena, publication->id),
        .type = arena_copy(out->arena, publication->type),
        .source = arena_copy(out->arena, publication->source),
        .data = arena_copy(out->arena, pack_or_map(publication->data)),
        .meta = arena_copy(out->arena, publication->meta),
        .question = publication->question,
        .record = journal_last(s->journal) + 1,
    };
    if (publication->hook != NULL) {
        kept.automation = publication->hook->automation;
        kept.trigger = publication->hook->key;
    }
    event->entry = (struct event_entry){
        .id = kept.id,
        .type = kept.type,
        .source = kept.source,
        .at_ms = now_ms,
        .data = kept.data,
        .meta = kept.meta,
        .number = kept.number,
        .automation = kept.automation,
        .trigger = kept.trigger,
        .question = kept.question,
    };
    event->meta = event_meta(&event->entry, out->arena);
    say_event_kept(out, kept);
    expire(s, &out->project, now_ms, bytes_of_event(&event->entry), EXPIRED_BY_KEEPING,
        out);
    say_stream_changed(out, (struct stream_changed){ .number = kept.number });
}

bool
event_overloads(const struct trigger_state *s, uint64_t now_ms,
    const struct publication *publication, struct outbox *out)
{
    struct stream stream;
    stream_read(s, &out->project, &stream);
    return backlog_expect_ms(
               &s->backlog, &out->project, stream.last - stream.routed, now_ms)
               > s->config->request_wait_ms
           && (publication->hook != NULL
               || listeners_any(s->journal, &out->project, publication->type,
                   pack_or_map(publication->data)));
}

void
say_overloaded(struct outbox *out, uint64_t request)
{
    say_refusal(out, request, ERR_OVERLOADED,
        "what the project's events start takes longer than they come: nothing was "
        "kept, try again later");
}

void
route_kept(const struct trigger_state *s, const struct event *event, struct outbox *out)
{
    struct stream stream;
    stream_read(s, &out->project, &stream);
    if (stream.routed + 1 == event->entry.number && fires_room(s) > 0)
        route_event(s, event, (struct bytes){ 0 }, out);
}

void
event_kept_applied(struct trigger_state *s, uint64_t at_ms, const struct message *m)
{
    const struct event_kept *kept = &m->event_kept;
    const struct id *project = &m->envelope.project;
    struct event_entry event = {
        .id = kept->id,
        .type = kept->type,
        .source = kept->source,
        .at_ms = at_ms,
        .data = kept->data,
        .meta = kept->meta,
        .number = kept->number,
        .automation = kept->automation,
        .trigger = kept->trigger,
        .question = kept->question,
        .record = kept->record,
    };
    struct row_key key = key_of_event(project, kept->number);
    struct row_key typed = key_of_typed(project, kept->type, kept->number);
    struct row_key named, number = { .size = 0 };
    struct stream stream;

    event.bytes = bytes_of_event(&event);
    kept_write(s->journal, &key, &event_entry_shape, &event);
    kept_mark(s->journal, &typed);
    row_key_u64(&number, kept->number);
    if (other_name(project, kept->id, kept->question, &named))
        journal_put(s->journal, row_key_bytes(&named), row_key_bytes(&number));
    stream_read(s, project, &stream);
    assert(kept->number == stream.last + 1);
    if (stream.first == 0 || stream.first > stream.last) {
        stream.first = kept->number;
        stream.oldest_ms = at_ms;
    }
    backlog_join(&s->backlog, project, at_ms);
    stream.last = kept->number;
    stream.bytes += event.bytes;
    stream_write(s, project, &stream);
}

/* ---- questions ---- */

static const char *
mistake_in(const struct trigger_state *s, const struct event_publish *e)
{
    struct cursor data = cursor_over(e->data), meta = cursor_over(e->meta);
    if (!event_type_right(e->type))
        return "type must be names of letters, digits, _, - and : with dots between "
               "them, at most 16 names and 128 bytes";
    if (end_type(e->type))
        return "run.completed, run.failed and run.cancelled are what the engine says "
               "of ends of runs";
    if (e->id.size > ID_MAX || e->source.size > SOURCE_MAX)
        return "id and source have at most 200 bytes";
    if (e->data.size > s->config->payload_max)
        return "data is larger than payload_max";
    if (e->meta.size > META_MAX)
        return "meta is larger than 65536 bytes";
    if (e->data.size > 0
        && (pack_check(e->data) != ERR_NONE || cursor_type(&data) != PACK_MAP))
        return "data must be a map";
    if (e->meta.size > 0
        && (pack_check(e->meta) != ERR_NONE || cursor_type(&meta) != PACK_MAP))
        return "meta must be a map";
    return NULL;
}

static void
answer(struct outbox *out, uint64_t request, const struct event_entry *event, bool new)
{
    struct buffer document = { 0 };
    pack_map(&document, 5);
    put_number(&document, "number", event->number);
    pack_string(&document, "id");
    if (event->id.size > 0)
        pack_text(&document, event->id);
    else
        pack_nil(&document);
    put_text(&document, "type", event->type);
    put_time_or_nil(&document, "published_at", event->at_ms);
    put_bool(&document, "deduped", !new);
    say_answer(out, request, &document, new);
}

void
on_event_publish(const struct trigger_state *s, uint64_t now_ms,
    const struct message *in, struct outbox *out)
{
    const struct event_publish *e = &in->event_publish;
    const char *mistake = mistake_in(s, e);
    struct publication publication = { e->id, e->type, e->source, e->data, e->meta,
        NULL, e->question };
    uint64_t known = event_known(s, &out->project, &publication);
    struct event event;
    if (mistake != NULL) {
        say_refusal(out, e->request, ERR_INVALID, mistake);
        return;
    }
    if (known != 0) {
        if (!event_read(s, &out->project, known, out->arena, &event.entry))
            WRONG("an event whose id is known is not there");
        answer(out, e->request, &event.entry, event_asked(&event.entry, e->question));
        return;
    }
    if (event_overloads(s, now_ms, &publication, out)) {
        say_overloaded(out, e->request);
        return;
    }
    keep_event(s, now_ms, &publication, out, &event);
    answer(out, e->request, &event.entry, true);
    route_kept(s, &event, out);
}

struct listing {
    const struct trigger_state *s;
    struct outbox *out;
    struct bytes pattern;
    uint32_t limit, count, looked;
    uint64_t at; /* the last one that was looked at */
    struct buffer items;
    bool more;
};

static void
put_event(struct buffer *out, const struct event_entry *event)
{
    pack_map(out, 7);
    put_number(out, "number", event->number);
    pack_string(out, "id");
    if (event->id.size > 0)
        pack_text(out, event->id);
    else
        pack_nil(out);
    put_text(out, "type", event->type);
    put_text(out, "source", event->source);
    put_time_or_nil(out, "published_at", event->at_ms);
    pack_string(out, "data");
    pack_raw(out, event->data);
    pack_string(out, "meta");
    pack_raw(out, event->meta);
}

static bool
list_event(void *self, struct bytes key, struct bytes value)
{
    enum { LOOKED_PER_PAGE = 5000 };
    struct listing *listing = self;
    struct event_entry event;
    (void)key;
    if (listing->count == listing->limit || listing->looked == LOOKED_PER_PAGE
        || listing->items.size > PAGE_BYTES_MAX) {
        listing->more = true;
        return false;
    }
    kept_take(listing->s->journal, value, &event_entry_shape, NULL, &event);
    listing->looked++;
    listing->at = event.number;
    if (listing->pattern.size > 0 && !type_fits(listing->pattern, event.type))
        return true;
    kept_take(
        listing->s->journal, value, &event_entry_shape, listing->out->arena, &event);
    put_event(&listing->items, &event);
    listing->count++;
    return true;
}

void
on_stream_list(
    const struct trigger_state *s, const struct message *in, struct outbox *out)
{
    const struct stream_list *asked = &in->stream_list;
    struct listing listing = { .s = s,
        .out = out,
        .pattern = asked->type,
        .limit = asked->limit,
        .at = asked->after };
    struct row_key from = key_of_event(&out->project, asked->after + 1);
    struct row_key to = key_of_event(&out->project, UINT64_MAX);
    struct buffer document = { 0 };
    struct stream stream;
    stream_read(s, &out->project, &stream);
    if (asked->after < UINT64_MAX)
        journal_scan(s->journal, row_key_bytes(&from), row_key_bytes(&to), false,
            list_event, &listing);
    pack_map(&document, 5);
    pack_string(&document, "items");
    pack_array(&document, listing.count);
    buffer_append_bytes(&document, buffer_bytes(&listing.items));
    put_bool(&document, "has_more", listing.more);
    put_number(&document, "next_after", listing.at);
    put_number(&document, "first", stream.first);
    put_number(&document, "last", stream.last);
    say_answer(out, asked->request, &document, false);
    buffer_free(&listing.items);
}

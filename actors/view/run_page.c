#include "actors/view/run_page.h"

#include "actors/plan/plan.h"
#include "actors/view/event_page.h"
#include "actors/view/run_sheet.h"
#include "actors/view/sheet.h"
#include "store/rows.h"

enum { CHUNK_SPARE = 8 };

/* What is asked for, and the rows that lead there soonest. */
struct wanted {
    struct id project;
    uint32_t limit;
    struct id before; /* only older runs; zero: all */
    bool by_automation;
    struct id automation;
    uint32_t status; /* enum run_status; 0: any */
    char letter; /* R, A, O or X; the keys of R end with the run, others with ~run */
};

/* A run that is wanted. */
struct found {
    struct id id;
    struct run_row row;
};

/* The wanted runs of one partition, looked up a chunk at a time. */
struct source {
    struct journal *journal;
    struct id last; /* the run looked at last: newer ones are known */
    bool begun;     /* there is a last one */
    bool ended;     /* there are no older ones */
    struct found *chunk;
    size_t count, taken;
};

struct merge {
    const struct wanted *wanted;
    struct arena *arena;
    struct source *sources;
    uint32_t source_count;
    size_t chunk_max;  /* runs */
    size_t rows_left;  /* that may still be looked at */
    size_t rows_chunk; /* that may be looked at for one chunk */
};

static struct row_key
prefix_of(const struct wanted *wanted)
{
    struct row_key key = row_key(wanted->letter);
    row_key_id(&key, &wanted->project);
    if (wanted->letter == 'A')
        row_key_id(&key, &wanted->automation);
    if (wanted->letter == 'X')
        row_key_u8(&key, (uint8_t)wanted->status);
    return key;
}

static bool
is_wanted(const struct wanted *wanted, const struct run_row *row)
{
    return (wanted->status == 0 || row->status == wanted->status)
           && (!wanted->by_automation
               || id_equal(&row->automation, &wanted->automation));
}

struct look {
    struct merge *merge;
    struct source *source;
    size_t rows_left;
    bool stopped;
};

/* The run's own row; the key of another row leads to it. */
static bool
read_row(const struct look *look, struct bytes value, struct found *found)
{
    const struct wanted *wanted = look->merge->wanted;
    struct arena *arena = look->merge->arena;
    if (wanted->letter != 'R') {
        struct row_key key = row_key_run('R', &wanted->project, &found->id);
        value = journal_get(look->source->journal, row_key_bytes(&key));
    }
    struct cursor in = cursor_over(value);
    if (value.data == NULL
        || fields_read(&in, &run_row_shape, NULL, &found->row) != ERR_NONE
        || !is_wanted(wanted, &found->row))
        return false;
    if (wanted->letter != 'R')
        return true;
    in = cursor_over(arena_copy(arena, value));
    return fields_read(&in, &run_row_shape, NULL, &found->row) == ERR_NONE;
}

static bool
look_at(void *self, struct bytes key, struct bytes value)
{
    struct look *look = self;
    struct source *source = look->source;
    struct found *found = &source->chunk[source->count];
    if (key.size < ID_SIZE)
        return true;
    struct bytes end = bytes_of(key.data + key.size - ID_SIZE, ID_SIZE);
    bool rows_of_runs = look->merge->wanted->letter == 'R';
    found->id = source->last = rows_of_runs ? row_take_id(&end) : row_take_newest(&end);
    source->begun = true;
    source->count += read_row(look, value, found);
    look->rows_left--;
    look->stopped = look->rows_left == 0 || source->count == look->merge->chunk_max;
    return !look->stopped;
}

/* The rows of runs older than `before` (zero: of all), and in which direction the
 * newest come first. */
static bool
range_of(const struct wanted *wanted, const struct id *before, struct row_key *from,
    struct row_key *to)
{
    bool backward = wanted->letter == 'R';
    *from = prefix_of(wanted);
    *to = row_key_after(from);
    if (id_is_zero(before))
        return backward;
    if (backward) {
        *to = *from;
        row_key_id(to, before);
    } else {
        row_key_newest(from, before);
        row_key_u8(from, 0); /* the first key after that of `before` */
    }
    return backward;
}

struct slices {
    struct look *look;
    const struct row_key *from; /* of the rows that are wanted */
};

/* Open runs that began in one slice of time. */
static bool
look_at_slice(void *self, struct bytes key, struct bytes value)
{
    struct slices *slices = self;
    struct look *look = slices->look;
    struct bytes number = bytes_of(key.data + key.size - 8, 8);
    struct row_key from, to;
    (void)value;
    row_slice_bounds(&look->merge->wanted->project, row_take_u64(&number), &from, &to);
    if (bytes_order(row_key_bytes(&from), row_key_bytes(slices->from)) < 0)
        from = *slices->from;
    journal_scan(look->source->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        look_at, look);
    return !look->stopped;
}

/* Open runs are looked for where there are any.  Those that were open a moment ago are
 * many, and the store passes each of their deleted rows. */
static void
look_at_open(struct look *look, const struct row_key *from)
{
    const struct wanted *wanted = look->merge->wanted;
    struct slices slices = { look, from };
    struct row_key first = row_key('o'), end;
    row_key_id(&first, &wanted->project);
    end = row_key_after(&first);
    struct bytes key = row_key_bytes(from);
    if (key.size > first.size) {
        key = bytes_of(key.data + first.size, ID_SIZE);
        struct id last = row_take_newest(&key);
        row_key_u64(&first, row_slice(&last));
    }
    journal_scan(look->source->journal, row_key_bytes(&first), row_key_bytes(&end),
        false, look_at_slice, &slices);
}

static void
refill(struct merge *merge, struct source *source)
{
    size_t rows =
        merge->rows_chunk < merge->rows_left ? merge->rows_chunk : merge->rows_left;
    struct look look = { merge, source, rows, false };
    struct row_key from, to;
    const struct id *before = source->begun ? &source->last : &merge->wanted->before;
    bool backward = range_of(merge->wanted, before, &from, &to);
    if (source->chunk == NULL)
        source->chunk =
            arena_take(merge->arena, merge->chunk_max * sizeof *source->chunk);
    source->count = source->taken = 0;
    if (merge->wanted->letter == 'O')
        look_at_open(&look, &from);
    else
        journal_scan(source->journal, row_key_bytes(&from), row_key_bytes(&to),
            backward, look_at, &look);
    merge->rows_left -= rows - look.rows_left;
    source->ended = !look.stopped;
}

static int
id_order(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, ID_SIZE);
}

/* The next run to be taken. */
static const struct id *
head(const struct source *source)
{
    return &source->chunk[source->taken].id;
}

/* Older runs of this partition may be wanted, but none is known. */
static bool
is_blocked(const struct source *source)
{
    return source->taken == source->count && !source->ended;
}

/* A chunk each, in turn, so that one partition does not take the time of all. */
static void
refill_all(struct merge *merge)
{
    bool blocked = true;
    while (blocked && merge->rows_left > 0) {
        blocked = false;
        for (uint32_t i = 0; i < merge->source_count; i++) {
            if (is_blocked(&merge->sources[i]))
                refill(merge, &merge->sources[i]);
            blocked |= is_blocked(&merge->sources[i]);
        }
    }
}

/* The partition with the newest run that was not taken, or NULL.  Runs up to `*rest`
 * were not looked at for want of time; zero: all were. */
static struct source *
newest(struct merge *merge, struct id *rest)
{
    struct source *best = NULL;
    *rest = (struct id){ { 0 } };
    refill_all(merge);
    for (uint32_t i = 0; i < merge->source_count; i++) {
        struct source *source = &merge->sources[i];
        if (is_blocked(source) && id_order(&source->last, rest) > 0)
            *rest = source->last;
        if (source->taken < source->count
            && (best == NULL || id_order(head(source), head(best)) > 0))
            best = source;
    }
    return best != NULL && id_order(head(best), rest) > 0 ? best : NULL;
}

/* Write the lines; returns where the next page begins, zero: there is none. */
static struct id
write_lines(struct merge *merge, struct buffer *out)
{
    struct sheet items = sheet_array(out);
    struct id last = { { 0 } }, rest;
    struct source *source;
    while ((source = newest(merge, &rest)) != NULL) {
        if (items.count == merge->wanted->limit
            || out->size - items.head >= PAGE_BYTES_MAX) {
            rest = last;
            break;
        }
        const struct found *found = &source->chunk[source->taken++];
        sheet_item(&items);
        run_sheet_line(out, &found->id, &found->row);
        last = found->id;
    }
    sheet_end(&items);
    return rest;
}

static void
write_page(struct merge *merge, struct buffer *out)
{
    struct sheet document = sheet_map(out);
    sheet_key(&document, "items");
    struct id next = write_lines(merge, out);
    if (id_is_zero(&next)) {
        sheet_key(&document, "next_cursor");
        pack_nil(out);
    }
    sheet_id(&document, "next_cursor", "run_", &next);
    sheet_end(&document);
}

/* The automation of that name, as far as this partition knows. */
static bool
find_name(struct journal *journal, const struct id *project, struct bytes name,
    struct id *automation)
{
    struct name_row row;
    struct row_key key = row_key('N');
    row_key_id(&key, project);
    row_key_text(&key, name);
    struct bytes value = journal_get(journal, row_key_bytes(&key));
    struct cursor in = cursor_over(value);
    if (value.data == NULL || fields_read(&in, &name_row_shape, NULL, &row) != ERR_NONE)
        return false;
    *automation = row.automation;
    return true;
}

static bool
find_automation(struct journal *journal, const struct id *project, struct bytes given,
    struct id *automation)
{
    if (id_read(given, "aut_", automation) != ERR_NONE)
        return given.size <= PLAN_KEY_MAX
               && find_name(journal, project, given, automation);
    struct row_key key = row_key('I');
    row_key_id(&key, project);
    row_key_id(&key, automation);
    return journal_get(journal, row_key_bytes(&key)).data != NULL;
}

static enum err
read_automation(const struct merge *merge, struct bytes given, struct wanted *wanted,
    struct fault *fault)
{
    wanted->by_automation = given.size > 0;
    if (!wanted->by_automation)
        return ERR_NONE;
    for (uint32_t i = 0; i < merge->source_count; i++)
        if (find_automation(merge->sources[i].journal, &wanted->project, given,
                &wanted->automation))
            return ERR_NONE;
    return fault_set(fault, ERR_NOT_FOUND,
        "there is no automation of this name or id in the project");
}

/* Few runs are open, or failed, or were cancelled; most have completed. */
static enum err
read_status(struct bytes given, struct wanted *wanted, struct fault *fault)
{
    bool open = bytes_equal(given, text("open"));
    wanted->status = run_status_read(given);
    if (given.size > 0 && !open && wanted->status == 0)
        return fault_set(fault, ERR_MALFORMED,
            "status: queued, running, suspended, completed, failed, cancelled or open");
    if (wanted->status == RUN_BROKEN || wanted->status == RUN_STOPPED)
        wanted->letter = 'X';
    else if (open || (wanted->status != 0 && wanted->status != RUN_DONE))
        wanted->letter = 'O';
    else
        wanted->letter = wanted->by_automation ? 'A' : 'R';
    return ERR_NONE;
}

static enum err
read_wanted(const struct merge *merge, const struct run_list *asked,
    struct wanted *wanted, struct fault *fault)
{
    wanted->limit = asked->limit;
    if (asked->cursor.size > 0
        && id_read(asked->cursor, "run_", &wanted->before) != ERR_NONE)
        return fault_set(fault, ERR_MALFORMED, "cursor: not one that a page gave");
    enum err e = read_automation(merge, asked->automation, wanted, fault);
    return e == ERR_NONE ? read_status(asked->status, wanted, fault) : e;
}

static enum err
open_sources(struct merge *merge, const struct view *view, struct fault *fault)
{
    merge->source_count = view->partitions;
    merge->sources =
        arena_take(merge->arena, view->partitions * sizeof *merge->sources);
    for (uint32_t i = 0; i < view->partitions; i++) {
        merge->sources[i].journal = view->journal(view->self, i);
        if (merge->sources[i].journal == NULL)
            return fault_set(
                fault, ERR_UNAVAILABLE, "the runs of partition %u cannot be read", i);
    }
    return ERR_NONE;
}

enum err
run_page(struct view *view, const struct id *project, const struct run_list *asked,
    struct fault *fault)
{
    struct wanted wanted = { .project = *project };
    struct merge merge = { .wanted = &wanted, .arena = &view->arena };
    enum err e = open_sources(&merge, view, fault);
    if (e == ERR_NONE)
        e = read_wanted(&merge, asked, &wanted, fault);
    if (e != ERR_NONE)
        return e;
    /* One more than the limit tells whether there is another page. */
    uint32_t sources = merge.source_count;
    merge.chunk_max = wanted.limit / sources + (sources == 1 ? 1 : CHUNK_SPARE);
    merge.rows_left = PAGE_ROWS_MAX;
    merge.rows_chunk = PAGE_ROWS_MAX / (2 * sources);
    write_page(&merge, &view->document);
    return ERR_NONE;
}

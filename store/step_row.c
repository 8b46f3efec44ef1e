/* How a step lies in a page of steps. */
#include "base/pack.h"
#include "store/rows.h"

const char *
step_status_name(enum step_status status)
{
    static const char *const names[] = {
        [STEP_PENDING] = "pending",
        [STEP_OPEN] = "suspended",
        [STEP_LEASED] = "running",
        [STEP_DELAYED] = "suspended",
        [STEP_DONE] = "completed",
        [STEP_BROKEN] = "failed",
        [STEP_SKIPPED_OVER] = "skipped",
        [STEP_STOPPED] = "cancelled",
        [STEP_WAITING] = "suspended",
        [STEP_INSIDE] = "suspended",
    };
    return (unsigned)status < COUNT(names) ? names[status] : "unknown";
}

bool
step_is_pending(const struct step_row *step)
{
    static const struct step_row pending;
    return memcmp(step, &pending, sizeof pending) == 0;
}

/* Those of before lie there as they are: to find the next one, all of it is passed. */
static struct bytes
next_step(struct cursor *page)
{
    return cursor_type(page) == PACK_BLOB ? cursor_blob(page) : cursor_skip(page);
}

enum err
step_page_split(struct bytes in, struct bytes *steps)
{
    struct cursor c = cursor_over(in);
    size_t count = in.size == 0 ? 0 : cursor_array(&c);
    if (count > STEPS_PER_PAGE)
        return ERR_MALFORMED;
    for (size_t i = 0; i < STEPS_PER_PAGE; i++)
        steps[i] = i < count ? next_step(&c) : (struct bytes){ 0 };
    return c.bad ? ERR_MALFORMED : ERR_NONE;
}

/* The numbers of a step that grow with those of its run: in full, and from there on. */
static const struct {
    size_t full, from;
    bool time; /* unix ms; else a record */
} grown[] = {
#define GROWN(full, from, time)                                                        \
    {                                                                                  \
        offsetof(struct step_row, full), offsetof(struct step_row, from), time         \
    }
    GROWN(started_ms, started_in, true),
    GROWN(finished_ms, finished_in, true),
    GROWN(leased_ms, leased_in, true),
    GROWN(called, called_in, false),
    GROWN(offered, offered_in, false),
    GROWN(output, output_in, false),
};
#undef GROWN

enum { HANDS_MAX = 8 /* pairs; others are written in full */ };

static uint64_t *
number_at(struct step_row *step, size_t offset)
{
    return (void *)((char *)step + offset);
}

/* Where they begin.  Neither ever changes: a page may lie longer than the row of its
 * run. */
struct bases {
    uint64_t record, ms;
};

static struct bases
bases_of(const struct id *run, const struct run_row *row)
{
    return (struct bases){ row->record, id_unix_ms(run) };
}

static void
shorten_numbers(struct step_row *step, const struct id *run, const struct run_row *row)
{
    struct bases bases = bases_of(run, row);
    for (size_t i = 0; i < COUNT(grown); i++) {
        uint64_t *full = number_at(step, grown[i].full);
        uint64_t base = grown[i].time ? bases.ms : bases.record;
        if (*full == 0 || *full < base)
            continue;
        *number_at(step, grown[i].from) = *full - base + 1;
        *full = 0;
    }
}

static void
lengthen_numbers(struct step_row *step, const struct id *run, const struct run_row *row)
{
    struct bases bases = bases_of(run, row);
    for (size_t i = 0; i < COUNT(grown); i++) {
        uint64_t *from = number_at(step, grown[i].from);
        if (*from == 0)
            continue;
        uint64_t base = grown[i].time ? bases.ms : bases.record;
        *number_at(step, grown[i].full) = base + *from - 1;
        *from = 0;
    }
}

static bool
next_hand(struct cursor *hands, struct step_row *hand)
{
    struct bytes session = cursor_blob(hands);
    hand->worker = cursor_text(hands);
    if (hands->bad || session.size != ID_SIZE)
        return false;
    memcpy(hand->session.bytes, session.data, ID_SIZE);
    return true;
}

static void
add_hand(struct run_row *row, const struct step_row *step, struct arena *arena)
{
    struct buffer hands = { 0 };
    buffer_append_bytes(&hands, row->hands);
    pack_blob(&hands, id_bytes(&step->session));
    pack_text(&hands, step->worker);
    row->hands = arena_copy(arena, buffer_bytes(&hands));
    buffer_free(&hands);
}

static void
shorten_hand(struct step_row *step, struct run_row *row, struct arena *arena)
{
    struct cursor hands = cursor_over(row->hands);
    struct step_row hand;
    uint32_t number = 1;
    if (id_is_zero(&step->session))
        return;
    for (; next_hand(&hands, &hand); number++)
        if (id_equal(&hand.session, &step->session)
            && bytes_equal(hand.worker, step->worker))
            break;
    if (number > HANDS_MAX)
        return;
    if (hands.bad)
        add_hand(row, step, arena);
    step->hand = number;
    step->session = (struct id){ { 0 } };
    step->worker = (struct bytes){ 0 };
}

static bool
lengthen_hand(struct step_row *step, const struct run_row *row)
{
    struct cursor hands = cursor_over(row->hands);
    for (; step->hand > 0; step->hand--)
        if (!next_hand(&hands, step))
            return false;
    return true;
}

enum err
step_read(struct bytes in, const struct id *run, const struct run_row *row,
    struct step_row *step)
{
    struct cursor c = cursor_over(in);
    *step = (struct step_row){ 0 };
    if (in.size == 0)
        return ERR_NONE;
    enum err err = fields_read(&c, &step_row_shape, NULL, step);
    if (err == ERR_NONE && !lengthen_hand(step, row))
        return ERR_MALFORMED;
    lengthen_numbers(step, run, row);
    return err;
}

void
step_write(const struct step_row *step, const struct id *run, struct run_row *row,
    struct arena *arena, struct buffer *out)
{
    struct step_row shortened = *step;
    shorten_numbers(&shortened, run, row);
    shorten_hand(&shortened, row, arena);
    fields_write(&step_row_shape, &shortened, NULL, out);
}

/* A record of a journal that was damaged is seen to be; one whose facts can be read is
 * the same after it was written again. */
#include "actors/record.h"
#include "base/wrong.h"
#include "store/journal_memory.h"
#include "store/stored.h"
#include "tests/fuzz/bounds.h"

enum { FACTS_MAX = 64, INLINE_MAX = 4096 };

static struct journal *
journal(void)
{
    static const struct journal_options options = { .epoch = 1 };
    static struct journal *one;
    struct fault fault;
    if (one == NULL && journal_open_memory(NULL, &options, &one, &fault) != ERR_NONE)
        WRONG("no journal in memory");
    return one;
}

/* The facts of a record; false if they cannot all be read or are too many for us. */
static bool
read_facts(
    struct bytes in, struct arena *arena, struct message *facts, size_t *fact_count)
{
    struct record_reader reader;
    *fact_count = 0;
    if (!record_open(&reader, journal(), arena, in))
        return false;
    while (record_next(&reader, &facts[*fact_count]))
        if (++*fact_count == FACTS_MAX)
            return false;
    return !reader.bad && cursor_done(&reader.in);
}

static void
write_again(struct message *facts, size_t fact_count)
{
    struct field_blobs inlined = { .inline_max = SIZE_MAX };
    struct message again[FACTS_MAX];
    struct arena arena = { 0 };
    struct buffer first = { 0 }, second = { 0 };
    size_t written = record_write(&inlined, facts, fact_count, &first), again_count;
    if (planted("record") && first.size > 0 && written > 1)
        first.data[0]--;
    if (written > 0) {
        if (!read_facts(buffer_bytes(&first), &arena, again, &again_count)
            || again_count != written)
            WRONG("what was written cannot be read");
        record_write(&inlined, again, again_count, &second);
        if (!bytes_equal(buffer_bytes(&first), buffer_bytes(&second)))
            WRONG("they are other facts now");
    }
    arena_free(&arena);
    buffer_free(&first);
    buffer_free(&second);
}

/* One changed bit anywhere in it, and it is refused. */
static void
damage(struct bytes facts)
{
    static const struct hash before;
    struct record record = { .number = 7, .at_ms = 1, .epoch = 1, .facts = facts };
    struct buffer out = { 0 };
    struct fault fault;
    stored_write(&record, &before, &out);
    if (stored_read(buffer_bytes(&out), 7, &record, &fault) != ERR_NONE
        || !bytes_equal(record.facts, facts)
        || !stored_continues(buffer_bytes(&out), &before))
        WRONG("a record that was written is refused");
    size_t bit = facts.size * 131 % (out.size * 8);
    out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (stored_read(buffer_bytes(&out), 7, &record, &fault) == ERR_NONE)
        WRONG("a changed bit was not seen");
    buffer_free(&out);
}

void
fuzz_one(struct bytes in)
{
    static struct message facts[FACTS_MAX];
    struct arena arena = { 0 };
    struct record record;
    struct fault fault;
    size_t count;
    bounds_begin();
    (void)!stored_read(in, 7, &record, &fault);
    bool whole = read_facts(in, &arena, facts, &count);
    bounds_end();
    if (whole)
        write_again(facts, count);
    if (in.size <= BOUNDED_INPUT_MAX)
        damage(in);
    arena_free(&arena);
}

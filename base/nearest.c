#include "base/nearest.h"

enum { WORD_MAX = 40, CHANGES_MAX = 3, PART_MIN = 5 };

static unsigned
least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment, three rows of the table at a time. */
static unsigned
distance(struct bytes a, struct bytes b)
{
    unsigned rows[3][WORD_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    for (unsigned j = 0; j <= b.size; j++)
        before[j] = last[j] = j;
    for (unsigned i = 1; i <= a.size; i++) {
        row[0] = i;
        for (unsigned j = 1; j <= b.size; j++) {
            bool same = a.data[i - 1] == b.data[j - 1];
            row[j] = least(last[j] + 1, row[j - 1] + 1);
            row[j] = least(row[j], last[j - 1] + (same ? 0 : 1));
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2]
                && a.data[i - 2] == b.data[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        unsigned *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[b.size];
}

void
nearest_try(struct nearest *n, struct bytes word, const char *candidate)
{
    struct bytes known = text(candidate);
    if (word.size == 0 || word.size > WORD_MAX || known.size > WORD_MAX)
        return;
    unsigned most = least(CHANGES_MAX, (unsigned)known.size / 3);
    unsigned found = distance(word, known);
    if (found > most || (n->word != NULL && found >= n->distance))
        return;
    *n = (struct nearest){ candidate, found };
}

static bool
is_part(struct bytes part, struct bytes whole)
{
    return part.size >= PART_MIN && part.size < whole.size
           && whole.data[part.size] == '_' && bytes_begin(whole, part);
}

void
nearest_part_try(struct nearest *n, struct bytes word, const char *candidate)
{
    struct bytes known = text(candidate);
    if (n->word == NULL && (is_part(word, known) || is_part(known, word)))
        *n = (struct nearest){ candidate, CHANGES_MAX + 1 };
}

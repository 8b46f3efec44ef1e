/* Whether there is room for one more of something.
 *
 * What all projects have together is counted; what one has follows from its rows, and
 * matters only once all together have as many as one may.
 */
#include "actors/registry/state.h"

struct rows {
    uint64_t count, max;
};

static bool
count_row(void *self, struct bytes key, struct bytes value)
{
    struct rows *rows = self;
    (void)key;
    (void)value;
    return ++rows->count < rows->max;
}

bool
project_full(const struct registry_state *state, const struct id *project, char letter,
    uint64_t of_all, uint64_t max)
{
    struct rows rows = { 0, max };
    struct row_key from = row_key(letter);
    row_key_id(&from, project);
    struct row_key to = row_key_after(&from);
    if (of_all < max)
        return false;
    journal_scan(state->journal, row_key_bytes(&from), row_key_bytes(&to), false,
        count_row, &rows);
    return rows.count >= max;
}

struct count_entry
counts_of_all(const struct registry_state *state)
{
    struct row_key key = key_of_counts();
    struct count_entry counts;
    entry_read(state->journal, &key, &count_entry_shape, &counts);
    return counts;
}

uint64_t
keys_of_all_max(const struct registry_state *state)
{
    enum { FULL_PROJECTS = 100 };
    uint64_t max = (uint64_t)state->config->keys_max * FULL_PROJECTS;
    return max < KEYS_OF_ALL_MAX ? max : KEYS_OF_ALL_MAX;
}

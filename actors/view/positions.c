#include "actors/view/positions.h"

uint64_t
positions_count(const struct run_rows *run)
{
    return (uint64_t)run->row.pages * POSITIONS_PER_PAGE
           + position_list_count(run->row.positions);
}

bool
positions_at(const struct run_rows *run, uint64_t index, struct position *position)
{
    uint64_t page = index / POSITIONS_PER_PAGE, first = page * POSITIONS_PER_PAGE;
    struct bytes in = run->row.positions;
    if (page < run->row.pages) {
        struct row_key key = row_key_run('E', &run->project, &run->id);
        row_key_u32(&key, (uint32_t)page);
        in = journal_get(run->journal, row_key_bytes(&key));
    } else {
        first = (uint64_t)run->row.pages * POSITIONS_PER_PAGE;
    }
    struct position_list list = position_list_over(in);
    for (uint64_t i = first; i <= index; i++)
        if (!position_list_next(&list, position))
            return false;
    return true;
}

/* The number of positions up to `events` and `record`. */
static uint64_t
count_to(const struct run_rows *run, uint64_t events, uint64_t record)
{
    uint64_t least = 0, most = positions_count(run);
    while (least < most) {
        uint64_t middle = least + (most - least) / 2;
        struct position position;
        if (positions_at(run, middle, &position) && position.events <= events
            && position.record <= record)
            least = middle + 1;
        else
            most = middle;
    }
    return least;
}

uint64_t
positions_to_event(const struct run_rows *run, uint64_t events)
{
    return count_to(run, events, UINT64_MAX);
}

uint64_t
positions_to_record(const struct run_rows *run, uint64_t record)
{
    return count_to(run, UINT64_MAX, record);
}

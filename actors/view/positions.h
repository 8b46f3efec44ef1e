/* positions - in which records the facts of a run lie.
 *
 * Sorted by record and by the sequence of events alike, so that a page of a long log
 * costs a search and not a scan.
 */
#ifndef ACTORS_VIEW_POSITIONS_H
#define ACTORS_VIEW_POSITIONS_H
#include "actors/view/run_rows.h"
#include "store/position.h"

uint64_t positions_count(const struct run_rows *run);
/* False if it is not there. */
bool
positions_at(const struct run_rows *run, uint64_t index, struct position *position);

/* How many positions have at most so many events before them: the last of these is
 * where the next event lies. */
uint64_t positions_to_event(const struct run_rows *run, uint64_t events);
/* How many positions have a record up to this one. */
uint64_t positions_to_record(const struct run_rows *run, uint64_t record);
#endif

/* run_sheet - a run as a document: a line in a list, or all of it. */
#ifndef ACTORS_VIEW_RUN_SHEET_H
#define ACTORS_VIEW_RUN_SHEET_H
#include "actors/view/run_rows.h"

/* What lists show: no inputs, no steps, no outputs. */
void run_sheet_line(struct buffer *out, const struct id *id, const struct run_row *row);

/* All of it.  Inputs and the last output are always there; steps and their outputs as
 * far as about `bytes_max` reach, and "truncated": true if that was not far enough. */
void run_sheet_whole(struct buffer *out, struct run_rows *run, size_t bytes_max);
#endif

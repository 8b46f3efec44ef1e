/* document - pick what people want to see out of the API's JSON. */
#ifndef WORKERS_CLI_DOCUMENT_H
#define WORKERS_CLI_DOCUMENT_H
#include "workers/cli/api.h"
#include "workers/cli/table.h"

/* "" when it is not there or no text. */
const char *document_text(const json_t *object, const char *name);
/* Unix ms of a date or a number; 0 when it is not there. */
uint64_t document_time(const json_t *object, const char *name);
uint64_t document_number(const json_t *object, const char *name);

/* Cells: a text; any value as JSON; the items of a list with commas between; a time. */
void document_cell(struct table *table, const json_t *object, const char *name);
void document_cell_json(struct table *table, const json_t *object, const char *name);
void document_cell_list(struct table *table, const json_t *object, const char *name);
void document_cell_time(struct table *table, const json_t *object, const char *name);

/* "name      value", when there is a value. */
void document_line(const json_t *object, const char *name);
/* "error     Type: message", of an object with both; nothing of NULL. */
void document_error_line(const json_t *error);
/* The same in a cell. */
void document_error_cell(struct table *table, const json_t *error);

/* What was done, and to what: the answer as JSON, or a line of both words. */
void document_done(
    const struct cli *cli, const json_t *answer, const char *what, const char *how);

/* Get a page; print it as JSON, or each item as a row; say how to go on. */
enum exit_code document_list(struct cli *cli, struct api_path *path,
    const char *const *heads, void (*row)(struct table *table, const json_t *item));
#endif

/* table - rows for people on a terminal, tab-separated lines for everything else.
 *
 * Without a terminal there is no head, and values are printed whole.
 */
#ifndef WORKERS_CLI_TABLE_H
#define WORKERS_CLI_TABLE_H
#include "workers/cli/cli.h"

struct table;

enum { TABLE_COLUMNS_MAX = 16 };

/* `heads` ends in NULL; a head that begins with ">" is of a column of numbers. */
struct table *table_new(const struct cli *cli, const char *const *heads);

/* Fill the cells of a row from left to right; text is copied and cleaned. */
void table_row(struct table *table);
void table_text(struct table *table, const char *text);
void table_number(struct table *table, uint64_t number);
/* As "3 min ago" for people, else as a date; an empty cell for 0. */
void table_time(struct table *table, uint64_t unix_ms);

/* Print it all and free it. */
void table_print(struct table **table);
#endif

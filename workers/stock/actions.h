/* actions - what the stock worker can do; docs/guides show each with its parameters. */
#ifndef WORKERS_STOCK_ACTIONS_H
#define WORKERS_STOCK_ACTIONS_H
#include "workers/stock/http.h"

#include <stdbool.h>

/* Those that do harm in the wrong hands only if `named`, a list of names with commas or
 * NULL, has them.  Keeps `policy`. */
void actions_add(
    struct capstan_worker *worker, const char *named, struct http_policy *policy);
/* What they need besides; before there are threads. */
void actions_open(const char *named);
/* Such a list with the names for which `default` stands in it.  Borrows: `named`, or
 * what lasts. */
const char *actions_spelt(const char *named);
/* Are all names in such a list known?  Else says on stderr which one is not. */
bool actions_known(const char *named);
/* For --help: one line each. */
void actions_describe(void);
#endif

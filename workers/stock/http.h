/* http - the action `http.request`: one HTTP request, and what was answered.
 *
 * It follows no redirects, uses no proxy, and reaches no address that is not public
 * unless it is told that it may: who may make automations could otherwise look into the
 * network of the worker.  Still it is there only where --actions names it.
 */
#ifndef WORKERS_STOCK_HTTP_H
#define WORKERS_STOCK_HTTP_H
#include "workers/c/capstan_worker.h"

#include <stdbool.h>

struct http_policy {
    bool private_addresses;
};

/* `context` is the policy. */
int http_run(struct capstan_job *job, void *context);
/* Before there are threads. */
void http_open(void);
#endif

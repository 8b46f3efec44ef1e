/* access - what commands about keys, roles and principals share. */
#ifndef WORKERS_CLI_ACCESS_H
#define WORKERS_CLI_ACCESS_H
#include <jansson.h>

/* What lies between the commas, as a list to be freed by the caller. */
json_t *access_words(const char *list);
#endif

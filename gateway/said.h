/* said - fields of the documents that actors answer with, and of what workers and
 * callers say; what is not there, or of another type, is nothing.  Pure. */
#ifndef GATEWAY_SAID_H
#define GATEWAY_SAID_H
#include "base/id.h"
#include "base/pack.h"

struct bytes said_text(struct bytes document, const char *name);
uint64_t said_number(struct bytes document, const char *name);
/* An id that has the prefix; zero if there is none. */
struct id said_id(struct bytes document, const char *name, const char *prefix);
/* A cursor over the items of a list, and how many there are. */
struct cursor said_items(struct bytes document, const char *name, size_t *count);
#endif

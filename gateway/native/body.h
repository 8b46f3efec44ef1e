/* body - reading the JSON objects that requests carry, as msgpack.
 *
 * What is not as it should be refuses the request, names the field, and returns false.
 */
#ifndef GATEWAY_NATIVE_BODY_H
#define GATEWAY_NATIVE_BODY_H
#include "gateway/request.h"

/* The body has no fields but these; `names` ends with NULL. */
bool body_only(struct request *r, struct bytes body, const char *const *names);
/* There is no body, or an object without fields. */
bool body_empty(struct request *r);
/* The value of a field, which borrows from `body`; nothing, or 0, where it is absent or
 * null. */
bool body_text(struct request *r, struct bytes body, const char *name, size_t max,
    struct bytes *value);
/* An object of at most payload_max bytes. */
bool
body_map(struct request *r, struct bytes body, const char *name, struct bytes *value);
/* Anything of at most payload_max bytes. */
bool
body_value(struct request *r, struct bytes body, const char *name, struct bytes *value);
/* True or false, which it is where it is absent. */
bool body_flag(struct request *r, struct bytes body, const char *name, bool *value);
/* A whole number from 1 to `max`. */
bool body_number(struct request *r, struct bytes body, const char *name, uint32_t max,
    uint32_t *value);
#endif

/* door - may this request come in, and who serves it? */
#ifndef GATEWAY_DOOR_H
#define GATEWAY_DOOR_H
#include "gateway/request.h"

/* The rows of these dialects, NULL behind the last: of a request's `dialects`. */
void door_open_router(struct router *router, const struct dialect *const *dialects);

/* The head is there: find the route, judge the caller, bound the body.  What may not
 * come in is answered. */
void door_enter(struct request *r, const char *method, struct bytes raw_target);
/* The key may not ask this any more, as request_may() says: answer why. */
void door_refuse(struct request *r);
/* The body is there too. */
void door_serve(struct request *r);
#endif

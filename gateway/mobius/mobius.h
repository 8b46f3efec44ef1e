/* mobius - the API of Mobius, so that its clients work here unchanged: their words for
 * our things, and no rules of its own.
 *
 * routes.def says what each of their operations is here; docs/guides/from-mobius.md
 * explains it to people.
 */
#ifndef GATEWAY_MOBIUS_MOBIUS_H
#define GATEWAY_MOBIUS_MOBIUS_H
#include "gateway/request.h"

#define ROUTE(method, path, kind, scope, body, serve)                                  \
    void mobius_##serve(struct request *r);
#include "gateway/mobius/routes.def"
#endif

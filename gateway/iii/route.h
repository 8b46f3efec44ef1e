/* route - paths that workers serve: triggers of the type http.
 *
 *     {api_path: "/users/:id", http_method: "GET", condition_function_id?,
 *      middleware_function_ids?: [...]}
 *
 * Two triggers may have the same path, and the later one serves it; but not two that
 * differ in nothing but the names of parameters: callers could not tell which is meant.
 */
#ifndef GATEWAY_III_ROUTE_H
#define GATEWAY_III_ROUTE_H
#include "gateway/iii/hub.h"
#include "gateway/target.h"

enum { III_METHOD_SIZE = 16, III_PATH_MAX = 1024, III_MIDDLEWARE_MAX = 16 };

struct iii_route {
    struct list link; /* of the hub */
    const struct iii_entry *trigger;
    char method[III_METHOD_SIZE];
    struct buffer path;               /* as it was registered, after a "/" */
    struct bytes parts[SEGMENTS_MAX]; /* of it; parameters with their colon */
    size_t part_count;
    struct bytes condition;  /* a function, or nothing */
    struct bytes middleware; /* a msgpack array of functions, or nothing */
};

/* As struct iii_own_type has it. */
bool iii_route_bind(struct iii_entry *trigger, struct fault *fault);

/* Who serves this?  NULL: nobody.  Where several would, a part that is written out goes
 * before a parameter, then the later one. */
const struct iii_route *
iii_route_find(const struct hub *hub, const char *method, const struct target *target);
#endif

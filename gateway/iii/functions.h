/* functions - what the engine itself offers to clients of iii. */
#ifndef GATEWAY_III_FUNCTIONS_H
#define GATEWAY_III_FUNCTIONS_H
#include "gateway/iii/hub.h"

struct iii_function {
    const char *id, *about;
    void (*serve)(struct iii_worker *caller, const struct iii_frame *asked);
};

/* NULL if it is none of ours. */
const struct iii_function *iii_function(struct bytes id);
/* NULL behind the last. */
const struct iii_function *iii_function_at(size_t i);
/* Is this function, or trigger type, one of iii's engine that we do not have? */
bool iii_unserved(struct bytes id);
bool iii_unserved_type(struct bytes id);
#endif

/* interactions - what people are asked, in Mobius' words. */
#ifndef GATEWAY_MOBIUS_INTERACTIONS_H
#define GATEWAY_MOBIUS_INTERACTIONS_H
#include "gateway/mobius/form.h"

/* What a question of no run has beside its `spec` travels inside of it; ends with NULL.
 */
extern const char *const interaction_extras[];
/* One of the view's, or one that is described in the same way. */
bool interaction_write(struct request *r, struct buffer *out, struct bytes said);
#endif

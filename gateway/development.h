/* development - the key of an engine that nobody has a key of yet.
 *
 * On loopback, and while no key was ever made: <data>/dev.key gets one that may do
 * everything in the project "default".  Deleting it and its row makes no new one.
 */
#ifndef GATEWAY_DEVELOPMENT_H
#define GATEWAY_DEVELOPMENT_H
#include "gateway/gateway.h"

/* The registry has said how many keys there are. */
void development_begin(struct gateway *gateway);
/* Is the key still on its way to the registry? */
bool development_pending(const struct gateway *gateway);
/* The key in <data>/dev.key, on loopback and while it is valid; NULL if there is none:
 * who may come in without a key acts with this one. */
const struct key *development_key(const struct gateway *gateway);
void development_free(struct gateway *gateway);
#endif

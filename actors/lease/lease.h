/* lease - who holds which job, and until when.
 *
 * Owns open jobs by lane, the sessions of workers, and their leases.  Nothing of it is
 * durable: schedulers say their open jobs again, gateways their sessions, workers what
 * they hold.  Only this actor ends leases, by its own clock; no grant is ever repeated.
 */
#ifndef ACTORS_LEASE_LEASE_H
#define ACTORS_LEASE_LEASE_H
#include "actors/actor.h"

extern const struct actor lease_actor;
#endif

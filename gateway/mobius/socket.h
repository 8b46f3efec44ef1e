/* socket - Mobius' worker socket: claims and reports in, jobs out.
 *
 * A worker asks for work and says how much; the engine grants as it likes, up to that.
 * What is granted while no claim is open is parked here and announced; what nobody
 * claims within a second goes back.  A claim without work stays open for a while.
 */
#ifndef GATEWAY_MOBIUS_SOCKET_H
#define GATEWAY_MOBIUS_SOCKET_H
#include "gateway/request.h"

void mobius_worker_socket(struct request *r);
#endif

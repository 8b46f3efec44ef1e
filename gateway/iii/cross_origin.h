/* cross_origin - pages of other sites that call routes of workers.
 *
 * A browser sends `Origin` with what a page asks for, and shows the page the answer
 * only if that allows it.  Before anything but a plain request it asks by OPTIONS.
 */
#ifndef GATEWAY_III_CROSS_ORIGIN_H
#define GATEWAY_III_CROSS_ORIGIN_H
#include "gateway/request.h"

/* What a browser is told with every answer, as struct dialect has it. */
struct bytes iii_cross_origin_headers(struct request *r);
/* Is this a browser that asks, for a page of a site that may? */
bool iii_cross_origin_asks(const struct request *r);
#endif

/* baggage - the words that a call carries along for all that follow it (W3C Baggage):
 * callers say them, whoever is called is told them, and these functions read them. */
#ifndef GATEWAY_III_BAGGAGE_H
#define GATEWAY_III_BAGGAGE_H
#include "gateway/iii/hub.h"

/* {key} → {value} */
void baggage_get(struct iii_worker *caller, const struct iii_frame *asked);
/* → {success, note}: what is said here reaches nobody, as in iii. */
void baggage_set(struct iii_worker *caller, const struct iii_frame *asked);
/* → {baggage: {key: value}} */
void baggage_all(struct iii_worker *caller, const struct iii_frame *asked);
#endif

/* worker - the life of one worker: its connection, what it registers, its end. */
#ifndef GATEWAY_III_WORKER_H
#define GATEWAY_III_WORKER_H
#include "gateway/iii/iii.h"

/* Its functions are others now: the engine and those who asked for it will hear. */
void iii_functions_changed(struct iii_worker *worker);
/* Offer them anew in a moment: now it cannot do what it was given. */
void iii_offer_later(struct iii_worker *worker);
/* It said this of itself, a msgpack map. */
void iii_describe(struct iii_worker *worker, struct bytes about);
/* It has a job in hand: until it has none, it must say that it lives. */
void iii_pulse(struct iii_worker *worker);
/* The engine goes down, and it has nothing in hand: it may go. */
void iii_leave_if_idle(struct iii_worker *worker);
/* Forget those that are away. */
void iii_hub_leave(struct hub *hub);
/* Tell who asked for it that functions have changed: the hub's alarm. */
void iii_announce(struct alarm *alarm);
#endif

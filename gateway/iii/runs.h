/* runs - what functions of iii do with automations. */
#ifndef GATEWAY_III_RUNS_H
#define GATEWAY_III_RUNS_H
#include "gateway/iii/hub.h"

/* {automation, inputs?, idempotency_key?} -> {run, automation, version, existed} */
void runs_start(struct iii_worker *caller, const struct iii_frame *asked);
#endif

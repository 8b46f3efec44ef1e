/* A gate: actions stop at it, and tests see how many have come and let them through. */
#ifndef TEST_CAPSTAN_WORKER_GATE_H
#define TEST_CAPSTAN_WORKER_GATE_H
#include "workers/c/capstan_worker.h"

#include <stdbool.h>

struct gate {
    unsigned came,
        cancelled; /* actions that began; that saw that they were cancelled */
    bool open;
};

/* Actions; the context is a struct gate. */
int gate_stop(struct capstan_job *job, void *context);  /* until opened */
int gate_sleep(struct capstan_job *job, void *context); /* until cancelled */

void gate_open(struct gate *gate);
/* Wait until so many have come, or have been cancelled. */
void gate_wait_came(struct gate *gate, unsigned count);
void gate_wait_cancelled(struct gate *gate, unsigned count);
unsigned gate_came(struct gate *gate);
#endif

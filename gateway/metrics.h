/* metrics - what all processes of the engine count, as text for Prometheus. */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H
#include "base/buffer.h"

/* Append the counters of every process whose file lies in the run folder. */
void metrics_write(const char *run_folder, struct buffer *out);
#endif

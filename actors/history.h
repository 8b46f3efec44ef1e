/* history - which facts a run's event log shows, and under which name. */
#ifndef ACTORS_HISTORY_H
#define ACTORS_HISTORY_H
#include "transport/messages.h"

/* Such as "step.started"; NULL for what the log does not show. */
const char *history_name(enum message_code code);
#endif

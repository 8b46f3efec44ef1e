/* process - an actor given sockets, a journal, a clock and a life. */
#ifndef ACTORS_PROCESS_H
#define ACTORS_PROCESS_H
#include "actors/actor.h"

enum process_journal { PROCESS_WITHOUT_JOURNAL, PROCESS_WITH_JOURNAL };

/* The main function of every actor but the view: run until the supervisor says stop.
 * Returns the exit status; 111 when the device failed and only a new life can tell. */
int process_run(
    int argc, char **argv, const struct actor *actor, enum process_journal with);
#endif

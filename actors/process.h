/* process - an actor given sockets, a journal, a clock and a life. */
#ifndef ACTORS_PROCESS_H
#define ACTORS_PROCESS_H
#include "actors/actor.h"

/* How to open the actor's journal: journal_open, or NULL for an actor without one.
 * Given by each main, so that only programs with a journal link the store's database.
 */
typedef enum err process_journal(const char *url, const struct journal_options *options,
    struct journal **journal, struct fault *fault);

/* The main function of every actor but the view: run until the supervisor says stop.
 * Returns the exit status; 111 when the device failed and only a new life can tell. */
int process_run(
    int argc, char **argv, const struct actor *actor, process_journal *open_journal);
#endif

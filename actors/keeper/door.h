/* door - where the tool asks for the life of a worker: the socket `run/keeper`, which
 * only the owner of the data folder can open.
 *
 * One packet asks, one answers, when it has become so:
 *
 *   add FOLDER       know the project from now on, and start it
 *   start NAME       until it runs
 *   stop NAME        until none of its processes is left
 *   restart NAME     stop and start
 *   remove NAME      stop, and forget it
 *
 *   ok NAME          it is so
 *   no SENTENCE      it will not be
 */
#ifndef ACTORS_KEEPER_DOOR_H
#define ACTORS_KEEPER_DOOR_H
#include "actors/keeper/keeper.h"

MUST_CHECK enum err door_open(struct keeper *k, struct fault *fault);
void door_accept(struct keeper *k);
/* One of them has asked, or has gone. */
void door_hear(struct keeper *k, struct client *c);
/* Answer those who wait for what has become so, or will not. */
void door_settle(struct keeper *k);
#endif

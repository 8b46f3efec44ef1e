/* registry - what may run and who may ask: automations, their versions, API keys,
 * principals and roles; and how many jobs of a queue may be out at a time.
 *
 * Owns all of it for ever; compiles each text once, when it arrives.  Schedulers and
 * the trigger actor keep copies of plans, the gateway of keys: what each must still be
 * told is in rows, and is said again whenever it greets.  Each new version, publication
 * and change of status is a revision of its automation; a client hears of one only when
 * everybody knows it.
 *
 *              publish                 superseded by a publication
 *   draft ----------------> published ---------------------------> superseded
 *                               ^__________________________________/  publish again
 *
 * Rows of its journal; a peer is a partition, or the number of partitions for the
 * trigger actor:
 *
 *   N project name                 id of the automation
 *   A project automation           its published and latest version, status and times
 *   V project automation version   text and plan
 *   U peer record                  a version that the peer does not know as it is, by
 *                                  the record of its last revision
 *   K project key                  an API key
 *   P project principal            whose keys are, and the roles that it holds
 *   R project role                 what a role of the project allows
 *   T project name                 an action of the project's own
 *   J project                      what the project is called, whether it is deleted
 *   G record                       row of the key, principal, project or action that
 * the record made Q project queue                limit and settings of a queue C how
 * many automations, keys, queues and principals there are
 *
 * On disk: letters, orders and field numbers are for ever.
 */
#ifndef ACTORS_REGISTRY_REGISTRY_H
#define ACTORS_REGISTRY_REGISTRY_H
#include "actors/actor.h"

extern const struct actor registry_actor;
#endif

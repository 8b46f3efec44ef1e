/* zones_load - the time zones of the machine, read once at the start of a process. */
#ifndef ACTORS_ZONES_LOAD_H
#define ACTORS_ZONES_LOAD_H
#include "actors/schedule/zones.h"
#include "base/err.h"

/* Read every TZif file below `folder`, some 0.7 MB; other files are passed over, and so
 * are the copies in posix/ and right/.
 *
 * ERR_NOT_FOUND  there is no such folder, or no zone in it
 * ERR_MALFORMED  a zone that cannot be read: `fault` names it
 * ERR_IO         the device fails
 */
MUST_CHECK enum err
zones_load(const char *folder, struct zones *zones, struct fault *fault);
void zones_free(struct zones *zones);
#endif

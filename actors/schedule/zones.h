/* zones - all time zones by their names, as zones_load has read them. */
#ifndef ACTORS_SCHEDULE_ZONES_H
#define ACTORS_SCHEDULE_ZONES_H
#include "actors/schedule/zone.h"

enum { ZONES_MISTAKE_SIZE = 200 };

struct zone_entry {
    char *name;        /* such as Europe/Berlin */
    struct bytes tzif; /* zone_read takes it */
};

/* Where a pointer to this is asked for, NULL is a table that has UTC alone. */
struct zones {
    struct zone_entry *list; /* in order of names */
    size_t count;
};

/* The zone of that name; false if there is none.  Borrows from `zones`.  UTC is always
 * there. */
bool zones_find(const struct zones *zones, struct bytes name, struct zone *zone);

/* What to say of a name that is not there, with the one that was probably meant: by its
 * letters, or by its city. */
void zones_unknown(
    const struct zones *zones, struct bytes name, char mistake[ZONES_MISTAKE_SIZE]);
#endif

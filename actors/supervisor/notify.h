/* notify - tell the service manager that started us how we are: sd_notify(3). */
#ifndef ACTORS_SUPERVISOR_NOTIFY_H
#define ACTORS_SUPERVISOR_NOTIFY_H

/* `state` such as "READY=1".  Nobody is told when nobody asked to be. */
void notify(const char *state);
#endif

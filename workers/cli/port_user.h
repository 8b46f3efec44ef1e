/* port_user - who has a TCP port of this machine, as far as we may see. */
#ifndef WORKERS_CLI_PORT_USER_H
#define WORKERS_CLI_PORT_USER_H
#include <sys/types.h>

enum port_use {
    PORT_FREE,
    PORT_CONNECTED, /* it is the own port of a connection, or was a moment ago */
    PORT_LISTENED,
};

struct port_user {
    enum port_use use;
    pid_t pid; /* 0: none, or of somebody whose processes we may not see */
    char program[17];
};

void port_user_find(unsigned port, struct port_user *user);
#endif

/* address - which addresses are of the public Internet.  Pure. */
#ifndef WORKERS_STOCK_ADDRESS_H
#define WORKERS_STOCK_ADDRESS_H
#include <stdbool.h>
#include <sys/socket.h>

/* False for what is private, of this host, of this link, reserved or no address of the
 * Internet at all; what carries an IPv4 address in IPv6 counts as that one does. */
bool address_public(const struct sockaddr *address);
#endif

/* Whether an address is on loopback, where no other machine can listen or speak. Any thread. */
#ifndef TELLERCAST_BASE_ADDRESS_H
#define TELLERCAST_BASE_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* 127.0.0.0/8, ::1, and the former mapped into IPv6. Any other family is false. */
bool address_is_loopback(const struct sockaddr *address);

/* The same of a numeric address, IPv6 with or without brackets. The name `localhost` is, too, when each address that it
 * resolves to is on loopback. Every other name is false: who answers for it may change. */
bool address_host_is_loopback(const char *host);

#endif

/* Whether the server at the other end of a connection may be used: see store_check_peer. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_PEER_H
#define TELLERCAST_ORCHESTRATOR_STORE_PEER_H

#include <postgresql/libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

/* The same of a connection that was made. It also knows what the string does not say: a password file without the
 * server's password, and a server that asks nobody for credentials. False, with the reason. */
bool peer_is_trusted(PGconn *connection, char *reason, size_t size);

#endif

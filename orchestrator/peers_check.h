/* Checks that each peer of the daemon shows credentials: a server that it uses, and whoever speaks to its endpoints. */
#ifndef TELLERCAST_ORCHESTRATOR_PEERS_CHECK_H
#define TELLERCAST_ORCHESTRATOR_PEERS_CHECK_H

#include "config/daemon.h"

/* Adds a fault for each setting by which a peer would be used, or let in, without credentials. On loopback that is
 * allowed with insecure_loopback; elsewhere never. Opens nothing, but may look `localhost` up. Connections to
 * PostgreSQL are checked again when they are made: see store_check_peer. */
void peers_check(const struct daemon_settings *settings, struct document_faults *faults);

/* The same for the server that `tellercastd migrate` uses, alone. */
void peers_check_migration(const struct daemon_settings *settings, struct document_faults *faults);

#endif

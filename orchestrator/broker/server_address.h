/* Where the broker answers. Private to the broker. */
#ifndef TELLERCAST_ORCHESTRATOR_BROKER_SERVER_ADDRESS_H
#define TELLERCAST_ORCHESTRATOR_BROKER_SERVER_ADDRESS_H

#include "hosts/address_turn.h"
#include "orchestrator/broker/broker.h"

struct server_address {
    struct host_address found;  /* where the last connection was begun; "": none of the hosts answered */
    struct host_address failed; /* where the last connection could not be made, though something answered */
};

/* Finds the address for the next connection, and gives it to the MQTT libraries. Sets `*host` to its host's name. Ends
 * early when `interrupt_fd` is readable. */
enum tc_error server_address_find(struct server_address *address, const struct broker_config *config, int interrupt_fd,
                                  const char **host, struct tc_fault *fault);

/* Gives what was found to the MQTT libraries once more: another connection of this program to `host` may have found
 * another address since. Call it right before each further connection. */
void server_address_use(const struct server_address *address, const char *host);

/* The connection could not be made there: the next search begins after it. */
void server_address_failed(struct server_address *address);

#endif

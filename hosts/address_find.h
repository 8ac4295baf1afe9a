/* Finds the address at which a server answers. Its hosts are tried in turn, and so are the addresses of each.
 *
 * The MQTT libraries cannot do that: paho tries one address of a name, libmosquitto waits for a silent one as long as
 * the system does, and neither says much about the reason. */
#ifndef TELLERCAST_HOSTS_ADDRESS_FIND_H
#define TELLERCAST_HOSTS_ADDRESS_FIND_H

#include "base/fault.h"
#include "base/host_list.h"
#include "hosts/address_turn.h"

#include <stdbool.h>

struct address_search {
    const struct host_list *hosts;
    int port;
    int interrupt_fd;           /* the search ends early when it is readable; -1: none */
    struct host_address failed; /* see address_turn_first */
    bool is_single_trusted;     /* a single address is not tried: connecting to it says whether it answers */
};

/* Connects to each address and closes again, until one accepts; waits for each as address_turn_timeout_ms says.
 * Resolving a name has no time limit but the system's.
 * TC_UNAVAILABLE or TC_TIMEOUT, with the reason of each host. Any thread. */
enum tc_error address_find(const struct address_search *search, struct host_address *found, struct tc_fault *fault);

#endif

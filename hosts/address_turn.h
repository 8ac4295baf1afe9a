/* In which turn the addresses of a server are tried: decisions alone. */
#ifndef TELLERCAST_HOSTS_ADDRESS_TURN_H
#define TELLERCAST_HOSTS_ADDRESS_TURN_H

#include <stdbool.h>
#include <stddef.h>

#define ADDRESS_TEXT_SIZE 64 /* an IPv6 address with its zone */

/* An address of one of the hosts of a list. */
struct host_address {
    size_t host;                  /* its index in the list */
    char text[ADDRESS_TEXT_SIZE]; /* numeric; "": none */
};

/* Returns the index of the address to try first: the one after `failed`, where the last connection could be made and
 * the server behind it did not work; else the first. The others follow in turn. */
size_t address_turn_first(const struct host_address *addresses, size_t count, const struct host_address *failed);

#define SINGLE_TIMEOUT_MS 10000
#define ONE_OF_SEVERAL_TIMEOUT_MS 5000
#define ALL_TIMEOUT_MS 60000

/* Returns how long to wait for one of `count` addresses: all together wait for ALL_TIMEOUT_MS at most, and each of them
 * has its turn. */
int address_turn_timeout_ms(size_t count);

/* True for the same address of the same host. */
bool address_is_same(const struct host_address *one, const struct host_address *other);

#endif

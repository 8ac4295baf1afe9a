/* Gives the MQTT libraries the address that answered for a name, while the name stays what TLS checks and sends.
 *
 * paho and libmosquitto take one text for both: with an address in it they would compare the broker's certificate with
 * the address. So this library defines getaddrinfo for its program, which they call: a pinned name resolves to its
 * address alone. They ask without a service; whoever asks with one, as libpq, hiredis, libcurl and address_find do,
 * gets what the system says. Any thread. */
#ifndef TELLERCAST_HOSTS_ADDRESS_PIN_H
#define TELLERCAST_HOSTS_ADDRESS_PIN_H

/* From now on `name` resolves to `address` for the MQTT libraries. At most HOSTS_MAX names: one more takes the place of
 * the oldest. */
void address_pin(const char *name, const char *address);

#endif

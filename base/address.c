#include "base/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool address_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
    if (address->sa_family != AF_INET6)
        return false;
    const struct in6_addr *ipv6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(ipv6) || (IN6_IS_ADDR_V4MAPPED(ipv6) && ipv6->s6_addr[12] == IN_LOOPBACKNET);
}

/* Copies a host without the brackets of IPv6. False: it is too long for an address, and for `localhost`. */
static bool copy_host(const char *host, char copy[static INET6_ADDRSTRLEN])
{
    size_t length = strlen(host);
    bool has_brackets = length > 2 && host[0] == '[' && host[length - 1] == ']';
    if (has_brackets) {
        host++;
        length -= 2;
    }
    if (length >= INET6_ADDRSTRLEN)
        return false;
    (void)snprintf(copy, INET6_ADDRSTRLEN, "%.*s", (int)length, host);
    return true;
}

bool address_host_is_loopback(const char *host)
{
    char copy[INET6_ADDRSTRLEN];
    struct addrinfo *found = NULL;
    if (host[0] == '\0' || !copy_host(host, copy))
        return false;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = strcasecmp(copy, "localhost") == 0 ? 0 : AI_NUMERICHOST};
    if (getaddrinfo(copy, NULL, &hints, &found) != 0)
        return false;
    bool is_loopback = found != NULL;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next)
        is_loopback = is_loopback && address_is_loopback(at->ai_addr);
    freeaddrinfo(found);
    return is_loopback;
}

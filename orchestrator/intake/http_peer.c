#include "orchestrator/intake/http_peer.h"

#include "base/address.h"
#include "base/fault.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { IPV6_NETWORK = 8 };

static void write_name(struct http_peer *peer)
{
    if (peer->address.ss_family == AF_INET)
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)&peer->address)->sin_addr, peer->name,
                        sizeof peer->name);
    if (peer->address.ss_family != AF_INET6)
        return;
    struct in6_addr network = ((const struct sockaddr_in6 *)(const void *)&peer->address)->sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(&network))
        memset(network.s6_addr + IPV6_NETWORK, 0, sizeof network.s6_addr - IPV6_NETWORK);
    (void)inet_ntop(AF_INET6, &network, peer->name, sizeof peer->name);
}

struct http_peer *http_peer_make(const struct sockaddr *address, socklen_t length)
{
    struct http_peer *peer = calloc(1, sizeof *peer);
    TC_CHECK(peer != NULL && length <= sizeof peer->address);
    memcpy(&peer->address, address, length);
    peer->references = 1;
    write_name(peer);
    return peer;
}

struct http_peer *http_peer_hold(struct http_peer *peer)
{
    peer->references++;
    return peer;
}

void http_peer_release(struct http_peer *peer)
{
    if (peer == NULL || --peer->references > 0)
        return;
    free(peer->certificate);
    free(peer);
}

void http_peer_note_end(struct http_peer *peer)
{
    peer->ended++;
    if (atomic_exchange(&peer->is_awaited, false) && peer->wake != NULL)
        peer->wake(peer);
}

bool http_peer_is_loopback(const struct http_peer *peer)
{
    return address_is_loopback((const struct sockaddr *)(const void *)&peer->address);
}

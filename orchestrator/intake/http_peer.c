#include "orchestrator/intake/http_request.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { IPV6_NETWORK = 8 };

static const struct sockaddr *peer_of(const struct http_request *request)
{
    const union MHD_ConnectionInfo *information =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return information == NULL ? NULL : information->client_addr;
}

void http_peer_address(const struct http_request *request, char address[static HTTP_ADDRESS_SIZE])
{
    const struct sockaddr *peer = peer_of(request);
    address[0] = '\0';
    if (peer != NULL && peer->sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, address,
                        HTTP_ADDRESS_SIZE);
    if (peer == NULL || peer->sa_family != AF_INET6)
        return;
    struct in6_addr network = ((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(&network))
        memset(network.s6_addr + IPV6_NETWORK, 0, sizeof network.s6_addr - IPV6_NETWORK);
    (void)inet_ntop(AF_INET6, &network, address, HTTP_ADDRESS_SIZE);
}

bool http_peer_certificate(const struct http_request *request, const void **der, size_t *length)
{
    const union MHD_ConnectionInfo *information =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    unsigned count = 0;
    const gnutls_datum_t *shown =
        information == NULL ? NULL : gnutls_certificate_get_peers(information->tls_session, &count);
    if (shown == NULL || count == 0)
        return false;
    *der = shown->data;
    *length = shown->size;
    return true;
}

#include "orchestrator/intake/http_request.h"

#include <gnutls/gnutls.h>

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

/* A certs-only message and a peer's certificate, from a sender who is not trusted, are read or refused. */
#include "pki/bundle.h"
#include "pki/peer.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct pki_bundle bundle;
    struct tc_fault fault;
    if (pki_bundle_read(bytes, length, &bundle, &fault) != TC_OK) {
        TC_CHECK(bundle.count == 0);
        return 0;
    }
    TC_CHECK(bundle.count > 0 && bundle.count <= PKI_BUNDLE_MAX);
    struct pki_certificate facts;
    (void)pki_peer_check(bytes, length, &bundle, 0, &facts, &fault);
    pki_bundle_free(&bundle);
    return 0;
}

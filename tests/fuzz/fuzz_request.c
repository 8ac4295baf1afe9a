/* A certificate request from a sender who is not trusted is read or refused. */
#include "pki/request.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct pki_request request;
    struct tc_fault fault;
    if (pki_request_read(bytes, length, &request, &fault) != TC_OK) {
        TC_CHECK(request.key == NULL);
        return 0;
    }
    TC_CHECK(id_is_valid(request.identity.id, strlen(request.identity.id)));
    pki_request_free(&request);
    return 0;
}

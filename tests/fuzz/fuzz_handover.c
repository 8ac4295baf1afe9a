/* What an agent hands over is read, or refused without a leak; a run always has a token. */
#include "clients/agent/action/handover.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct handover_request request = {.artifact = -1};
    struct tc_fault fault;
    if (handover_decode_request(bytes, length, &request, &fault) == TC_OK)
        TC_CHECK(request.kind != HANDOVER_RUN || request.token != NULL);
    handover_request_free(&request);
    return 0;
}

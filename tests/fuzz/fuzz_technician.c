/* What a technician's program says is read within its bounds, or refused. */
#include "clients/agent/technician/technician_request.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct technician_request request;
    struct tc_fault fault;
    if (technician_request_decode(bytes, length, &request, &fault) != TC_OK)
        return 0;
    if (request.order != TECHNICIAN_HOLD)
        return 0;
    TC_CHECK(request.for_ms >= TECHNICIAN_HOLD_LEAST_MS && request.for_ms <= TECHNICIAN_HOLD_MAX_MS);
    size_t size = strlen(request.reason);
    TC_CHECK(size > 0 && size <= HELD_REASON_MAX);
    return 0;
}

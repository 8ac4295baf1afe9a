#include "orchestrator/queues/queued_ask.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum tc_error queued_ask_put(struct batch_queue *asks, const char *device, const void *payload, size_t length)
{
    struct queued_ask queued = {.length = length, .received_ms = clock_monotonic_ms()};
    TC_CHECK(strlen(device) < sizeof queued.device);
    memcpy(queued.device, device, strlen(device) + 1);
    if (length > 0) {
        queued.payload = malloc(length);
        TC_CHECK(queued.payload != NULL);
        memcpy(queued.payload, payload, length);
    }
    enum tc_error error = batch_queue_put(asks, &queued, -1);
    if (error != TC_OK)
        free(queued.payload);
    return error;
}

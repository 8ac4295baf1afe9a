#include "orchestrator/queues/asked.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum tc_error asked_put(struct batch_queue *asks, const char *device, const void *payload, size_t length)
{
    struct asked asked = {.length = length, .received_ms = clock_monotonic_ms()};
    TC_CHECK(strlen(device) < sizeof asked.device);
    memcpy(asked.device, device, strlen(device) + 1);
    if (length > 0) {
        asked.payload = malloc(length);
        TC_CHECK(asked.payload != NULL);
        memcpy(asked.payload, payload, length);
    }
    enum tc_error error = batch_queue_put(asks, &asked, -1);
    if (error != TC_OK)
        free(asked.payload);
    return error;
}

#include "orchestrator/queues/queued_ask.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

static bool replaces(const void *item, const void *waiting)
{
    (void)item, (void)waiting;
    return true; /* the newest nonce counts */
}

static void drop(void *item)
{
    struct queued_ask *ask = item;
    free(ask->payload);
}

struct batch_queue *ask_queue_open(size_t limit)
{
    const struct fair_rules rules = {
        .waiting_max = 1,
        .waiting_bytes_max = ASK_QUEUE_BYTES_MAX,
        .bytes_max = ASK_QUEUE_BYTES_MAX,
        .burst = ASK_BURST,
        .interval_ms = ASK_INTERVAL_MS,
        .replaces = replaces,
        .drop = drop,
    };
    return batch_queue_open_fair(sizeof(struct queued_ask), limit, &rules);
}

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
    const struct fair_sender sender = {.id = device, .bytes = length};
    bool replaced;
    enum tc_error error = batch_queue_put_from(asks, &sender, &queued, &replaced);
    metric_add(METRIC_ASKS_RECEIVED, error == TC_OK);
    if (replaced) {
        metric_add(METRIC_ASKS_REPLACED, 1);
        LOG_LIMITED(LOG_LEVEL_INFO, device, "ask.replaced", F_STR("device", device));
    }
    if (error != TC_OK)
        free(queued.payload);
    return error;
}

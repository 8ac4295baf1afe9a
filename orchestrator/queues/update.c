#include "orchestrator/queues/update.h"

#include "base/log.h"
#include "orchestrator/metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

static bool replaces(const void *item, const void *waiting)
{
    const struct update *update = item, *other = waiting;
    return update->kind == other->kind && (update->kind == UPDATE_VERSIONS || update->kind == UPDATE_KEYS);
}

static void drop(void *item)
{
    struct update *update = item;
    free(update->payload);
}

struct batch_queue *update_queue_open(size_t limit, int queues)
{
    const struct fair_rules rules = {
        .waiting_max = UPDATE_REPORTS_MAX,
        .waiting_bytes_max = UPDATE_REPORTS_BYTES_MAX,
        .bytes_max = UPDATE_QUEUES_BYTES_MAX / (size_t)queues,
        .burst = UPDATE_BURST,
        .interval_ms = UPDATE_INTERVAL_MS,
        .replaces = replaces,
        .drop = drop,
    };
    return batch_queue_open_fair(sizeof(struct update), limit, &rules);
}

/* FNV-1a, 32 bits. */
static uint32_t hash(const char *text)
{
    uint32_t value = 2166136261u;
    for (; *text != '\0'; text++)
        value = (value ^ (unsigned char)*text) * 16777619u;
    return value;
}

static enum tc_error put(const struct update_queues *queues, struct update *update, const char *device)
{
    size_t length = strlen(device);
    TC_CHECK(length < sizeof update->device);
    memcpy(update->device, device, length + 1);
    const struct fair_sender sender = {
        .id = device, .bytes = update->length, .is_exempt = update->kind != UPDATE_REPORT};
    bool replaced;
    return batch_queue_put_from(queues->queues[hash(device) % (uint32_t)queues->count], &sender, update, &replaced);
}

static enum tc_error put_copy(const struct update_queues *queues, const struct update *made, const char *device,
                              const void *payload, size_t length)
{
    struct update update = *made;
    update.payload = malloc(length + 1);
    update.length = length;
    TC_CHECK(update.payload != NULL);
    if (length > 0)
        memcpy(update.payload, payload, length);
    update.payload[length] = '\0';
    enum tc_error error = put(queues, &update, device);
    if (error != TC_OK)
        free(update.payload);
    return error;
}

enum tc_error update_put_report(const struct update_queues *queues, const char *device, const void *report,
                                size_t length)
{
    enum tc_error error = put_copy(queues, &(struct update){.kind = UPDATE_REPORT}, device, report, length);
    if (error == TC_BUSY) {
        metric_add(METRIC_STATUSES_LEFT_OUT, 1);
        LOG_LIMITED(LOG_LEVEL_WARNING, device, "status.left_out", F_STR("device", device),
                    F_STR("reason", "too many reports of this device wait"));
    }
    return error;
}

enum tc_error update_put_versions(const struct update_queues *queues, const char *device, const char *versions,
                                  int64_t received_ms)
{
    const struct update update = {.kind = UPDATE_VERSIONS, .received_ms = received_ms};
    return put_copy(queues, &update, device, versions, strlen(versions));
}

enum tc_error update_put_keys(const struct update_queues *queues, const char *device, const char *keys)
{
    return put_copy(queues, &(struct update){.kind = UPDATE_KEYS}, device, keys, strlen(keys));
}

enum tc_error update_put_sent(const struct update_queues *queues, const char *device, int64_t instruction,
                              int32_t attempt)
{
    struct update update = {.kind = UPDATE_SENT, .instruction = instruction, .attempt = attempt};
    return put(queues, &update, device);
}

enum tc_error update_put_recalled(const struct update_queues *queues, const char *device, int64_t epoch,
                                  bool has_reported)
{
    struct update update = {.kind = UPDATE_RECALLED, .epoch = epoch, .has_reported = has_reported};
    return put(queues, &update, device);
}

enum tc_error update_put_too_large(const struct update_queues *queues, const char *device, int64_t instruction,
                                   int32_t attempt, const char *detail)
{
    struct update update = {.kind = UPDATE_TOO_LARGE,
                            .length = strlen(detail),
                            .instruction = instruction,
                            .attempt = attempt,
                            .payload = strdup(detail)};
    TC_CHECK(update.payload != NULL);
    enum tc_error error = put(queues, &update, device);
    if (error != TC_OK)
        free(update.payload);
    return error;
}

#include "orchestrator/queues/update.h"

#include <stdlib.h>
#include <string.h>

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
    return batch_queue_put(queues->queues[hash(device) % (uint32_t)queues->count], update, -1);
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
    return put_copy(queues, &(struct update){.kind = UPDATE_REPORT}, device, report, length);
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
    struct update update = {
        .kind = UPDATE_TOO_LARGE, .instruction = instruction, .attempt = attempt, .payload = strdup(detail)};
    TC_CHECK(update.payload != NULL);
    enum tc_error error = put(queues, &update, device);
    if (error != TC_OK)
        free(update.payload);
    return error;
}

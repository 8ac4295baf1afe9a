#include "orchestrator/updater/update.h"

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

static enum tc_error put_copy(const struct update_queues *queues, enum update_kind kind, const char *device,
                              const void *payload, size_t length)
{
    struct update update = {.kind = kind, .payload = malloc(length + 1), .length = length};
    TC_CHECK(update.payload != NULL);
    if (length > 0)
        memcpy(update.payload, payload, length);
    update.payload[length] = '\0';
    enum tc_error error = put(queues, &update, device);
    if (error != TC_OK)
        free(update.payload);
    return error;
}

enum tc_error update_put_reply(const struct update_queues *queues, const char *device, const void *reply, size_t length)
{
    return put_copy(queues, UPDATE_REPLY, device, reply, length);
}

enum tc_error update_put_versions(const struct update_queues *queues, const char *device, const char *versions)
{
    return put_copy(queues, UPDATE_VERSIONS, device, versions, strlen(versions));
}

enum tc_error update_put_sent(const struct update_queues *queues, const char *device, int64_t instruction,
                              int32_t attempt)
{
    struct update update = {.kind = UPDATE_SENT, .instruction = instruction, .attempt = attempt};
    return put(queues, &update, device);
}

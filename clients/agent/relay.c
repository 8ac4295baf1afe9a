#include "clients/agent/relay.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

void relay_init(struct relay *relay)
{
    *relay = (struct relay){.last_dispatch_ms = INT64_MIN};
}

void relay_free(struct relay *relay)
{
    free(relay->items);
    relay_init(relay);
}

static struct relay_item *find(const struct relay *relay, const char *device)
{
    for (size_t i = 0; i < relay->count; i++) {
        if (strcmp(relay->items[i].dispatch.device, device) == 0)
            return &relay->items[i];
    }
    return NULL;
}

static void put(struct relay *relay, const struct relay_item *item)
{
    struct relay_item *old = find(relay, item->dispatch.device);
    if (old != NULL) {
        *old = *item;
        return;
    }
    if (relay->count == RELAY_PENDING_MAX) {
        LOG_LIMITED(LOG_LEVEL_WARNING, item->dispatch.device, "relay.full", F_STR("device", item->dispatch.device));
        return;
    }
    if (relay->count == relay->capacity) {
        relay->capacity = relay->capacity == 0 ? 16 : relay->capacity * 2;
        relay->items = realloc(relay->items, relay->capacity * sizeof *relay->items);
        TC_CHECK(relay->items != NULL);
    }
    relay->items[relay->count++] = *item;
}

bool relay_take(struct relay *relay, const struct start *start, const char *own, int64_t until_ms)
{
    bool is_own_named = false;
    for (size_t i = 0; i < start->device_count; i++) {
        if (strcmp(start->devices[i], own) == 0) {
            is_own_named = true;
            continue;
        }
        struct relay_item item = {.dispatch = {.rollout = start->rollout, .expires_ms = start->expires_ms},
                                  .until_ms = until_ms};
        memcpy(item.dispatch.device, start->devices[i], TC_ID_SIZE);
        put(relay, &item);
    }
    return is_own_named;
}

static void drop_first(struct relay *relay)
{
    relay->count--;
    memmove(relay->items, relay->items + 1, relay->count * sizeof *relay->items);
}

const struct dispatch *relay_next(struct relay *relay, int64_t now_ms)
{
    while (relay->count > 0 && relay->items[0].until_ms <= now_ms) {
        LOG_LIMITED(LOG_LEVEL_INFO, relay->items[0].dispatch.device, "relay.expired",
                    F_STR("device", relay->items[0].dispatch.device));
        drop_first(relay);
    }
    return relay->count == 0 ? NULL : &relay->items[0].dispatch;
}

void relay_sent(struct relay *relay, int64_t now_ms)
{
    LOG_LIMITED(LOG_LEVEL_INFO, relay->items[0].dispatch.device, "dispatch.sent",
                F_INT("rollout", relay->items[0].dispatch.rollout), F_STR("device", relay->items[0].dispatch.device));
    relay->last_dispatch_ms = now_ms;
    drop_first(relay);
}

#include "base/clock.h"
#include "tests/fleet/device.h"
#include "tests/fleet/session.h"
#include "tests/fleet/shard.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ASKS_MAX = 8, ASK_LONGEST_MS = 60000, AT_LEAST_ONCE = 1 };

static void count(struct device *device, enum fleet_counter counter)
{
    device->shard->counters.values[counter]++;
}

static void send_ask(struct device *device)
{
    const struct behaviour *behaviour = device->behaviour;
    struct buffer *payload = &device->shard->payload;
    struct ask ask = {.versions = device->versions->versions};
    (void)snprintf(ask.nonce, sizeof ask.nonce, "%" PRId64, device->shard->counters.values[COUNT_ASKS]);
    buffer_clear(payload);
    ask_encode(&ask, payload);
    if (!session_publish(device, TOPIC_ASK, device->id, payload, behaviour->ask_qos)) {
        device->must_ask = true;
        return;
    }
    count(device, COUNT_ASKS);
    uint32_t doublings = device->ask_tries < 16 ? device->ask_tries : 16;
    int64_t delay_ms = behaviour->ask_again_ms << doublings;
    device->is_asking = true;
    device->ask_tries++;
    device_set_timer(device, TIMER_ASK, delay_ms < ASK_LONGEST_MS ? delay_ms : ASK_LONGEST_MS);
}

void command_ask(struct device *device)
{
    if (device->behaviour->silence == SILENT_AT_DISPATCH)
        return;
    device->must_ask = device->work != NULL;
    device->ask_tries = 0;
    if (!device->must_ask)
        send_ask(device);
}

void command_ask_again(struct device *device)
{
    bool is_too_late = device->ask_until_ms != 0 && clock_now_ms() > device->ask_until_ms;
    bool is_over = is_too_late || device->ask_tries >= ASKS_MAX || device->link != LINK_READY;
    device->must_ask |= device->is_asking && device->link != LINK_READY;
    device->is_asking = false;
    if (is_over)
        return;
    count(device, COUNT_ASKS_AGAIN);
    send_ask(device);
}

void command_answered(struct device *device)
{
    device->is_asking = false;
    device_stop_timer(device, TIMER_ASK);
}

/* Reacts to a command to ask. The instruction in progress needs no ask: it is reported again, since the sender of the
 * command may not know of it. */
static void be_told_to_ask(struct device *device, int64_t rollout, int64_t until_ms)
{
    if (device->work != NULL)
        report_again(device, device->work);
    if (device->work != NULL && device->work->rollout == rollout)
        return;
    device->ask_until_ms = until_ms;
    command_ask(device);
}

static void relay(struct device *node, const struct start *start, const char *to)
{
    struct buffer *payload = &node->shard->payload;
    struct dispatch dispatch = {.rollout = start->rollout, .expires_ms = start->expires_ms};
    (void)snprintf(dispatch.device, sizeof dispatch.device, "%s", to);
    buffer_clear(payload);
    dispatch_encode(&dispatch, payload);
    if (session_publish(node, TOPIC_DISPATCH, to, payload, AT_LEAST_ONCE))
        count(node, COUNT_RELAYED);
    shard_summon(node->shard, to);
}

void command_start(struct device *node, const void *payload, size_t length)
{
    struct start start;
    if (start_decode(payload, length, &start, NULL) != TC_OK) {
        count(node, COUNT_GARBAGE);
        return;
    }
    count(node, COUNT_STARTS);
    if (node->shard->counters.first_start_ms == 0)
        node->shard->counters.first_start_ms = node->shard->now_ms;
    bool is_own = false;
    for (size_t i = 0; i < start.device_count && node->behaviour->silence != SILENT_AT_DISPATCH; i++) {
        if (strcmp(start.devices[i], node->id) == 0)
            is_own = true;
        else
            relay(node, &start, start.devices[i]);
    }
    if (is_own)
        be_told_to_ask(node, start.rollout, start.expires_ms);
    start_free(&start);
}

void command_dispatch(struct device *device, const void *payload, size_t length)
{
    struct dispatch dispatch;
    bool is_read = dispatch_decode(payload, length, &dispatch, NULL) == TC_OK;
    if (!is_read || strcmp(dispatch.device, device->id) != 0) {
        count(device, COUNT_GARBAGE);
        return;
    }
    count(device, COUNT_DISPATCHES);
    be_told_to_ask(device, dispatch.rollout, dispatch.expires_ms);
}

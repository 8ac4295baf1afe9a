/* A hostile device: sends asks with ever new versions, as many as a message may have, and reports on instructions that
 * it does not have, as often as its behaviour says. */
#include "tests/fleet/device.h"
#include "tests/fleet/session.h"

#include <inttypes.h>
#include <stdio.h>

enum { AT_MOST_ONCE = 0, NO_PROGRESS = -1 };
static const int64_t no_instruction = INT64_C(1000000000000);

static bool send(struct device *device, enum topic_kind kind, enum fleet_counter counter)
{
    bool is_sent = session_publish(device, kind, device->id, &device->shard->payload, AT_MOST_ONCE);
    device->shard->counters.values[counter] += is_sent;
    return is_sent;
}

static void ask(struct device *device)
{
    struct buffer *payload = &device->shard->payload;
    int64_t turn = device->shard->counters.values[COUNT_FLOOD_ASKS];
    buffer_clear(payload);
    buffer_put_text(payload, "{\"versions\":{");
    for (int i = 0; i < VERSIONS_MAX; i++)
        buffer_format(payload, "%s\"app-%" PRId64 "-%d\":\"1\"", i == 0 ? "" : ",", turn, i);
    buffer_format(payload, "},\"nonce\":\"%" PRId64 "\"}", turn);
    (void)send(device, TOPIC_ASK, COUNT_FLOOD_ASKS);
}

static void report(struct device *device)
{
    const struct report report = {
        .instruction = no_instruction + device->shard->counters.values[COUNT_FLOOD_REPORTS],
        .attempt = 1,
        .sequence = 1,
        .state = REPORT_COMPLETED,
        .progress = NO_PROGRESS,
    };
    buffer_clear(&device->shard->payload);
    report_encode(&report, &device->shard->payload);
    (void)send(device, TOPIC_REPLY, COUNT_FLOOD_REPORTS);
}

void flood_begin(struct device *device)
{
    if (device->behaviour->flood_every_ms > 0)
        device_set_timer(device, TIMER_FLOOD, device->behaviour->flood_every_ms);
}

void flood_send(struct device *device)
{
    if (device->link != LINK_READY)
        return; /* until it is connected again */
    for (int64_t i = 0; i < device->behaviour->flood_asks; i++)
        ask(device);
    for (int64_t i = 0; i < device->behaviour->flood_reports; i++)
        report(device);
    flood_begin(device);
}

#include "tests/fleet/ask_load.h"

#include "tests/fleet/device.h"
#include "tests/fleet/session.h"

#include <time.h>

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool ask(struct device *device)
{
    struct ask_load *load = device->shard->ask_load;
    if (device->is_asking ||
        !session_publish(device, TOPIC_ASK, device->id, &device->versions->ask, device->behaviour->ask_qos))
        return false;
    device->is_asking = true;
    device->asked_us = now_us();
    device_set_timer(device, TIMER_ASK, load->give_up_ms);
    device->shard->counters.values[COUNT_ASKS]++;
    load->outstanding++;
    return true;
}

/* Lets further devices ask, in turn, until `outstanding_most` asks wait for their answers. */
static void ask_more(struct shard *shard)
{
    struct ask_load *load = shard->ask_load;
    for (size_t tried = 0; load->outstanding < load->outstanding_most && tried < shard->device_count; tried++) {
        struct device *device = &shard->devices[load->next];
        load->next = load->next + 1 == shard->device_count ? 0 : load->next + 1;
        (void)ask(device);
    }
}

static void settle(struct device *device)
{
    device->is_asking = false;
    device_stop_timer(device, TIMER_ASK);
    device->shard->ask_load->outstanding--;
}

void ask_load_answered(struct device *device)
{
    struct ask_load *load = device->shard->ask_load;
    if (load == NULL || !device->is_asking)
        return;
    latency_add(&load->latency, now_us() - device->asked_us);
    settle(device);
    ask_more(device->shard);
}

void ask_load_gave_up(struct device *device)
{
    device->shard->ask_load->lost++;
    settle(device);
    ask_more(device->shard);
}

void ask_load_start(struct shard *shard, struct ask_load *load)
{
    shard->ask_load = load;
    ask_more(shard);
}

void ask_load_stop(struct shard *shard)
{
    for (size_t i = 0; i < shard->device_count; i++) {
        if (shard->devices[i].is_asking)
            settle(&shard->devices[i]);
    }
    shard->ask_load = NULL;
}

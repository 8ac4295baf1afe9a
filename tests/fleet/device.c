#include "tests/fleet/device.h"

#include "tests/fleet/ask_load.h"
#include "tests/fleet/session.h"

void device_set_timer(struct device *device, enum device_timer timer, int64_t delay_ms)
{
    int64_t due_ms = device->shard->now_ms + delay_ms;
    device->timers_ms[timer] = due_ms;
    timer_queue_put(&device->shard->timers, &(struct timer_entry){due_ms, device->index, (uint32_t)timer});
}

void device_stop_timer(struct device *device, enum device_timer timer)
{
    device->timers_ms[timer] = INT64_MAX;
}

int64_t device_jitter_ms(struct device *device, int64_t delay_ms)
{
    struct shard *shard = device->shard;
    shard->random = shard->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return delay_ms / 2 + (int64_t)((shard->random >> 33) % (uint64_t)(delay_ms / 2 + 1));
}

static bool asks_on_connect(const struct device *device)
{
    switch (device->behaviour->ask_on_connect) {
    case ASK_ALWAYS: return true;
    case ASK_NEVER: return false;
    case ASK_WHEN_IT_MATTERS: break;
    }
    return device->role == ROLE_PULL || device->connects > 1 || device->must_ask;
}

void device_ready(struct device *device)
{
    const struct behaviour *behaviour = device->behaviour;
    if (device->shard->config->only_asks)
        return;
    if (device->has_crashed)
        work_resume(device);
    else if (device->unconfirmed > 0)
        report_resend_all(device);
    if (device->work != NULL)
        report_again(device, device->work);
    if (behaviour->offline_for_ms > 0 && !device->was_offline && device->timers_ms[TIMER_OFFLINE] == INT64_MAX)
        device_set_timer(device, TIMER_OFFLINE, behaviour->offline_after_ms);
    if (asks_on_connect(device))
        command_ask(device);
    flood_begin(device);
}

void device_message(struct device *device, const struct topic *topic, const void *payload, size_t length,
                    bool is_retained)
{
    switch (topic->kind) {
    case TOPIC_START: command_start(device, payload, length); return;
    case TOPIC_DISPATCH: command_dispatch(device, payload, length); return;
    case TOPIC_CONFIRM: report_confirmed(device, payload, length); return;
    case TOPIC_INSTRUCTION:
        if (!device->shard->config->only_asks)
            instruction_take(device, payload, length);
        else if (!is_retained)
            ask_load_answered(device);
        return;
    default: device->shard->counters.values[COUNT_GARBAGE]++;
    }
}

static void go_offline(struct device *device)
{
    device->was_offline = true;
    session_cut(device, device->behaviour->offline_for_ms);
}

void device_timer_due(struct device *device, enum device_timer timer)
{
    device_stop_timer(device, timer);
    switch (timer) {
    case TIMER_LINK:
        if (device->link == LINK_DOWN)
            admission_wait(device->shard, device);
        else
            session_cut(device, -1);
        return;
    case TIMER_ASK:
        if (device->shard->config->only_asks)
            ask_load_gave_up(device);
        else
            command_ask_again(device);
        return;
    case TIMER_WORK: work_step(device); return;
    case TIMER_RESEND: report_resend_all(device); return;
    case TIMER_LATE: report_send_late(device); return;
    case TIMER_OFFLINE: go_offline(device); return;
    case TIMER_FLOOD: flood_send(device); return;
    case DEVICE_TIMERS: break;
    }
}

#include "base/clock.h"
#include "tests/fleet/device.h"
#include "tests/fleet/session.h"

#include <stdio.h>

enum { NO_PROGRESS = -1, REPORTS_OF_ATTEMPT = 1024, RESEND_LONGEST_MS = 300000, AT_LEAST_ONCE = 1 };

static const enum fleet_counter counters_of_states[] = {
    [REPORT_RECEIVED] = COUNT_RECEIVED,   [REPORT_DEFERRED] = COUNT_DEFERRED, [REPORT_INSTALLING] = COUNT_INSTALLING,
    [REPORT_COMPLETED] = COUNT_COMPLETED, [REPORT_FAILED] = COUNT_FAILED,     [REPORT_REJECTED] = COUNT_REJECTED,
};

static void encode(const struct device *device, const struct execution *execution, int progress, struct buffer *payload)
{
    bool has_effect = execution->state == REPORT_COMPLETED || execution->state == REPORT_FAILED;
    struct report report = {
        .instruction = execution->instruction,
        .attempt = execution->attempt,
        .sequence = execution->sequence,
        .state = execution->state,
        .progress = progress,
        .confirm = device->behaviour->confirm_all,
        .versions = has_effect ? device->versions->versions : NULL,
        .at_ms = execution->at_ms,
    };
    (void)snprintf(report.code, sizeof report.code, "%s", execution->code);
    buffer_clear(payload);
    report_encode(&report, payload);
}

static void publish(struct device *device, const struct buffer *payload)
{
    for (int64_t i = 0; i < device->behaviour->duplicates; i++)
        (void)session_publish(device, TOPIC_REPLY, device->id, payload, AT_LEAST_ONCE);
}

static void publish_again(struct device *device, const struct execution *execution)
{
    device->shard->counters.values[COUNT_RESENDS]++;
    encode(device, execution, NO_PROGRESS, &device->shard->payload);
    publish(device, &device->shard->payload);
}

static bool draws(const struct device *device, enum draw draw, const struct execution *execution, int64_t parts)
{
    int32_t report = execution->attempt * REPORTS_OF_ATTEMPT + execution->sequence;
    return behaviours_draw(device->shard->config->behaviours, draw, device->id, execution->instruction, report, parts);
}

/* Simulates a bad line: the reply may be lost, or be sent after later ones. */
static void publish_new(struct device *device, const struct execution *execution, int progress)
{
    const struct behaviour *behaviour = device->behaviour;
    if (draws(device, DRAW_LOST, execution, behaviour->lost_parts))
        return;
    bool is_late =
        device->timers_ms[TIMER_LATE] == INT64_MAX && draws(device, DRAW_LATE, execution, behaviour->late_parts);
    struct buffer *payload = is_late ? &device->late : &device->shard->payload;
    encode(device, execution, progress, payload);
    if (is_late)
        device_set_timer(device, TIMER_LATE, behaviour->late_by_ms);
    else
        publish(device, payload);
}

void report_send_late(struct device *device)
{
    publish(device, &device->late);
}

static void set_resend_timer(struct device *device)
{
    uint32_t doublings = device->resend_tries < 16 ? device->resend_tries : 16;
    int64_t delay_ms = device->behaviour->resend_ms << doublings;
    delay_ms = delay_ms < RESEND_LONGEST_MS ? delay_ms : RESEND_LONGEST_MS;
    device_set_timer(device, TIMER_RESEND, delay_ms / 2 + device_jitter_ms(device, delay_ms));
}

static void send_new(struct device *device, struct execution *execution, int progress)
{
    execution->sequence++;
    if (execution->first_sequences[execution->state] == 0)
        execution->first_sequences[execution->state] = execution->sequence;
    execution->at_ms = clock_now_ms();
    device->shard->counters.values[counters_of_states[execution->state]]++;
    publish_new(device, execution, progress);
}

void report_state(struct device *device, struct execution *execution, enum report_state state, int progress)
{
    execution->state = state;
    send_new(device, execution, progress);
}

/* Sends a final report, which is sent again until it is confirmed. */
static void send_final(struct device *device, struct execution *execution)
{
    device->unconfirmed++;
    device->shard->counters.values[COUNT_UNCONFIRMED]++;
    send_new(device, execution, NO_PROGRESS);
    if (device->timers_ms[TIMER_RESEND] == INT64_MAX) {
        device->resend_tries = 0;
        set_resend_timer(device);
    }
}

void report_end(struct device *device, struct execution *execution, enum report_state state, const char *code)
{
    execution->stage = EXECUTION_ENDED;
    execution->state = state;
    execution->code = code;
    execution->confirmed = false;
    send_final(device, execution);
}

void report_again(struct device *device, struct execution *execution)
{
    if (execution->stage == EXECUTION_ARRIVED)
        return;
    if (execution->stage == EXECUTION_ENDED && execution->confirmed) {
        execution->confirmed = false;
        send_final(device, execution);
        return;
    }
    publish_again(device, execution);
}

void report_resend_all(struct device *device)
{
    if (device->unconfirmed == 0 || device->link != LINK_READY)
        return;
    for (const struct execution *execution = device->log.newest; execution != NULL; execution = execution->older) {
        if (execution->stage != EXECUTION_ENDED || execution->confirmed)
            continue;
        publish_again(device, execution);
    }
    device->resend_tries++;
    set_resend_timer(device);
}

static void close_report(struct device *device, struct execution *execution, bool is_accepted)
{
    struct counters *counters = &device->shard->counters;
    execution->confirmed = true;
    device->unconfirmed--;
    counters->values[COUNT_UNCONFIRMED]--;
    if (is_accepted) {
        counters->values[COUNT_CONFIRMED]++;
        counters->values[COUNT_CONFIRMED_COMPLETED] += execution->state == REPORT_COMPLETED;
        counters->last_confirm_ms = device->shard->now_ms;
    }
    if (device->unconfirmed == 0) {
        device_stop_timer(device, TIMER_RESEND);
        admission_offer(device->shard, device);
    }
}

static void note_accepted(struct device *device, struct execution *execution, int32_t sequence)
{
    int64_t *accepted_ms = &execution->accepted_ms[execution_state_of(execution, sequence)];
    if (*accepted_ms == 0)
        *accepted_ms = clock_now_ms();
    if (sequence > execution->accepted) {
        execution->accepted = sequence;
        device->shard->counters.values[COUNT_ACCEPTED]++;
    }
}

void report_confirmed(struct device *device, const void *payload, size_t length)
{
    struct confirm confirm;
    struct counters *counters = &device->shard->counters;
    if (confirm_decode(payload, length, &confirm, NULL) != TC_OK) {
        counters->values[COUNT_GARBAGE]++;
        return;
    }
    counters->values[COUNT_CONFIRMS]++;
    counters->values[COUNT_CONFIRMS_REFUSED] += !confirm.accepted;
    struct execution *execution = execution_log_find(&device->log, confirm.instruction, confirm.attempt);
    if (execution == NULL)
        return;
    if (confirm.accepted && confirm.sequence > 0 && confirm.sequence <= execution->sequence)
        note_accepted(device, execution, confirm.sequence);
    bool is_awaited = execution->stage == EXECUTION_ENDED && !execution->confirmed;
    if (is_awaited && confirm.sequence >= execution->sequence)
        close_report(device, execution, confirm.accepted);
}

#include "base/clock.h"
#include "tests/fleet/device.h"
#include "tests/fleet/session.h"

enum { FULL_PERCENT = 100, NO_PROGRESS = -1, MS_PER_SECOND = 1000 };

static void count(struct device *device, enum fleet_counter counter)
{
    device->shard->counters.values[counter]++;
}

static bool draws(const struct device *device, enum draw draw, int64_t parts)
{
    const struct execution *work = device->work;
    return behaviours_draw(device->shard->config->behaviours, draw, device->id, work->instruction, work->attempt,
                           parts);
}

static int64_t draw_ms(const struct device *device, enum draw draw, const struct span *span)
{
    const struct execution *work = device->work;
    return behaviours_draw_ms(device->shard->config->behaviours, draw, device->id, work->instruction, work->attempt,
                              span);
}

static void enter_branch(struct device *device)
{
    struct counters *counters = &device->shard->counters;
    counters->values[COUNT_EXECUTING]++;
    if (device->branch == NO_BRANCH)
        return;
    struct branch *branch = &device->shard->branches[device->branch];
    branch->in_flight++;
    if (branch->in_flight > counters->most_in_flight)
        counters->most_in_flight = branch->in_flight;
}

static void leave_branch(struct device *device)
{
    device->shard->counters.values[COUNT_EXECUTING]--;
    if (device->branch != NO_BRANCH)
        device->shard->branches[device->branch].in_flight--;
}

/* The time between two steps of the installation: its reports divide it evenly. */
static int64_t install_step_ms(const struct device *device)
{
    const struct behaviour *behaviour = device->behaviour;
    return draw_ms(device, DRAW_INSTALL, &behaviour->install) / (behaviour->install_reports + 1);
}

static void finish(struct device *device)
{
    device->work = NULL;
    device->has_finished = true;
    if (device->must_ask)
        command_ask(device);
}

static void end(struct device *device, enum report_state state, const char *code)
{
    struct execution *work = device->work;
    if (work->stage == EXECUTION_RUNNING) {
        leave_branch(device);
        work->ended_ms = clock_now_ms();
    }
    report_end(device, work, state, code);
    finish(device);
}

static bool is_to_crash(const struct device *device)
{
    return draws(device, DRAW_CRASH, device->behaviour->crash_parts);
}

static int64_t run(struct device *device)
{
    struct execution_verdict verdict = execution_log_begin(&device->log, device->work);
    device->work->began_ms = clock_now_ms();
    device->work->ended_ms = 0;
    count(device, COUNT_EXECUTED);
    if (verdict.is_double)
        count(device, COUNT_DOUBLE_EXECUTIONS);
    if (verdict.is_after_completed)
        count(device, COUNT_AFTER_COMPLETED);
    enter_branch(device);
    device->installs_left = (int32_t)device->behaviour->install_reports;
    return is_to_crash(device) ? install_step_ms(device) / 2 : install_step_ms(device);
}

/* Begins if the window is still open. It was when the instruction arrived, but receiving took time. */
static int64_t begin_in_time(struct device *device)
{
    if (clock_now_ms() / MS_PER_SECOND < device->work->start_before_s)
        return run(device);
    count(device, COUNT_REFUSED);
    end(device, REPORT_REJECTED, "window_missed");
    return 0;
}

static int64_t start_or_defer(struct device *device)
{
    const struct execution *work = device->work;
    const struct behaviour *behaviour = device->behaviour;
    if (behaviour->silence == SILENT_AFTER_RECEIVED) {
        finish(device);
        return 0;
    }
    if (execution_log_count(&device->log, work->instruction, REPORT_DEFERRED) < behaviour->defer_times) {
        end(device, REPORT_DEFERRED, "customer_present");
        return 0;
    }
    return begin_in_time(device);
}

static int64_t crash(struct device *device)
{
    device->has_crashed = true;
    session_cut(device, device->behaviour->crash_for_ms);
    return INT64_MAX;
}

static int64_t go_on(struct device *device)
{
    const struct behaviour *behaviour = device->behaviour;
    if (is_to_crash(device))
        return crash(device);
    if (device->installs_left > 0) {
        int64_t done = behaviour->install_reports - --device->installs_left;
        int progress = (int)(done * FULL_PERCENT / (behaviour->install_reports + 1));
        report_state(device, device->work, REPORT_INSTALLING, progress);
        return install_step_ms(device);
    }
    if (draws(device, DRAW_FAILURE, behaviour->failure_parts)) {
        end(device, REPORT_FAILED, behaviour->failure_code);
        return 0;
    }
    device->versions = device->versions_after;
    device->previous = device->previous_after;
    if (draws(device, DRAW_OUT_OF_SERVICE, behaviour->out_of_service_parts))
        end(device, REPORT_FAILED, "out_of_service");
    else
        end(device, REPORT_COMPLETED, "");
    return 0;
}

/* Does one step. Returns the time until the next one. */
static int64_t step(struct device *device)
{
    if (device->work->stage == EXECUTION_ARRIVED) {
        device->work->stage = EXECUTION_RECEIVED;
        report_state(device, device->work, REPORT_RECEIVED, NO_PROGRESS);
        return start_or_defer(device);
    }
    TC_CHECK(device->work->stage == EXECUTION_RUNNING);
    return go_on(device);
}

void work_step(struct device *device)
{
    while (device->work != NULL) {
        int64_t delay_ms = step(device);
        if (device->work == NULL || delay_ms == INT64_MAX)
            return;
        if (delay_ms > 0) {
            device_set_timer(device, TIMER_WORK, delay_ms);
            return;
        }
    }
}

void work_begin(struct device *device, struct execution *execution)
{
    struct counters *counters = &device->shard->counters;
    if (counters->first_start_ms == 0)
        counters->first_start_ms = device->shard->now_ms;
    device->work = execution;
    if (execution->stage == EXECUTION_ENDED && !execution->confirmed) {
        device->unconfirmed--;
        counters->values[COUNT_UNCONFIRMED]--;
    }
    execution->stage = EXECUTION_ARRIVED;
    execution->confirmed = false;
    int64_t delay_ms = draw_ms(device, DRAW_RECEIVE, &device->behaviour->receive);
    if (delay_ms > 0)
        device_set_timer(device, TIMER_WORK, delay_ms);
    else
        work_step(device);
}

void work_resume(struct device *device)
{
    device->has_crashed = false;
    end(device, REPORT_FAILED, "interrupted");
    if (device->unconfirmed > 1)
        report_resend_all(device);
}

void work_refuse(struct device *device, struct execution *execution, enum report_state state, const char *code)
{
    report_end(device, execution, state, code);
    device->has_finished = true;
}

#include "orchestrator/rollout/forecast_branch.h"

static int64_t headroom_of(const struct forecast_cohort *cohort)
{
    return cohort->headroom < cohort->devices ? cohort->headroom : cohort->devices;
}

static int64_t waves_without_node(const struct forecast_cohort *cohort)
{
    int64_t headroom = headroom_of(cohort);
    return headroom == 0 ? 0 : (cohort->devices + headroom - 1) / headroom;
}

int64_t forecast_waves(const struct forecast_cohort *cohort, int64_t attempts)
{
    return (waves_without_node(cohort) + (cohort->node ? 1 : 0)) * attempts;
}

/* The devices of a wave make all their attempts before the next ones begin. */
static int64_t wave_size(const struct forecast_branches *branches, int64_t place)
{
    const struct forecast_cohort *cohort = branches->cohort;
    int64_t wave = place / branches->attempts;
    if (wave >= waves_without_node(cohort))
        return 1; /* the node */
    int64_t left = cohort->devices - wave * headroom_of(cohort);
    return left < headroom_of(cohort) ? left : headroom_of(cohort);
}

int64_t forecast_cohort_devices(const struct forecast_cohort *cohort)
{
    return cohort->branches * (cohort->devices + (cohort->node ? 1 : 0));
}

static void make_available(struct forecast_branches *branches, int64_t wave, int64_t count)
{
    int64_t devices = count * wave_size(branches, wave);
    branches->ready_in_wave[wave] += devices;
    branches->available += devices;
}

size_t forecast_ready_places(const struct forecast_cohort *cohort, int64_t attempts)
{
    return forecast_waves(cohort, attempts) > 1 ? (size_t)cohort->branches : 0;
}

void forecast_branches_begin(struct forecast_branches *branches, const struct forecast_cohort *cohort, int64_t attempts)
{
    branches->cohort = cohort;
    branches->attempts = attempts;
    branches->waves = forecast_waves(cohort, attempts);
    branches->waiting = forecast_cohort_devices(cohort) * attempts;
    branches->capacity = forecast_ready_places(cohort, attempts);
    make_available(branches, 0, cohort->branches);
}

void forecast_branches_look(struct forecast_branches *branches, int64_t now_ms)
{
    while (branches->count > 0 && branches->ready[branches->first].at_ms <= now_ms) {
        const struct forecast_ready *ready = &branches->ready[branches->first];
        make_available(branches, ready->wave, ready->branches);
        branches->first = (branches->first + 1) % branches->capacity;
        branches->count--;
    }
}

static void await(struct forecast_branches *branches, int64_t wave, int64_t count, int64_t at_ms)
{
    size_t next = (branches->first + branches->count) % branches->capacity;
    branches->ready[next] = (struct forecast_ready){.at_ms = at_ms, .wave = wave, .branches = count};
    branches->count++;
}

static void start_in_wave(struct forecast_branches *branches, int64_t wave, int64_t devices, int64_t done_ms)
{
    int64_t size = wave_size(branches, wave);
    if (size == 0)
        return; /* never: such a wave has no devices */
    int64_t done_before = branches->started_in_wave[wave] / size;
    branches->started_in_wave[wave] += devices;
    branches->ready_in_wave[wave] -= devices;
    branches->available -= devices;
    branches->waiting -= devices;
    int64_t done = branches->started_in_wave[wave] / size - done_before;
    if (done > 0 && wave + 1 < branches->waves)
        await(branches, wave + 1, done, done_ms);
}

/* Branches that have begun continue before others begin, as in the order of a rollout. */
void forecast_branches_start(struct forecast_branches *branches, int64_t devices, int64_t done_ms)
{
    for (int64_t wave = branches->waves - 1; wave >= 0 && devices > 0; wave--) {
        int64_t ready = branches->ready_in_wave[wave];
        int64_t starting = ready < devices ? ready : devices;
        if (starting > 0)
            start_in_wave(branches, wave, starting, done_ms);
        devices -= starting;
    }
}

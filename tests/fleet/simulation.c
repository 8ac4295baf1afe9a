#include "tests/fleet/simulation.h"

#include "base/clock.h"
#include "tests/fleet/device.h"
#include "tests/fleet/session.h"
#include "tests/fleet/shard.h"
#include "tests/fleet/simulation_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct simulation {
    struct simulation_config config;
    struct shard *shards;
    pthread_t *threads;
    size_t opened, running; /* shards */
};

/* Assigns branches to shards. All devices of a branch are in one shard, which counts those in flight. */
struct placement {
    struct text_set branches; /* IDs to numbers */
    size_t shard_count;
    size_t next; /* shard of the next device without a branch */
};

static size_t branch_number(struct placement *placement, const char *branch)
{
    const struct text_set_entry *known = text_set_find(&placement->branches, branch);
    if (known != NULL)
        return known->number;
    text_set_add(&placement->branches, branch, (uint32_t)placement->branches.count);
    return placement->branches.count - 1;
}

static size_t place(struct placement *placement, const struct fleet_device *device, uint32_t *branch)
{
    *branch = NO_BRANCH;
    if (device->branch == NULL)
        return placement->next++ % placement->shard_count;
    size_t number = branch_number(placement, device->branch);
    *branch = (uint32_t)(number / placement->shard_count);
    return number % placement->shard_count;
}

static enum tc_error add_devices(struct simulation *simulation, const struct fleet *fleet, struct tc_fault *fault)
{
    struct placement placement = {.shard_count = simulation->config.threads};
    TC_CHECK(placement.shard_count > 0);
    enum tc_error error = TC_OK;
    for (size_t i = 0; error == TC_OK && i < fleet->device_count; i++) {
        uint32_t branch;
        size_t shard = place(&placement, &fleet->devices[i], &branch);
        error = shard_add(&simulation->shards[shard], &fleet->devices[i], branch, fault);
    }
    text_set_free(&placement.branches);
    return error;
}

/* Makes sessions while no descriptor is available; session_open has the reason. */
static enum tc_error add_devices_without_descriptors(struct simulation *simulation, const struct fleet *fleet,
                                                     struct tc_fault *fault)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return tc_fault_set(fault, TC_INTERNAL, "RLIMIT_NOFILE: %s", strerror(errno));
    struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &none) != 0)
        return tc_fault_set(fault, TC_INTERNAL, "RLIMIT_NOFILE: %s", strerror(errno));
    enum tc_error error = add_devices(simulation, fleet, fault);
    TC_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    return error;
}

static enum tc_error open_shards(struct simulation *simulation, const struct fleet *fleet, struct tc_fault *fault)
{
    const struct simulation_config *config = &simulation->config;
    enum tc_error error = TC_OK;
    for (size_t i = 0; error == TC_OK && i < config->threads; i++) {
        error = shard_open(&simulation->shards[i], config, fleet->device_count, fleet->device_count, i, fault);
        simulation->opened++;
    }
    if (error == TC_OK)
        error = add_devices_without_descriptors(simulation, fleet, fault);
    for (size_t i = 0; error == TC_OK && i < config->threads; i++) {
        if (pthread_create(&simulation->threads[i], NULL, shard_run, &simulation->shards[i]) != 0)
            error = tc_fault_set(fault, TC_NO_MEMORY, "thread %zu cannot be started", i + 1);
        else
            simulation->running++;
    }
    return error;
}

enum tc_error simulation_open(const struct simulation_config *config, const struct fleet *fleet,
                              struct simulation **simulation, struct tc_fault *fault)
{
    struct simulation *fresh = calloc(1, sizeof *fresh);
    TC_CHECK(fresh != NULL && config->threads > 0);
    fresh->config = *config;
    fresh->shards = calloc(config->threads, sizeof *fresh->shards);
    fresh->threads = calloc(config->threads, sizeof *fresh->threads);
    TC_CHECK(fresh->shards != NULL && fresh->threads != NULL);
    (void)mosquitto_lib_init();
    enum tc_error error = open_shards(fresh, fleet, fault);
    if (error != TC_OK) {
        simulation_stop(fresh, 0);
        simulation_free(fresh);
        fresh = NULL;
    }
    *simulation = fresh;
    return error;
}

void simulation_call_all(struct simulation *simulation, void (*call)(struct shard *shard, void *context), void *context)
{
    for (size_t i = 0; i < simulation->opened; i++) {
        if (simulation->running > 0)
            shard_call(&simulation->shards[i], call, context);
        else
            call(&simulation->shards[i], context);
    }
}

size_t simulation_shard_count(const struct simulation *simulation)
{
    return simulation->opened;
}

static void leave(struct shard *shard, void *context)
{
    (void)context;
    shard->is_leaving = true;
    for (size_t i = 0; i < shard->device_count; i++) {
        struct device *device = &shard->devices[i];
        if (device->link == LINK_READY)
            session_leave(device, INT32_MAX);
        else
            session_cut(device, INT32_MAX);
    }
}

static void count_links(struct shard *shard, void *context)
{
    size_t *links = context;
    *links += shard->admission.used;
}

void simulation_pause_ms(int64_t duration_ms)
{
    const struct timespec pause = {duration_ms / 1000, (duration_ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

void simulation_stop(struct simulation *simulation, int64_t wait_ms)
{
    enum { LOOK_EVERY_MS = 10 };
    int64_t deadline_ms = clock_monotonic_ms() + wait_ms;
    if (simulation->running == simulation->opened)
        simulation_call_all(simulation, leave, NULL);
    for (size_t links = 1; links > 0 && clock_monotonic_ms() < deadline_ms;) {
        links = 0;
        simulation_call_all(simulation, count_links, &links);
        if (links > 0)
            simulation_pause_ms(LOOK_EVERY_MS);
    }
    for (size_t i = 0; i < simulation->running; i++)
        shard_end(&simulation->shards[i]);
    for (size_t i = 0; i < simulation->running; i++)
        (void)pthread_join(simulation->threads[i], NULL);
    simulation->running = 0;
}

void simulation_free(struct simulation *simulation)
{
    if (simulation == NULL)
        return;
    for (size_t i = 0; i < simulation->opened; i++)
        shard_close(&simulation->shards[i]);
    free(simulation->shards);
    free(simulation->threads);
    free(simulation);
    (void)mosquitto_lib_cleanup();
}

static void count_devices(struct shard *shard, void *context)
{
    size_t *count = context;
    *count += shard->device_count;
}

size_t simulation_device_count(const struct simulation *simulation)
{
    size_t count = 0;
    for (size_t i = 0; i < simulation->opened; i++)
        count_devices(&simulation->shards[i], &count);
    return count;
}

static void add_counters(struct shard *shard, void *context)
{
    counters_add(context, &shard->counters);
}

void simulation_counters(struct simulation *simulation, struct counters *counters)
{
    *counters = (struct counters){0};
    simulation_call_all(simulation, add_counters, counters);
}

#include "tests/property/engine/parts.h"

#include "tests/property/engine/stepped_worker.h"

#include <stdio.h>

/* Large enough that no part ever waits for space: no other thread would make it. */
enum { QUEUE_ITEMS = 4096 };
enum { LEASE_MS = 30000, PULL_WAIT_MS = 6 * 3600 * 1000, SHARDS_AN_INSTANCE = 10 };

static int64_t virtual_ms;

void parts_set_clock(int64_t now_ms)
{
    virtual_ms = now_ms;
}

/* The linker uses these in place of the functions of base/clock.h, by these names. */
int64_t virtual_monotonic_ms(void) __asm__("__wrap_clock_monotonic_ms");
int64_t virtual_boot_ms(void) __asm__("__wrap_clock_boot_ms");
int64_t virtual_now_ms(void) __asm__("__wrap_clock_now_ms");

int64_t virtual_monotonic_ms(void)
{
    return virtual_ms;
}

int64_t virtual_boot_ms(void)
{
    return virtual_ms;
}

int64_t virtual_now_ms(void)
{
    return virtual_ms;
}

static const struct cache_config no_cache = {.prefix = "tc"};

static enum tc_error open_planner(struct parts *parts, const char *database, struct tc_fault *fault)
{
    const struct planner_config planner = {
        .database = database,
        .prepare = {.public_url = "https://tellercast.invalid", .calendars = parts->calendars},
        .instance = "property",
        .policy = "{}",
        .policy_in_force = &parts->policy_in_force,
        .default_per_minute = DEFAULT_PER_MINUTE,
        .submissions = parts->submissions,
        .wakes = parts->expander_wakes,
        .planned = parts->scheduler_wakes};
    enum tc_error error = planner_open(&planner, &parts->planner, fault);
    if (error == TC_OK) {
        parts->ordering = stepped_worker_last("planner");
        parts->expanding = stepped_worker_last("expander");
    }
    return error;
}

static enum tc_error open_instance(struct parts *parts, int number, const char *database, int64_t claim_batch,
                                   struct tc_fault *fault)
{
    struct instance *instance = &parts->instances[number];
    (void)snprintf(instance->name, sizeof instance->name, "instance-%d", number);
    const struct scheduler_config scheduler = {.database = database,
                                               .cache = &no_cache,
                                               .instance = instance->name,
                                               .shard = number * SHARDS_AN_INSTANCE + 1,
                                               .period_ms = 1000,
                                               .lease_ms = LEASE_MS,
                                               .claim_batch = claim_batch,
                                               .pull_wait_ms = PULL_WAIT_MS,
                                               .default_per_minute = DEFAULT_PER_MINUTE,
                                               .wakes = parts->scheduler_wakes,
                                               .pool = parts->pool};
    const struct conductor_config conductor = {.database = database,
                                               .cache = &no_cache,
                                               .instance = instance->name,
                                               .shard = number * SHARDS_AN_INSTANCE + 2,
                                               .period_ms = 1000,
                                               .progress_period_ms = 1000,
                                               .lease_ms = LEASE_MS,
                                               .clock = &parts->clock,
                                               .wakes = parts->conductor_wakes,
                                               .broker_is_new = &parts->broker_is_new,
                                               .state_requested_ms = &parts->state_requested_ms,
                                               .conducting_epoch = &parts->conducting_epoch,
                                               .pool = parts->pool,
                                               .planned = parts->scheduler_wakes,
                                               .submissions = parts->submissions};
    enum tc_error error = scheduler_open(&scheduler, &instance->scheduler, fault);
    if (error != TC_OK)
        return error;
    instance->scheduling = stepped_worker_last("scheduler");
    error = conductor_open(&conductor, &instance->conductor, fault);
    if (error == TC_OK)
        instance->conducting = stepped_worker_last("conductor");
    return error;
}

enum tc_error parts_open(struct parts *parts, const char *database, int64_t claim_batch, struct tc_fault *fault)
{
    *parts = (struct parts){
        .calendars = calendars_open("{}"),
        .submissions = batch_queue_open(sizeof(struct submission *), QUEUE_ITEMS),
        .expander_wakes = batch_queue_open(1, 1),
        .scheduler_wakes = batch_queue_open(1, 1),
        .conductor_wakes = batch_queue_open(1, 1),
        .pool = batch_queue_open(sizeof(struct pool_batch), QUEUE_ITEMS),
    };
    enum tc_error error = store_open(database, "property engine", &parts->store, fault);
    if (error == TC_OK)
        error = open_planner(parts, database, fault);
    for (int i = 0; i < INSTANCES && error == TC_OK; i++)
        error = open_instance(parts, i, database, claim_batch, fault);
    return error;
}

void parts_close(struct parts *parts)
{
    planner_close(parts->planner);
    for (int i = 0; i < INSTANCES; i++) {
        conductor_close(parts->instances[i].conductor);
        scheduler_close(parts->instances[i].scheduler);
    }
    store_close(parts->store);
    batch_queue_free(parts->pool);
    batch_queue_free(parts->conductor_wakes);
    batch_queue_free(parts->scheduler_wakes);
    batch_queue_free(parts->expander_wakes);
    batch_queue_free(parts->submissions);
    calendars_free(parts->calendars);
}

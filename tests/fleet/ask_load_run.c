/* Runs an ask load over the whole simulation and measures it. */
#include "base/clock.h"
#include "tests/fleet/ask_load.h"
#include "tests/fleet/device.h"
#include "tests/fleet/simulation_private.h"

#include <stdlib.h>

static void start_asks(struct shard *shard, void *context)
{
    struct ask_load *loads = context;
    TC_CHECK(shard->config->only_asks);
    ask_load_start(shard, &loads[shard->number]);
}

static void forget_warm_up(struct shard *shard, void *context)
{
    (void)context;
    shard->ask_load->latency = (struct latency){0};
    shard->ask_load->lost = 0;
}

static void stop_asks(struct shard *shard, void *context)
{
    (void)context;
    ask_load_stop(shard);
}

static json_t *ask_load_result(const struct ask_load *loads, size_t count, double seconds)
{
    struct latency latency = {0};
    int64_t lost = 0;
    for (size_t i = 0; i < count; i++) {
        latency_merge(&latency, &loads[i].latency);
        lost += loads[i].lost;
    }
    return json_pack("{s:I, s:I, s:f, s:f, s:I, s:I, s:I}", "answered", (json_int_t)latency.count, "lost",
                     (json_int_t)lost, "seconds", seconds, "per_second", (double)latency.count / seconds, "p50_us",
                     (json_int_t)latency_at(&latency, 0.5), "p99_us", (json_int_t)latency_at(&latency, 0.99), "max_us",
                     (json_int_t)latency.most_us);
}

json_t *simulation_ask_load(struct simulation *simulation, const struct ask_load_config *config)
{
    size_t count = simulation_shard_count(simulation);
    struct ask_load *loads = calloc(count, sizeof *loads);
    TC_CHECK(loads != NULL);
    for (size_t i = 0; i < count; i++)
        loads[i] = (struct ask_load){.outstanding_most = config->outstanding / count, .give_up_ms = config->give_up_ms};
    simulation_call_all(simulation, start_asks, loads);
    simulation_pause_ms(config->warm_up_ms);
    simulation_call_all(simulation, forget_warm_up, NULL);
    int64_t began_ms = clock_monotonic_ms();
    simulation_pause_ms(config->measure_ms);
    double seconds = (double)(clock_monotonic_ms() - began_ms) / 1000.0;
    simulation_call_all(simulation, stop_asks, NULL);
    json_t *result = ask_load_result(loads, count, seconds);
    free(loads);
    return result;
}

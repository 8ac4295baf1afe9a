/* A load of asks: keeps a number of asks unanswered at any time, by the shard's devices in turn. Called on the shard's
 * thread. */
#ifndef TELLERCAST_TESTS_FLEET_ASK_LOAD_H
#define TELLERCAST_TESTS_FLEET_ASK_LOAD_H

#include "tests/fleet/latency.h"

#include <stddef.h>
#include <stdint.h>

struct device;
struct shard;

struct ask_load {
    size_t outstanding_most, outstanding;
    int64_t give_up_ms;
    uint32_t next; /* index of the device that asks next */
    int64_t lost;
    struct latency latency;
};

/* Starts `load`, which must live until the load is stopped. */
void ask_load_start(struct shard *shard, struct ask_load *load);
void ask_load_stop(struct shard *shard);

/* Events of the devices during the load. */
void ask_load_answered(struct device *device);
void ask_load_gave_up(struct device *device);

#endif

/* A load of asks: so many wait for their answer at any time, round and round over the shard's devices. The
 * shard's thread. */
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
    uint32_t next; /* device */
    int64_t lost;
    struct latency latency;
};

/* Begins with `load`, which stays in use until the load is stopped. */
void ask_load_start(struct shard *shard, struct ask_load *load);
void ask_load_stop(struct shard *shard);

/* What happens to the devices meanwhile. */
void ask_load_answered(struct device *device);
void ask_load_gave_up(struct device *device);

#endif

/* A part of the fleet that one thread drives. */
#ifndef TELLERCAST_TESTS_FLEET_SHARD_H
#define TELLERCAST_TESTS_FLEET_SHARD_H

#include "base/fault.h"

#include <stddef.h>
#include <stdint.h>

struct shard;
struct simulation_config;

/* Prepares a zeroed shard for `device_count` devices in `branch_count` branches. `number` tells the shards
 * apart. Devices are filled in afterwards, each with shard_add. */
enum tc_error shard_open(struct shard *shard, const struct simulation_config *config, size_t device_count,
                         size_t branch_count, size_t number, struct tc_fault *fault);
struct fleet_device;
/* Adds a device and makes its session. `branch` is its index among the shard's branches, or NO_BRANCH. */
enum tc_error shard_add(struct shard *shard, const struct fleet_device *entry, uint32_t branch, struct tc_fault *fault);
void shard_close(struct shard *shard);

/* The thread's function: a pthread start routine, given the shard. */
void *shard_run(void *argument);

/* Called by another thread, one at a time: runs `call` between two rounds of the shard's loop, and waits for its
 * end. */
void shard_call(struct shard *shard, void (*call)(struct shard *shard, void *context), void *context);
/* Makes shard_run return. */
void shard_end(struct shard *shard);

/* Called on the shard's thread: soon gives a connection to a commanded device that had given its own up. */
void shard_summon(struct shard *shard, const char *id);

#endif

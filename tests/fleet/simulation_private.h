/* Shared by the files of the simulation. Private to tests/fleet. */
#ifndef TELLERCAST_TESTS_FLEET_SIMULATION_PRIVATE_H
#define TELLERCAST_TESTS_FLEET_SIMULATION_PRIVATE_H

#include "tests/fleet/simulation.h"

struct shard;

/* Runs `call` on each shard in turn; on the shard's own thread while that runs. */
void simulation_call_all(struct simulation *simulation, void (*call)(struct shard *shard, void *context),
                         void *context);
size_t simulation_shard_count(const struct simulation *simulation);
void simulation_pause_ms(int64_t duration_ms);

#endif

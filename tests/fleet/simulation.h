/* A simulated fleet: every device with its own MQTT connection and session, on a few threads. */
#ifndef TELLERCAST_TESTS_FLEET_SIMULATION_H
#define TELLERCAST_TESTS_FLEET_SIMULATION_H

#include "base/fault.h"
#include "config/fleet.h"
#include "tests/fleet/behaviour.h"
#include "tests/fleet/counters.h"
#include "topics/token.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All of it is owned by the caller and outlives the simulation. */
struct simulation_config {
    const char *broker_host; /* or, with port 0, the path of a Unix socket */
    int broker_port;
    const char *password; /* NULL: none */
    const char *root;
    const struct trusted_keys *keys; /* NULL: signatures are not verified */
    const struct behaviours *behaviours;
    bool any_audience;  /* takes instructions that are for another device: one canned token serves all */
    bool says_presence; /* retained, with a will */
    bool only_asks;     /* devices do nothing by themselves: for simulation_ask_load */
    int keep_alive_s;
    size_t connections; /* at once; the other devices wait until one has finished */
    size_t pending;     /* of them on their way; keep it below the broker's backlog */
    size_t connects_per_second;
    size_t threads;
};

struct simulation;

/* Makes a session for each device, and starts the threads, which connect them. `fleet` outlives it. */
enum tc_error simulation_open(const struct simulation_config *config, const struct fleet *fleet,
                              struct simulation **simulation, struct tc_fault *fault);
/* Disconnects all devices, waiting at most `wait_ms` for that, and ends the threads. */
void simulation_stop(struct simulation *simulation, int64_t wait_ms);
void simulation_free(struct simulation *simulation);

/* The rest can be asked at any time, by one thread. */
size_t simulation_device_count(const struct simulation *simulation);
void simulation_counters(struct simulation *simulation, struct counters *counters);
/* {"devices":…,"entries":…,"executed":…,"double":…,"digest":"…"}: what all devices executed. */
json_t *simulation_executions(struct simulation *simulation);
/* One device with its executions; NULL when there is none of that ID. */
json_t *simulation_device(struct simulation *simulation, const char *id);
/* The executions of each device that fits the pattern (fnmatch), by device, of rollouts from that one on. */
json_t *simulation_execution_list(struct simulation *simulation, const char *pattern, int64_t first_rollout);
/* Device → what is installed. */
json_t *simulation_versions(struct simulation *simulation);

/* Lets the devices that fit the pattern ask. Returns how many they are. */
size_t simulation_ask(struct simulation *simulation, const char *pattern);
/* Cuts their connections, with DISCONNECT or without; they stay away for `for_ms`. */
size_t simulation_disconnect(struct simulation *simulation, const char *pattern, bool is_clean, int64_t for_ms);

struct ask_load_config {
    size_t outstanding; /* asks that wait for their answer at any time */
    int64_t warm_up_ms, measure_ms;
    int64_t give_up_ms; /* after which an ask counts as lost, and another takes its place */
};

/* Lets the devices of a fleet with `only_asks` ask, round and round, whatever the answers say.
 * {"answered":…,"lost":…,"seconds":…,"per_second":…,"p50_us":…,"p99_us":…,"max_us":…} */
json_t *simulation_ask_load(struct simulation *simulation, const struct ask_load_config *config);

#endif

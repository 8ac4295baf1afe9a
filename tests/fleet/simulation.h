/* A simulated fleet on a few threads. Every device has an MQTT connection and session of its own. */
#ifndef TELLERCAST_TESTS_FLEET_SIMULATION_H
#define TELLERCAST_TESTS_FLEET_SIMULATION_H

#include "base/fault.h"
#include "config/fleet.h"
#include "tests/fleet/behaviour.h"
#include "tests/fleet/counters.h"
#include "tests/fleet/credentials.h"
#include "topics/token.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The caller owns all of it; it must outlive the simulation. */
struct simulation_config {
    const char *broker_host; /* or, with port 0, the path of a Unix socket */
    int broker_port;
    const char *password;                  /* NULL: none */
    const struct credentials *credentials; /* NULL: no TLS */
    const char *root;
    const struct trusted_keys *keys; /* NULL: signatures are not verified */
    const struct behaviours *behaviours;
    bool any_audience;  /* accepts instructions for other devices: one canned token serves all */
    bool says_presence; /* publishes a retained presence, with a will */
    bool only_asks;     /* devices act only for simulation_ask_load */
    int keep_alive_s;
    size_t connections; /* maximum at once; other devices wait until one has finished */
    size_t pending;     /* maximum that are being made; keep it below the broker's backlog */
    size_t connects_per_second;
    size_t threads;
};

struct simulation;

/* Makes a session for each device, and starts the threads, which connect them. `fleet` outlives it. */
enum tc_error simulation_open(const struct simulation_config *config, const struct fleet *fleet,
                              struct simulation **simulation, struct tc_fault *fault);
/* Disconnects all devices, waits at most `wait_ms` for that, and ends the threads. */
void simulation_stop(struct simulation *simulation, int64_t wait_ms);
void simulation_free(struct simulation *simulation);

/* The following functions can be called at any time, by one thread. */
size_t simulation_device_count(const struct simulation *simulation);
void simulation_counters(struct simulation *simulation, struct counters *counters);
/* {"devices":…,"entries":…,"executed":…,"double":…,"digest":"…"}: the executions of all devices. */
json_t *simulation_executions(struct simulation *simulation);
/* One device with its executions; NULL: there is no such device. */
json_t *simulation_device(struct simulation *simulation, const char *id);
/* The executions of each device that matches the pattern (fnmatch), by device, of rollouts from `first_rollout` on. */
json_t *simulation_execution_list(struct simulation *simulation, const char *pattern, int64_t first_rollout);
/* The installed versions by device. */
json_t *simulation_versions(struct simulation *simulation);

/* Lets the matching devices ask. Returns their number. */
size_t simulation_ask(struct simulation *simulation, const char *pattern);
/* Closes the connections of the matching devices, with DISCONNECT or without; they stay away for `for_ms`. */
size_t simulation_disconnect(struct simulation *simulation, const char *pattern, bool is_clean, int64_t for_ms);

struct ask_load_config {
    size_t outstanding; /* number of asks that wait for their answers at any time */
    int64_t warm_up_ms, measure_ms;
    int64_t give_up_ms; /* an ask without an answer counts as lost after this time, and is replaced by another one */
};

/* Lets the devices of a fleet with `only_asks` ask in turn and ignores the answers. Returns
 * {"answered":…,"lost":…,"seconds":…,"per_second":…,"p50_us":…,"p99_us":…,"max_us":…} */
json_t *simulation_ask_load(struct simulation *simulation, const struct ask_load_config *config);

#endif

/* A rollout's lifecycle in steps, on parts without threads. Each step can be repeated any number of times. */
#ifndef TELLERCAST_TESTS_FAILING_ROLLOUT_LIFECYCLE_H
#define TELLERCAST_TESTS_FAILING_ROLLOUT_LIFECYCLE_H

#include "tests/integration/server.h"

#include <stdbool.h>

/* The servers of a lifecycle. */
struct rollout_lifecycle_servers {
    struct server postgres, redis, mosquitto;
    char database[SERVER_PATH_SIZE];
};

/* Starts the servers and creates the first database. */
void rollout_lifecycle_start_servers(struct rollout_lifecycle_servers *servers);
/* Replaces the database by an empty one with the schema of this version. */
void rollout_lifecycle_renew_database(struct rollout_lifecycle_servers *servers, int number);
void rollout_lifecycle_remove_servers(struct rollout_lifecycle_servers *servers);

struct rollout_lifecycle;

/* Opens the parts, which connect to the database and the cache on first use. Waits for the broker. */
struct rollout_lifecycle *rollout_lifecycle_open(const struct rollout_lifecycle_servers *servers);
void rollout_lifecycle_close(struct rollout_lifecycle *lifecycle);

/* Begins a new rollout to the two devices, after the end of the previous one. The first step, the import, does nothing
 * when the fleet is in the database, unless `imports`. */
void rollout_lifecycle_begin_rollout(struct rollout_lifecycle *lifecycle, int number, bool imports);

struct rollout_lifecycle_step {
    const char *name;
    void (*turn)(struct rollout_lifecycle *lifecycle);
    bool (*is_done)(struct rollout_lifecycle *lifecycle); /* true when the effect of the step is complete */
    bool begins_anew;                                     /* needs a rollout that no other process has changed */
    bool stands_alone;                                    /* unfinished work of other processes does not affect it */
};

extern const struct rollout_lifecycle_step rollout_lifecycle_steps[];
extern const int rollout_lifecycle_step_count;

#endif

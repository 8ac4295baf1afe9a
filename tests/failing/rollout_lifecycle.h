/* A rollout's lifecycle, step by step, on parts that take their turns by hand. Each step can be taken again and again.
 */
#ifndef TELLERCAST_TESTS_FAILING_ROLLOUT_LIFECYCLE_H
#define TELLERCAST_TESTS_FAILING_ROLLOUT_LIFECYCLE_H

#include "tests/integration/server.h"

#include <stdbool.h>

/* The servers, and what was sent through the broker. */
struct rollout_lifecycle_servers {
    struct server postgres, redis, mosquitto;
    char database[SERVER_PATH_SIZE];
};

/* Starts them, with the first database. */
void rollout_lifecycle_start_servers(struct rollout_lifecycle_servers *servers);
/* An empty database with the schema of this version, in the place of the one before. */
void rollout_lifecycle_renew_database(struct rollout_lifecycle_servers *servers, int number);
void rollout_lifecycle_remove_servers(struct rollout_lifecycle_servers *servers);

struct rollout_lifecycle;

/* The parts; they connect to the database and the cache at their first need. Waits for the broker. */
struct rollout_lifecycle *rollout_lifecycle_open(const struct rollout_lifecycle_servers *servers);
void rollout_lifecycle_close(struct rollout_lifecycle *lifecycle);

/* A new rollout to the two devices; the one before it has ended. The first step, the import, does nothing when the
 * fleet is there, unless `imports`. */
void rollout_lifecycle_begin_rollout(struct rollout_lifecycle *lifecycle, int number, bool imports);

struct rollout_lifecycle_step {
    const char *name;
    void (*turn)(struct rollout_lifecycle *lifecycle);
    bool (*is_done)(struct rollout_lifecycle *lifecycle); /* nothing more to do, and what it did is there */
    bool begins_anew;                                     /* a rollout that others have not touched */
    bool stands_alone;                                    /* what others left half done is not in its way */
};

extern const struct rollout_lifecycle_step rollout_lifecycle_steps[];
extern const int rollout_lifecycle_step_count;

#endif

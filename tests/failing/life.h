/* A rollout's life, step by step, on parts that take their turns by hand. Each step can be taken again and again. */
#ifndef TELLERCAST_TESTS_FAILING_LIFE_H
#define TELLERCAST_TESTS_FAILING_LIFE_H

#include "tests/integration/server.h"

#include <stdbool.h>

/* The servers, and what was sent through the broker. */
struct life_servers {
    struct server postgres, redis, mosquitto;
    char database[SERVER_PATH_SIZE];
};

/* Starts them, with the first database. */
void life_start_servers(struct life_servers *servers);
/* An empty database with the schema of this version, in the place of the one before. */
void life_renew_database(struct life_servers *servers, int number);
void life_remove_servers(struct life_servers *servers);

struct life;

/* The parts; they connect to the database and the cache at their first need. Waits for the broker. */
struct life *life_open(const struct life_servers *servers);
void life_close(struct life *life);

/* A new rollout to the two devices; the one before it has ended. */
void life_begin_rollout(struct life *life, int number);

struct life_step {
    const char *name;
    void (*turn)(struct life *life);
    bool (*is_done)(struct life *life); /* nothing more to do, and what it did is there */
    bool begins_anew;                   /* a rollout that others have not touched */
    bool stands_alone;                  /* what others left half done is not in its way */
};

extern const struct life_step life_steps[];
extern const int life_step_count;

#endif

/* What the files of a life share. Private to them. */
#ifndef TELLERCAST_TESTS_FAILING_LIFE_PRIVATE_H
#define TELLERCAST_TESTS_FAILING_LIFE_PRIVATE_H

#include "orchestrator/conductor/conductor.h"
#include "orchestrator/dispatcher/desk.h"
#include "orchestrator/planner/order.h"
#include "orchestrator/planner/planner.h"
#include "orchestrator/scheduler/pool.h"
#include "orchestrator/scheduler/scheduler.h"
#include "orchestrator/updater/write.h"
#include "tests/failing/life.h"

#include <libpq-fe.h>

enum { BATCH = 100, POOLED_MAX = 100, DEVICES = 2 };

struct life {
    char database[SERVER_PATH_SIZE];
    char redis[SERVER_PATH_SIZE];
    PGconn *look; /* the test's own eyes */
    struct cache_config cache;
    struct broker *broker;
    atomic_bool is_connected, broker_is_new;
    _Atomic int64_t asked_ms;
    struct batch_queue *orders, *expander_wakes, *scheduler_wakes, *conductor_wakes, *pool, *updates;
    struct update_queues update_queues;
    struct calendars *calendars;
    struct signing_key *key;
    struct planner *planner;
    struct scheduler *scheduler;
    struct conductor *conductor;
    struct worker *ordering, *expanding, *scheduling, *conducting;
    struct dispatcher_config dispatcher;
    struct desk *desk;
    struct update_writer writer;
    struct report_batch reports;
    atomic_bool ending;
    struct store *inventory;

    int number; /* of the rollout; its name is r{number} */
    struct order order;
    int status; /* of its answer */
    bool is_imported;
    struct pool_batch pooled[POOLED_MAX];
    size_t pooled_count;
    bool delivers;
    int starts, instructions[DEVICES], confirms[DEVICES];
    int32_t sequence;
};

/* life.c */
void life_see_message(const char *topic, const char *payload, size_t length);
void life_free_pooled(struct life *life);
extern struct life *life_seen; /* whose messages those are */

#endif

/* Shared by the files of a lifecycle. Private to them. */
#ifndef TELLERCAST_TESTS_FAILING_ROLLOUT_LIFECYCLE_PRIVATE_H
#define TELLERCAST_TESTS_FAILING_ROLLOUT_LIFECYCLE_PRIVATE_H

#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"
#include "orchestrator/conductor/conductor.h"
#include "orchestrator/dispatcher/dispatcher_thread.h"
#include "orchestrator/planner/planner.h"
#include "orchestrator/queues/pool.h"
#include "orchestrator/queues/submission.h"
#include "orchestrator/scheduler/scheduler.h"
#include "orchestrator/updater/write.h"
#include "tests/failing/rollout_lifecycle.h"

#include <libpq-fe.h>

enum { BATCH = 100, POOLED_MAX = 100, DEVICES = 2 };

struct rollout_lifecycle {
    char database[SERVER_PATH_SIZE];
    char redis[SERVER_PATH_SIZE];
    PGconn *look; /* the test's own connection */
    struct cache_config cache;
    struct broker *broker;
    atomic_bool is_connected, broker_is_new;
    _Atomic int64_t state_requested_ms;
    _Atomic int64_t conducting_epoch;
    struct store_clock clock;
    struct batch_queue *submissions, *expander_wakes, *scheduler_wakes, *conductor_wakes, *pool, *updates;
    struct update_queues update_queues;
    struct calendars *calendars;
    struct key_ring *keys;
    const struct signing_key *key; /* in the ring */
    struct planner *planner;
    struct policy_in_force policy_in_force;
    struct scheduler *scheduler;
    struct conductor *conductor;
    struct worker *ordering, *expanding, *scheduling, *conducting;
    struct dispatcher_config dispatcher;
    struct dispatcher_thread *thread;
    struct update_writer writer;
    struct report_batch reports;
    atomic_bool ending;
    struct store *inventory;

    int number; /* of the rollout; its name is r{number} */
    struct submission submission;
    int status;     /* of its answer */
    int approvals;  /* that its plan requires */
    bool has_fleet; /* of an earlier rollout, and must not be imported again */
    bool is_imported;
    struct pool_batch pooled[POOLED_MAX];
    size_t pooled_count;
    bool delivers;
    int starts, instructions[DEVICES], confirms[DEVICES];
    int32_t sequence;
};

/* rollout_lifecycle.c */
/* Reads a number about this rollout from the database; $1 is the name of the rollout. Nothing of it fails. */
int64_t rollout_lifecycle_look(struct rollout_lifecycle *lifecycle, const char *statement);
void rollout_lifecycle_see_message(const char *topic, const char *payload, size_t length);
void rollout_lifecycle_free_pooled(struct rollout_lifecycle *lifecycle);
extern struct rollout_lifecycle *rollout_lifecycle_seen; /* the lifecycle of those messages */

#endif

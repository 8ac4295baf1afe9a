/* The orchestrator's working parts on one database, run by commands: two instances that schedule and conduct, and one
 * that plans and writes reports. */
#ifndef TELLERCAST_TESTS_PROPERTY_ENGINE_PARTS_H
#define TELLERCAST_TESTS_PROPERTY_ENGINE_PARTS_H

#include "orchestrator/conductor/conductor.h"
#include "orchestrator/planner/planner.h"
#include "orchestrator/queues/pool.h"
#include "orchestrator/queues/submission.h"
#include "orchestrator/scheduler/scheduler.h"
#include "orchestrator/store/claim.h"
#include "orchestrator/store/report.h"

#define INSTANCES 2

/* The rate of a plan without one. */
#define DEFAULT_PER_MINUTE 600

struct instance {
    char name[16];
    struct scheduler *scheduler;
    struct conductor *conductor;
    struct worker *scheduling, *conducting;
};

struct parts {
    struct store *store; /* for reads that no part does */
    struct policy_in_force policy_in_force;
    struct calendars *calendars;
    struct planner *planner;
    struct worker *ordering, *expanding;
    struct instance instances[INSTANCES];
    struct batch_queue *submissions, *expander_wakes, *scheduler_wakes, *conductor_wakes, *pool;
    atomic_bool broker_is_new;
    _Atomic int64_t state_requested_ms; /* 0: never */
    _Atomic int64_t conducting_epoch;
    struct store_clock clock;
};

/* `claim_batch`: the maximum of one claim. */
enum tc_error parts_open(struct parts *parts, const char *database, int64_t claim_batch, struct tc_fault *fault);
void parts_close(struct parts *parts);

/* Sets the time of all timers. */
void parts_set_clock(int64_t now_ms);

#endif

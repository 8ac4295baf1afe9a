/* The planner: receives submissions from every endpoint, checks and persists them before they are answered, and expands
 * each accepted rollout into one instruction for each device, with its own planned time. */
#ifndef TELLERCAST_ORCHESTRATOR_PLANNER_PLANNER_H
#define TELLERCAST_ORCHESTRATOR_PLANNER_PLANNER_H

#include "base/fault.h"
#include "orchestrator/preparation/prepare.h"
#include "orchestrator/store/guard.h"
#include "orchestrator/store/policy_in_force.h"
#include "orchestrator/worker/batch_queue.h"

#include <stdint.h>

struct planner;

struct planner_config {
    const char *database;
    struct store_guard *guard; /* NULL: none */
    struct prepare_config prepare;
    const char *instance;                    /* of this orchestrator */
    const char *policy;                      /* JSON: config/policy.h */
    struct policy_in_force *policy_in_force; /* tells whether that one counts */
    int64_t default_per_minute;              /* rate of a plan without one; 0: all at once */
    struct batch_queue *submissions;         /* of struct submission * */
    struct batch_queue
        *wakes; /* private to the planner: woken when there is a rollout to expand; its items have no content */
    struct batch_queue *planned; /* the scheduler's: woken when a rollout was expanded */
};

enum tc_error planner_open(const struct planner_config *config, struct planner **planner, struct tc_fault *fault);
/* The policy of the site changed. Any thread. */
void planner_replace_policy(struct planner *planner, const char *policy);
/* Answers all queued submissions, then ends the planner. */
void planner_close(struct planner *planner);
/* For the watchdog: see worker_last_progress_ms. */
int64_t planner_last_progress_ms(const struct planner *planner);

#endif

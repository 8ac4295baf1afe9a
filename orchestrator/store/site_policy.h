/* The policy of the site: what it asks of every rollout, whatever the plan says. Each orchestrator keeps that of its
 * own settings in the database; the strictest of all counts. The statements that plan, approve and revise apply it. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_SITE_POLICY_H
#define TELLERCAST_ORCHESTRATOR_STORE_SITE_POLICY_H

#include "orchestrator/store/planning.h"

#include <stdint.h>

/* Writes or renews the policy (JSON, config/policy.h) of an orchestrator. Forgets those of others that were not renewed
 * for `forget_s` seconds. The store has an act, which is not recorded when nothing changes that any policy asks for;
 * else its digest is that of the policy, whose text is kept. */
enum tc_error site_policy_write(struct store *store, const char *orchestrator, const char *policy, int64_t forget_s,
                                struct tc_fault *fault);
/* Deletes it: the orchestrator ends. An act, if it asked for something. */
enum tc_error site_policy_leave(struct store *store, const char *orchestrator, struct tc_fault *fault);

/* Whether each policy lets the person submit plans that preempt. */
enum tc_error site_policy_may_preempt(struct store *store, const char *person, bool *may_preempt,
                                      struct tc_fault *fault);
/* The number of approvals that a plan for so many devices needs: its own, of the policies, and of the rollout that it
 * revises (0: none). */
enum tc_error site_policy_count_approvals(struct store *store, const struct plan *plan, int64_t devices,
                                          int64_t revises, int64_t *approvals, struct tc_fault *fault);
/* Within the caller's transaction. TC_DENIED: the plan preempts, and a policy does not let its author do so. The
 * rollback of a rollout preempts as that one did. */
enum tc_error site_policy_check_preempt(struct store *store, const struct new_rollout *new_rollout,
                                        struct refusal *refusal, struct tc_fault *fault);

/* What needs people. */
struct policy_alarms {
    int64_t policies;         /* different ones; more than 1: the orchestrators do not agree */
    int64_t pending, overdue; /* reviews */
    int64_t review, rollout;  /* overdue for the longest time; 0: none */
    char due_at[32];
};

enum tc_error site_policy_read_alarms(struct store *store, struct policy_alarms *alarms, struct tc_fault *fault);

#endif

/* Functions that the files of operate.h share. Private to them. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_OPERATE_PRIVATE_H
#define TELLERCAST_ORCHESTRATOR_STORE_OPERATE_PRIVATE_H

#include "config/operation.h"
#include "config/plan.h"
#include "orchestrator/rollout/rollout_state.h"
#include "orchestrator/store/operate.h"

/* The actor's reason, after a scope or a device. */
#define EVENT_REASON_SIZE (OPERATION_REASON_MAX + OPERATION_MATCH_MAX + 3)

/* The rollout of a request, locked by the transaction, and the events that the request depends on. */
struct rollout_snapshot {
    char name[TC_ID_SIZE];
    enum rollout_state state;
    int64_t version;
    char digest[PLAN_DIGEST_SIZE];
    int64_t approvals_required, resume_approvals_required; /* of the plan and of the policy */
    int64_t loosening_approvals_required;                  /* of these, and of the rollout that it takes back */
    char action[16];
    bool is_collect; /* it collects a file of one device, past freezes and budgets */
    bool end_has_passed;
    bool rollback_is_wanted;
    bool actor_is_author;
    /* Of a request that takes devices out, looked up before the lock: the actor sees the rollout, it has such a device,
     * and one whose instruction has not ended. */
    bool is_seen, has_member, has_open_member;
    char unknown_author[TC_ID_SIZE]; /* whose name is linked to no person; "": there is none */
    /* The operation that was requested at the same version, and the last event; "": none. */
    char recorded_kind[32], recorded_actor[TC_ID_SIZE], recorded_reason[EVENT_REASON_SIZE];
    char recorded_digest[PLAN_DIGEST_SIZE], recorded_group[TC_ID_SIZE];
    char last_kind[32], last_actor[TC_ID_SIZE], last_at[32];
    char reason[EVENT_REASON_SIZE]; /* for the event of the request: with what it is on */
    struct refusal *refusal;        /* filled in when the request is refused */
};

/* Locks the rollout until the transaction ends, and reads it. Copies the fields of the answer to `operated`; refusals
 * go to `operated->refusal`. TC_CONFLICT when it is a collect, which has no such operation. TC_DENIED when the actor
 * has the orchestrator's own name: the approval of the plan covers the orchestrator's own operations. */
enum tc_error operate_load_snapshot(struct store *store, const struct operation_request *operation_request,
                                    struct rollout_snapshot *snapshot, struct operated *operated,
                                    struct tc_fault *fault);

/* Refuses the request: sets the facts that all reasons share; the caller has set those of its own reason. Returns
 * `error`. */
enum tc_error operate_refuse(const struct operation_request *operation_request, const struct rollout_snapshot *snapshot,
                             enum tc_error error, enum refusal_reason reason, struct tc_fault *fault);

/* The resume of a rollout that an abort stopped. */
struct resume_snapshot {
    bool asks_for_approvals;       /* it was aborted since its last resume, and its plan requires approvals */
    char requested_by[TC_ID_SIZE]; /* who requested the resume that awaits approval, if paused; "": none does */
    bool requester_is_known;       /* its name is a person's */
    int64_t approvals;             /* of that resume */
    /* The actor's, on the newest resume: kind of the event; "": none. */
    char decision[32], decision_reason[OPERATION_REASON_MAX + 1];
};

enum tc_error operate_read_resume(struct store *store, const struct operation_request *operation_request,
                                  const struct rollout_snapshot *snapshot, struct resume_snapshot *resume,
                                  struct tc_fault *fault);

/* Keeps how many approvals the rollout needs now to start (`of_resume`: to run again after an abort), so that a policy
 * that falls lowers nothing that people have acted on. */
enum tc_error operate_keep_needed(struct store *store, const struct rollout_snapshot *snapshot, int64_t rollout,
                                  bool of_resume, struct tc_fault *fault);

/* Checks a request that makes a rollout run again. `*waits`: an abort stopped it, so the request awaits approvals.
 * TC_CONFLICT: another resume already does. */
enum tc_error operate_may_run_again(struct store *store, const struct operation_request *operation_request,
                                    const struct rollout_snapshot *snapshot, bool *waits, struct tc_fault *fault);

/* Records that the request, which has an event of its own, orders the resume, too. */
enum tc_error operate_order_resume(struct store *store, const struct operation_request *operation_request,
                                   const struct rollout_snapshot *snapshot, struct tc_fault *fault);

/* Approves or rejects a resume that awaits it; `*to` is the rollout's new state, or NULL for no change. The actor is
 * not an author of the plan. */
enum tc_error operate_decide_resume(struct store *store, const struct operation_request *operation_request,
                                    const struct rollout_snapshot *snapshot, const struct resume_snapshot *resume,
                                    const char **to, struct tc_fault *fault);

/* Whether the actor made the same decision, for the same reason, on the newest resume. */
bool operate_resume_was_decided(const struct operation_request *operation_request,
                                const struct resume_snapshot *resume);

/* TC_CONFLICT: the rollout installs a version that is blocked. Call it when the rollout is locked. */
enum tc_error operate_check_version(struct store *store, const struct operation_request *operation_request,
                                    const struct rollout_snapshot *snapshot, struct tc_fault *fault);

/* TC_CONFLICT: a rollback of the rollout is requested or under way; `or_was`: or has ended. */
enum tc_error operate_check_not_rolled_back(struct store *store, const struct operation_request *operation_request,
                                            const struct rollout_snapshot *snapshot, bool or_was,
                                            struct tc_fault *fault);

/* TC_CONFLICT: a newer rollout replaced it, over which it must not install. */
enum tc_error operate_check_not_superseded(struct store *store, const struct operation_request *operation_request,
                                           const struct rollout_snapshot *snapshot, struct tc_fault *fault);

/* Finds the rule for `event` in the rollout's state; NULL, and TC_CONFLICT in `fault`, when there is none. */
const struct rollout_rule *operate_find_rule(const struct operation_request *operation_request,
                                             const struct rollout_snapshot *snapshot, enum rollout_event event,
                                             struct tc_fault *fault);

/* Records the event of a request, at the version before the change. group_no 0: the rollout as a whole. */
enum tc_error operate_record_event(struct store *store, const struct operation_request *operation_request,
                                   const struct rollout_snapshot *snapshot, const char *kind, int64_t group_no,
                                   struct tc_fault *fault);

/* Approves or rejects, but does not change the rollout's state and version: `*to` is its new state, or NULL when it
 * stays or was changed already. */
enum tc_error operate_approval(struct store *store, const struct operation_request *operation_request,
                               const struct rollout_snapshot *snapshot, const char **to, bool *existing,
                               struct tc_fault *fault);

/* Lets the rollout start, or run again after an abort, without the approvals that it waits for, and opens the review of
 * that. Records its event. TC_CONFLICT: nothing waits for approvals, its end has passed, or its version is
 * blocked. */
enum tc_error operate_break_glass(struct store *store, const struct operation_request *operation_request,
                                  const struct rollout_snapshot *snapshot, struct tc_fault *fault);

/* Looks up what a request that takes devices out is about. Before operate_load_snapshot, in the same transaction: it
 * may take seconds, and claims wait for the lock. What changes in between changes no answer that matters: who is in a
 * rollout stays, and an exclusion of what has just ended does nothing. */
enum tc_error operate_look_up_members(struct store *store, const struct operation_request *operation_request,
                                      struct rollout_snapshot *snapshot, struct tc_fault *fault);

/* Takes the devices of the request out of the rollout, by an amendment. TC_DENIED: they are not within the actor's
 * scope. TC_CONFLICT: they are out already, are not in it, or have all ended, or there are EXCLUSIONS_MAX, or
 * SKIPS_MAX. */
enum tc_error operate_exclude(struct store *store, const struct operation_request *operation_request,
                              const struct rollout_snapshot *snapshot, struct operated *operated,
                              struct tc_fault *fault);

/* Checks a rollout as it is now for a preview, as operate_load_snapshot and the rule for `event` do for the order. */
enum tc_error operate_check_steered(struct store *store, const struct operation_request *operation_request,
                                    enum rollout_event event, struct refusal *refusal, struct tc_fault *fault);

/* Pauses or resumes the request's group, by an amendment. TC_NOT_FOUND: no such group. TC_CONFLICT: it is so already.
 */
enum tc_error operate_pause_group(struct store *store, const struct operation_request *operation_request,
                                  const struct rollout_snapshot *snapshot, struct operated *operated,
                                  struct tc_fault *fault);

/* Promotes the request's group without its silent and deferring devices; `*group_no` is its number. TC_NOT_FOUND: no
 * such group. TC_CONFLICT: its state, its gate or its devices do not allow it. */
enum tc_error operate_promote(struct store *store, const struct operation_request *operation_request,
                              const struct rollout_snapshot *snapshot, int64_t *group_no, struct tc_fault *fault);

#endif

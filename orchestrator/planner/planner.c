#include "orchestrator/planner/planner.h"

#include "base/buffer.h"
#include "base/failure_point.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/planner/answer.h"
#include "orchestrator/planner/policy_keeper.h"
#include "orchestrator/store/act_scope.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/wording/finding_words.h"
#include "orchestrator/wording/refusal_words.h"
#include "orchestrator/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Operators submit few plans, so one thread answers all submissions, one after the other. */
enum { SUBMISSIONS_A_BATCH = 16, EXPAND_PERIOD_MS = 2000 };

struct planner {
    struct planner_config config;
    struct store *submitting, *expanding; /* one for each thread */
    struct worker *submissions, *expander;
    struct policy_keeper *policy;
};

/* The outcome of an accepted submission. */
struct outcome {
    bool revised;
    struct operated operated;   /* of a revision */
    struct submitted submitted; /* of any other submission */
    struct refusal refusal;     /* of a plan that goes beyond the scope of its author */
};

static enum tc_error persist(struct planner *planner, struct submission *submission,
                             const struct new_rollout *new_rollout, struct outcome *outcome, struct tc_fault *fault)
{
    const struct operation_request revision = {.operation = OPERATION_REVISE,
                                               .rollout = submission->revision.rollout,
                                               .actor = submission->author,
                                               .reason = submission->revision.reason,
                                               .version = submission->revision.version,
                                               .scope = &submission->scope};
    acts_set(planner->submitting, &submission->act);
    enum tc_error error = outcome->revised
                              ? operate_revise(planner->submitting, &revision, new_rollout, &outcome->operated, fault)
                              : planning_submit(planner->submitting, new_rollout, &outcome->submitted, fault);
    acts_set(planner->submitting, NULL);
    if (!outcome->revised)
        failure_point("submission.committed");
    return error;
}

/* The answer to a repeated submission tells of the rollout. */
static enum tc_error check_existing(struct planner *planner, const struct submission *submission,
                                    struct outcome *outcome, struct tc_fault *fault)
{
    if (outcome->revised || !outcome->submitted.existing)
        return TC_OK;
    return act_scope_check_rollout(planner->submitting, &submission->scope, outcome->submitted.rollout,
                                   &outcome->refusal, fault);
}

/* Rejects a new rollout whose planning is certain to fail, so that the answer already says so. If this is not
 * committed, the expander finds the same fault and rejects it. */
static enum tc_error reject(struct planner *planner, const struct prepared *prepared, struct submitted *submitted,
                            struct tc_fault *fault)
{
    if (prepared->obstacles.total == 0 || submitted->existing)
        return TC_OK;
    const struct planned planned = {.rollout = submitted->rollout, .version = 1};
    const char *reason = prepared->obstacles.items[0].detail;
    enum tc_error error = planning_reject(planner->submitting, &planned, reason, fault);
    if (error != TC_OK)
        return error;
    LOG_WARNING("rollout.rejected", F_INT("rollout", submitted->rollout), F_STR("reason", reason));
    (void)snprintf(submitted->state, sizeof submitted->state, "rejected");
    (void)snprintf(submitted->detail, sizeof submitted->detail, "%s", reason);
    return TC_OK;
}

/* Checks the plan and persists it. TC_INVALID with at least one fault in `faults` when the plan itself is wrong. */
static enum tc_error accept_plan(struct planner *planner, struct submission *submission, const struct plan *plan,
                                 struct outcome *outcome, struct document_faults *faults, struct tc_fault *fault)
{
    outcome->revised = submission->revision.rollout != 0;
    const char *key = submission->idempotency_key[0] == '\0' ? NULL : submission->idempotency_key;
    struct new_rollout new_rollout = {.plan = plan,
                                      .author = submission->author,
                                      .endpoint = endpoint_name(submission->endpoint),
                                      .idempotency_key = key,
                                      .author_scope = access_scope_patterns(&submission->scope),
                                      .is_rollback = submission->endpoint == ENDPOINT_ROLLBACK,
                                      .is_collect = submission->endpoint == ENDPOINT_COLLECT};
    enum tc_error error = TC_OK;
    if (!outcome->revised)
        error = planning_find(planner->submitting, &new_rollout, &outcome->submitted, fault);
    if (error != TC_OK || outcome->submitted.existing)
        return error == TC_OK ? check_existing(planner, submission, outcome, fault) : error;

    struct prepared prepared = {0};
    error =
        plan_prepare(&planner->config.prepare, planner->submitting, &submission->scope, plan, &prepared, faults, fault);
    outcome->refusal = prepared.refusal;
    if (error == TC_OK) {
        new_rollout.devices = prepared.devices;
        new_rollout.content = buffer_text(&prepared.content);
        new_rollout.calendars = prepared.calendars;
        if (outcome->revised)
            error = prepared_refuse_obstacles(&prepared, faults, fault);
        if (error == TC_OK)
            error = persist(planner, submission, &new_rollout, outcome, fault);
        if (error == TC_OK)
            error = check_existing(planner, submission, outcome, fault);
        if (error == TC_OK && !outcome->revised)
            error = reject(planner, &prepared, &outcome->submitted, fault);
    }
    prepared_free(&prepared);
    return error;
}

static void answer_refusal(struct submission *submission, const struct outcome *outcome, struct tc_fault *fault)
{
    const struct refusal *refusal = outcome->refusal.reason != REFUSAL_NONE ? &outcome->refusal
                                    : outcome->revised                      ? &outcome->operated.refusal
                                                                            : &outcome->submitted.refusal;
    enum actor_standing standing = submission->act.standing;
    refusal_put_words(refusal, fault);
    if (standing == ACTOR_TOKEN_IS_GONE || standing == ACTOR_ALIAS_IS_GONE) {
        metric_add(METRIC_LOGINS_REFUSED, 1);
        LOG_LIMITED(LOG_LEVEL_WARNING, submission->author, "login.refused",
                    F_STR("door", endpoint_name(submission->endpoint)), F_STR("name", submission->act.credential));
    } else if (fault->code == TC_DENIED) {
        metric_add(METRIC_ACCESS_REFUSED, 1);
        LOG_LIMITED(LOG_LEVEL_WARNING, submission->author, "access.refused",
                    F_STR("door", endpoint_name(submission->endpoint)), F_STR("person", submission->author),
                    F_STR("operation", access_operation_name(submission->scope.operation)),
                    F_STR("reason", fault->text));
    }
    answer_fault(submission, fault);
}

static void take_submission(struct planner *planner, struct submission *submission)
{
    struct plan *plan = NULL;
    struct document_faults faults = {0};
    struct tc_fault fault = {.code = TC_OK};
    struct outcome outcome = {0};

    enum tc_error error = plan_parse(submission->document, submission->length, &plan, &faults);
    if (error == TC_OK)
        error = store_guard_check(planner->config.guard, &fault);
    if (error == TC_OK)
        error = policy_in_force_check(planner->config.policy_in_force, &fault);
    if (error == TC_OK)
        error = accept_plan(planner, submission, plan, &outcome, &faults, &fault);
    if (error == TC_OK) {
        if (outcome.revised)
            answer_revised(submission, &outcome.operated);
        else
            answer_submitted(submission, &outcome.submitted);
        batch_queue_wake(planner->config.wakes);
    } else if (faults.total > 0) {
        answer_faults(submission, error, &faults);
    } else {
        answer_refusal(submission, &outcome, &fault);
    }
    document_faults_free(&faults);
    plan_free(plan);
}

/* Returns whether the policy counts; while it does not, nothing may be planned. */
static bool keep_policy(struct planner *planner, struct store *store)
{
    struct tc_fault fault;
    enum tc_error error = policy_keeper_write(planner->policy, store, &fault);
    if (error != TC_OK && error != TC_UNAVAILABLE)
        LOG_LIMITED(LOG_LEVEL_ERROR, "", "policy.not_kept", F_STR("reason", fault.text));
    return policy_in_force_check(planner->config.policy_in_force, &fault) == TC_OK;
}

/* Both threads write the policy: the expander may be busy for long when another one comes. */
static void take_submissions(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state;
    struct planner *planner = context;
    struct submission **submissions = items;
    metric_set(METRIC_QUEUE_ORDERS, (int64_t)batch_queue_length(planner->config.submissions));
    (void)keep_policy(planner, planner->submitting);
    for (size_t i = 0; i < count; i++)
        take_submission(planner, submissions[i]);
}

/* Rejects a rollout that can never be planned. Any other one is tried again in the next period; it does not delay the
 * rollouts after it. */
static void note_failure(struct planner *planner, const struct planned *planned, struct tc_fault *why)
{
    struct tc_fault fault = {.code = TC_OK};
    if (planned->finding.kind != PLAN_IS_SOUND) {
        struct buffer words = {0};
        plan_finding_put_words(&planned->finding, &words);
        (void)tc_fault_set(why, why->code, "%s", buffer_text(&words));
        buffer_free(&words);
    }
    refusal_put_words(&planned->refusal, why);
    if (planned->impossible && planning_reject(planner->expanding, planned, why->text, &fault) == TC_OK) {
        LOG_WARNING("rollout.rejected", F_INT("rollout", planned->rollout), F_STR("reason", why->text));
        return;
    }
    LOG_ERROR("rollout.planning_failed", F_INT("rollout", planned->rollout), F_STR("reason", why->text),
              F_STR("not_rejected", fault.code == TC_OK ? "" : fault.text));
}

static void look_at_alarms(struct planner *planner)
{
    struct tc_fault fault;
    enum tc_error error = policy_keeper_look_at_alarms(planner->policy, planner->expanding, &fault);
    if (error != TC_OK && error != TC_UNAVAILABLE)
        LOG_LIMITED(LOG_LEVEL_ERROR, "", "policy.alarms_not_read", F_STR("reason", fault.text));
}

/* Until they are counted, a list looks at the devices of a rollout instead. */
static void count_labels(struct planner *planner)
{
    struct tc_fault fault;
    bool has_more = true;
    while (has_more) {
        enum tc_error error = planning_count_labels(planner->expanding, &has_more, &fault);
        if (error != TC_OK && error != TC_UNAVAILABLE)
            LOG_LIMITED(LOG_LEVEL_ERROR, "", "rollout.labels_not_counted", F_STR("reason", fault.text));
        if (error != TC_OK)
            return;
        worker_mark_progress();
    }
}

/* Expands all accepted rollouts: those that were just submitted here, and those that an orchestrator left when it
 * died. */
static void expand_all(struct planner *planner)
{
    struct planned planned = {0};
    while (keep_policy(planner, planner->expanding)) { /* if not, the next period tries again */
        struct tc_fault fault;
        enum tc_error error = planning_expand_next(planner->expanding, planned.rollout,
                                                   planner->config.default_per_minute, &planned, &fault);
        if (error != TC_OK && error != TC_UNAVAILABLE)
            note_failure(planner, &planned, &fault);
        if (error == TC_UNAVAILABLE || planned.rollout == 0)
            return;
        if (error != TC_OK)
            continue;
        failure_point("planning.committed");
        metric_add(METRIC_INSTRUCTIONS_PLANNED, planned.instructions);
        LOG_INFO("rollout.planned", F_INT("rollout", planned.rollout), F_INT("instructions", planned.instructions));
        batch_queue_wake(planner->config.planned);
        worker_mark_progress();
    }
}

static void expand_accepted(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state, (void)items, (void)count;
    struct planner *planner = context;
    look_at_alarms(planner);
    expand_all(planner);
    count_labels(planner);
}

enum tc_error planner_open(const struct planner_config *config, struct planner **planner, struct tc_fault *fault)
{
    struct planner *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    opened->policy = policy_keeper_open(config->instance, config->policy, config->policy_in_force);
    const struct worker_config submissions = {.name = "planner",
                                              .queue = config->submissions,
                                              .threads = 1,
                                              .item_size = sizeof(struct submission *),
                                              .batch_limit = SUBMISSIONS_A_BATCH,
                                              .period_ms = -1,
                                              .handle = take_submissions,
                                              .context = opened};
    const struct worker_config expander = {.name = "expander",
                                           .queue = config->wakes,
                                           .threads = 1,
                                           .item_size = 1,
                                           .batch_limit = 1,
                                           .period_ms = EXPAND_PERIOD_MS,
                                           .handle = expand_accepted,
                                           .context = opened};
    enum tc_error error = store_open(config->database, "tellercastd planner", &opened->submitting, fault);
    if (error == TC_OK)
        error = store_open(config->database, "tellercastd expander", &opened->expanding, fault);
    if (error == TC_OK) {
        store_use_guard(opened->submitting, config->guard);
        store_use_guard(opened->expanding, config->guard);
        store_use_policy(opened->submitting, config->policy_in_force);
    }
    if (error == TC_OK)
        store_allow_long(opened->expanding);
    if (error == TC_OK)
        (void)keep_policy(opened, opened->expanding); /* if the database is accepted already */
    if (error == TC_OK)
        error = worker_start(&submissions, &opened->submissions, fault);
    if (error == TC_OK)
        error = worker_start(&expander, &opened->expander, fault);
    if (error != TC_OK) {
        planner_close(opened);
        return error;
    }
    *planner = opened;
    return TC_OK;
}

void planner_replace_policy(struct planner *planner, const char *policy)
{
    policy_keeper_replace(planner->policy, policy);
    batch_queue_wake(planner->config.submissions);
    batch_queue_wake(planner->config.wakes);
}

void planner_close(struct planner *planner)
{
    if (planner == NULL)
        return;
    worker_stop(planner->submissions);
    worker_stop(planner->expander);
    policy_keeper_leave(planner->policy, planner->expanding);
    policy_keeper_close(planner->policy);
    store_close(planner->submitting);
    store_close(planner->expanding);
    free(planner);
}

int64_t planner_last_progress_ms(const struct planner *planner)
{
    int64_t orders_ms = worker_last_progress_ms(planner->submissions);
    int64_t expander_ms = worker_last_progress_ms(planner->expander);
    return orders_ms < expander_ms ? orders_ms : expander_ms;
}

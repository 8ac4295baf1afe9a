#include "orchestrator/store/planning.h"

#include "orchestrator/store/connection.h"

#include <stdio.h>
#include <string.h>

enum tc_error planning_find(struct store *store, const struct submission *submission, struct submitted *submitted,
                            struct tc_fault *fault)
{
    *submitted = (struct submitted){.devices = submission->devices};
    (void)snprintf(submitted->name, sizeof submitted->name, "%s", submission->plan->name);
    (void)snprintf(submitted->digest, sizeof submitted->digest, "%s", submission->plan->digest);
    (void)snprintf(submitted->state, sizeof submitted->state, "accepted");

    const struct plan *plan = submission->plan;
    struct params *params = store_params(store);
    params_add_text(params, plan->name);
    params_add_text(params, submission->idempotency_key);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_FIND_ROLLOUT, &result, fault);
    if (error != TC_OK || PQntuples(result) == 0)
        return error;
    for (int i = 0; i < PQntuples(result); i++) {
        if (strcmp(result_text(result, i, 1), plan->name) == 0 && strcmp(result_text(result, i, 2), plan->digest) == 0)
            continue;
        bool by_name = strcmp(result_text(result, i, 1), plan->name) == 0;
        return tc_fault_set(fault, TC_CONFLICT, "%s is taken by rollout %s with another plan",
                            by_name ? "this name" : "this idempotency key", result_text(result, i, 0));
    }
    submitted->existing = true;
    submitted->rollout = result_int(result, 0, 0);
    submitted->devices = result_int(result, 0, 4);
    result_copy(result, 0, 3, submitted->state, sizeof submitted->state);
    return TC_OK;
}

/* The parameters that a new rollout and a revised one share. */
static void add_plan(struct params *params, const struct submission *submission)
{
    params_add_text(params, submission->plan->name);
    params_add_text(params, submission->plan->digest);
    params_add_text(params, submission->plan->canonical);
    params_add_text(params, submission->shared_claims);
    params_add_text(params, submission->calendars);
    params_add_int(params, submission->devices);
}

static enum tc_error insert(struct store *store, const struct submission *submission, struct submitted *submitted,
                            struct tc_fault *fault)
{
    struct params *params = store_params(store);
    add_plan(params, submission);
    params_add_text(params, submission->author);
    params_add_text(params, submission->door);
    params_add_text(params, submission->idempotency_key);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_INSERT_ROLLOUT, &result, fault);
    if (error != TC_OK)
        return error;
    submitted->devices = submission->devices;
    /* Nothing was inserted: somebody else was quicker with the same name or key, or its origin has a rollback. */
    submitted->rollout = PQntuples(result) == 0 ? 0 : result_int(result, 0, 0);
    return TC_OK;
}

enum tc_error planning_submit(struct store *store, const struct submission *submission, struct submitted *submitted,
                              struct tc_fault *fault)
{
    enum tc_error error = insert(store, submission, submitted, fault);
    if (error != TC_OK || submitted->rollout != 0)
        return error;
    error = planning_find(store, submission, submitted, fault);
    if (error == TC_OK && !submitted->existing)
        error = tc_fault_set(fault, TC_CONFLICT, "the rollout that this one takes back has a rollback already");
    return error;
}

enum tc_error planning_revise(struct store *store, int64_t rollout, const struct submission *submission,
                              struct tc_fault *fault)
{
    static const enum sql planned[] = {SQL_UNPLAN_INSTRUCTIONS, SQL_UNPLAN_COUNTERS, SQL_UNPLAN_WINDOWS,
                                       SQL_UNPLAN_ZONES, SQL_UNPLAN_GROUPS};
    enum tc_error error = TC_OK;
    for (size_t i = 0; i < sizeof planned / sizeof *planned && error == TC_OK; i++) {
        params_add_int(store_params(store), rollout);
        error = store_do(store, planned[i], fault);
    }
    if (error != TC_OK)
        return error;
    struct params *params = store_params(store);
    add_plan(params, submission);
    params_add_int(params, rollout);
    PGresult *result RESULT_AUTO = NULL;
    error = store_run(store, SQL_REVISE_ROLLOUT, &result, fault);
    if (error == TC_OK && PQntuples(result) == 0)
        error = tc_fault_set(fault, TC_CONFLICT, "rollout %lld is not \"%s\", or has been started", (long long)rollout,
                             submission->plan->name);
    return error;
}

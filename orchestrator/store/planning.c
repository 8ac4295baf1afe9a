#include "orchestrator/store/planning.h"

#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/site_policy.h"

#include <stdio.h>
#include <string.h>

enum tc_error planning_find(struct store *store, const struct new_rollout *new_rollout, struct submitted *submitted,
                            struct tc_fault *fault)
{
    *submitted = (struct submitted){.devices = new_rollout->devices};
    (void)snprintf(submitted->name, sizeof submitted->name, "%s", new_rollout->plan->name);
    (void)snprintf(submitted->digest, sizeof submitted->digest, "%s", new_rollout->plan->digest);
    (void)snprintf(submitted->state, sizeof submitted->state, "accepted");

    const struct plan *plan = new_rollout->plan;
    const struct sql_find_rollout_params params = {.name = plan->name, .idempotency_key = new_rollout->idempotency_key};
    struct sql_find_rollout_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_rollout(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    for (int i = 0; i < rows.count; i++) {
        const struct sql_find_rollout_row row = sql_find_rollout_at(&rows, i);
        bool by_name = strcmp(row.name, plan->name) == 0;
        if (by_name && strcmp(row.digest, plan->digest) == 0)
            continue;
        submitted->refusal.other = row.id;
        return refusal_set(&submitted->refusal, TC_CONFLICT, by_name ? REFUSAL_NAME_TAKEN : REFUSAL_KEY_TAKEN, fault);
    }
    const struct sql_find_rollout_row found = sql_find_rollout_at(&rows, 0);
    submitted->existing = true;
    submitted->rollout = found.id;
    submitted->devices = found.devices;
    copy_text(submitted->state, sizeof submitted->state, found.state);
    copy_text(submitted->detail, sizeof submitted->detail, found.detail);
    return TC_OK;
}

static struct sql_submitted_plan columns_of(const struct new_rollout *new_rollout)
{
    return (struct sql_submitted_plan){
        .name = new_rollout->plan->name,
        .digest = new_rollout->plan->digest,
        .plan = new_rollout->plan->canonical,
        .content = new_rollout->content,
        .calendars = new_rollout->calendars,
        .devices = new_rollout->devices,
        .author_scope = new_rollout->author_scope,
    };
}

static enum tc_error insert(struct store *store, const struct new_rollout *new_rollout, struct submitted *submitted,
                            struct tc_fault *fault)
{
    const struct sql_insert_rollout_params params = {
        .submitted_plan = columns_of(new_rollout),
        .author = new_rollout->author,
        .door = new_rollout->endpoint,
        .idempotency_key = new_rollout->idempotency_key,
    };
    struct sql_insert_rollout_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_insert_rollout(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    submitted->devices = new_rollout->devices;
    /* No row: another submission has the same name or key, or its origin has a rollback. */
    submitted->rollout = rows.count == 0 ? 0 : sql_insert_rollout_at(&rows, 0).id;
    return TC_OK;
}

enum tc_error planning_submit(struct store *store, const struct new_rollout *new_rollout, struct submitted *submitted,
                              struct tc_fault *fault)
{
    submitted->refusal.reason = REFUSAL_NONE;
    act_set_seen(acts_get(store), new_rollout->plan->digest, 0);
    act_set_details(acts_get(store), "name", new_rollout->plan->name);
    enum tc_error error = acts_begin(store, fault);
    if (error != TC_OK)
        return error;
    error = site_policy_check_preempt(store, new_rollout, &submitted->refusal, fault);
    if (error == TC_OK)
        error = insert(store, new_rollout, submitted, fault);
    if (error == TC_OK && submitted->rollout != 0 && !new_rollout->is_collect)
        act_set_rollout(acts_get(store), submitted->rollout);
    if (error != TC_OK || submitted->rollout != 0)
        return acts_end(store, error, fault);
    (void)store_rollback(store, TC_OK);
    error = planning_find(store, new_rollout, submitted, fault);
    if (error == TC_OK && !submitted->existing)
        error = refusal_set(&submitted->refusal, TC_CONFLICT, REFUSAL_HAS_ROLLBACK, fault);
    return error;
}

/* Deletes what planning made of a rollout; its groups last, because the other rows refer to them. */
static enum tc_error unplan(struct store *store, int64_t rollout, struct tc_fault *fault)
{
    const struct sql_unplan_instructions_params instructions = {.rollout = rollout};
    const struct sql_unplan_counters_params counters = {.rollout = rollout};
    const struct sql_unplan_windows_params windows = {.rollout = rollout};
    const struct sql_unplan_zones_params zones = {.rollout = rollout};
    const struct sql_unplan_groups_params groups = {.rollout = rollout};
    enum tc_error error = sql_unplan_instructions(store, &instructions, fault);
    if (error == TC_OK)
        error = sql_unplan_counters(store, &counters, fault);
    if (error == TC_OK)
        error = sql_unplan_windows(store, &windows, fault);
    if (error == TC_OK)
        error = sql_unplan_zones(store, &zones, fault);
    return error == TC_OK ? sql_unplan_groups(store, &groups, fault) : error;
}

enum tc_error planning_revise(struct store *store, int64_t rollout, const struct new_rollout *new_rollout,
                              struct tc_fault *fault)
{
    enum tc_error error = unplan(store, rollout, fault);
    if (error != TC_OK)
        return error;
    const struct sql_revise_rollout_params params = {.submitted_plan = columns_of(new_rollout), .rollout = rollout};
    struct sql_revise_rollout_rows rows ROWS_AUTO = {0};
    error = sql_revise_rollout(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        error = tc_fault_set(fault, TC_CONFLICT, "database: rollout %lld is not \"%s\", or has been started",
                             (long long)rollout, new_rollout->plan->name);
    return error;
}

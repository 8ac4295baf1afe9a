#include "orchestrator/store/planning.h"

#include "orchestrator/store/connection.h"
#include "orchestrator/store/scope.h"

#include <stdio.h>
#include <string.h>

/* Adds a fault for each of `names` that is not there, at its own place in the plan. */
static enum tc_error check_names(struct store *store, enum sql sql, const struct plan *plan, const json_t *names,
                                 const char *path, const char *what, struct document_faults *faults,
                                 struct tc_fault *fault)
{
    if (json_array_size(names) == 0)
        return TC_OK;
    params_add_texts(store_params(store), names);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, sql, &result, fault);
    if (error != TC_OK)
        return error;
    for (int i = 0; i < PQntuples(result); i++) {
        char place[128];
        (void)snprintf(place, sizeof place, "%s[%s]", path, result_text(result, i, 0));
        plan_fault_add(plan, faults, place, "found \"%s\", allowed: %s", result_text(result, i, 1), what);
    }
    return TC_OK;
}

static enum tc_error check_groups(struct store *store, const struct plan *plan, struct document_faults *faults,
                                  struct tc_fault *fault)
{
    const json_t *groups = json_object_get(json_object_get(plan->tree, "spec"), "groups");
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const json_t *group = json_array_get(groups, i);
        char path[64];
        (void)snprintf(path, sizeof path, "spec.groups[%zu].branches", i);
        enum tc_error error = check_names(store, SQL_UNKNOWN_BRANCHES, plan, json_object_get(group, "branches"), path,
                                          "a branch of the fleet", faults, fault);
        (void)snprintf(path, sizeof path, "spec.groups[%zu].devices", i);
        if (error == TC_OK)
            error = check_names(store, SQL_UNKNOWN_DEVICES, plan, json_object_get(group, "devices"), path,
                                "a device of the fleet", faults, fault);
        if (error != TC_OK)
            return error;
    }
    return TC_OK;
}

/* A key that holds the name of one rollout. */
static enum tc_error check_rollout(struct store *store, const struct plan *plan, const json_t *name, const char *path,
                                   struct document_faults *faults, struct tc_fault *fault)
{
    if (!json_is_string(name))
        return TC_OK;
    struct params *params = store_params(store);
    params_begin_text_array(params, 1);
    params_put_text(params, json_string_value(name));
    params_end_array(params);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_UNKNOWN_ROLLOUTS, &result, fault);
    if (error == TC_OK && PQntuples(result) > 0)
        plan_fault_add(plan, faults, path, "found \"%s\", allowed: a rollout that was submitted",
                       json_string_value(name));
    return error;
}

static enum tc_error check_rollouts(struct store *store, const struct plan *plan, struct document_faults *faults,
                                    struct tc_fault *fault)
{
    const json_t *metadata = json_object_get(plan->tree, "metadata"), *spec = json_object_get(plan->tree, "spec");
    enum tc_error error =
        check_rollout(store, plan, json_object_get(metadata, "rollbackOf"), "metadata.rollbackOf", faults, fault);
    if (error == TC_OK)
        error = check_rollout(store, plan, plan_at(plan->tree, "selector", "completedIn"), "spec.selector.completedIn",
                              faults, fault);
    if (error == TC_OK)
        error = check_names(store, SQL_UNKNOWN_ROLLOUTS, plan, json_object_get(spec, "supersedes"), "spec.supersedes",
                            "a rollout that was submitted", faults, fault);
    return error;
}

static enum tc_error check_zone(struct store *store, const struct plan *plan, struct document_faults *faults,
                                struct tc_fault *fault)
{
    const char *zone = json_string_value(plan_at(plan->tree, "schedule", "timeZone"));
    if (zone == NULL || strcmp(zone, "device") == 0)
        return TC_OK;
    params_add_text(store_params(store), zone);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_ZONE_EXISTS, &result, fault);
    if (error == TC_OK && result_int(result, 0, 0) == 0)
        plan_fault_add(plan, faults, "spec.schedule.timeZone",
                       "found \"%s\", allowed: device, or an IANA time zone, as \"Europe/Berlin\"", zone);
    return error;
}

/* By the database's clock, which is the one that the rollout will end by. */
static enum tc_error check_end(struct store *store, const struct plan *plan, struct document_faults *faults,
                               struct tc_fault *fault)
{
    const char *end = json_string_value(plan_at(plan->tree, "schedule", "endAt"));
    if (end == NULL)
        return TC_OK;
    params_add_text(store_params(store), end);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_END_HAS_PASSED, &result, fault);
    if (error == TC_OK && result_int(result, 0, 0) == 1)
        plan_fault_add(plan, faults, "spec.schedule.endAt", "found %s, allowed: a time to come", end);
    return error;
}

static enum tc_error count_scope(struct store *store, const struct plan *plan, int64_t *devices, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_scope(params, plan->tree);
    params_add_completed_in(params, plan->tree);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_COUNT_SCOPE, &result, fault);
    if (error == TC_OK)
        *devices = result_int(result, 0, 0);
    return error;
}

enum tc_error planning_check(struct store *store, const struct plan *plan, int64_t *devices,
                             struct document_faults *faults, struct tc_fault *fault)
{
    *devices = 0;
    enum tc_error error = check_names(store, SQL_UNKNOWN_BRANCHES, plan, plan_at(plan->tree, "selector", "branches"),
                                      "spec.selector.branches", "a branch of the fleet", faults, fault);
    if (error == TC_OK)
        error = check_names(store, SQL_UNKNOWN_DEVICES, plan, plan_at(plan->tree, "selector", "devices"),
                            "spec.selector.devices", "a device of the fleet", faults, fault);
    if (error == TC_OK)
        error = check_groups(store, plan, faults, fault);
    if (error == TC_OK)
        error = check_rollouts(store, plan, faults, fault);
    if (error == TC_OK)
        error = check_zone(store, plan, faults, fault);
    if (error == TC_OK)
        error = check_end(store, plan, faults, fault);
    if (error == TC_OK && faults->total == 0)
        error = count_scope(store, plan, devices, fault);
    if (error != TC_OK)
        return error;
    if (faults->total == 0 && *devices == 0)
        plan_fault_add(plan, faults, "spec.selector", "selects no device of the fleet");
    return faults->total == 0 ? TC_OK : tc_fault_set(fault, TC_INVALID, "the plan has %zu faults", faults->total);
}

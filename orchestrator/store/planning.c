#include "orchestrator/store/planning.h"

#include "orchestrator/store/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *plan_at(const json_t *plan, const char *part, const char *key)
{
    return json_object_get(json_object_get(json_object_get(plan, "spec"), part), key);
}

static void add_text_array(struct params *params, const json_t *texts)
{
    params_begin_text_array(params, json_array_size(texts));
    for (size_t i = 0; i < json_array_size(texts); i++)
        params_put_text(params, json_string_value(json_array_get(texts, i)));
    params_end_array(params);
}

static void add_json(struct params *params, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    TC_CHECK(text != NULL);
    params_add_text(params, text);
    free(text);
}

/* The six parameters of device_scope(). */
static void add_scope(struct params *params, const json_t *plan)
{
    const json_t *artifact = json_object_get(json_object_get(plan, "spec"), "artifact");
    const char *name = json_string_value(json_object_get(artifact, "name"));
    add_text_array(params, plan_at(plan, "selector", "branches"));
    add_text_array(params, plan_at(plan, "selector", "devices"));
    add_json(params, plan_at(plan, "selector", "matchLabels"));
    add_json(params, plan_at(plan, "selector", "matchExpressions"));
    params_add_text(params, name == NULL ? "" : name);
    add_text_array(params, json_object_get(artifact, "fromVersions"));
}

/* Adds a fault for each of `names` that is not in the fleet, at its own place in the plan. */
static enum tc_error check_names(struct store *store, enum sql sql, const struct plan *plan, const json_t *names,
                                 const char *path, const char *what, struct document_faults *faults,
                                 struct tc_fault *fault)
{
    if (json_array_size(names) == 0)
        return TC_OK;
    add_text_array(store_params(store), names);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, sql, &result, fault);
    if (error != TC_OK)
        return error;
    for (int i = 0; i < PQntuples(result); i++) {
        char place[128];
        (void)snprintf(place, sizeof place, "%s[%s]", path, result_text(result, i, 0));
        plan_fault_add(plan, faults, place, "found \"%s\", allowed: a %s of the fleet", result_text(result, i, 1),
                       what);
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
                                          "branch", faults, fault);
        (void)snprintf(path, sizeof path, "spec.groups[%zu].devices", i);
        if (error == TC_OK)
            error = check_names(store, SQL_UNKNOWN_DEVICES, plan, json_object_get(group, "devices"), path, "device",
                                faults, fault);
        if (error != TC_OK)
            return error;
    }
    return TC_OK;
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
    add_scope(store_params(store), plan->tree);
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
                                      "spec.selector.branches", "branch", faults, fault);
    if (error == TC_OK)
        error = check_names(store, SQL_UNKNOWN_DEVICES, plan, plan_at(plan->tree, "selector", "devices"),
                            "spec.selector.devices", "device", faults, fault);
    if (error == TC_OK)
        error = check_groups(store, plan, faults, fault);
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

static enum tc_error insert(struct store *store, const struct submission *submission, struct submitted *submitted,
                            struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_text(params, submission->plan->name);
    params_add_text(params, submission->plan->digest);
    params_add_text(params, submission->plan->canonical);
    params_add_text(params, submission->shared_claims);
    params_add_text(params, submission->author);
    params_add_text(params, submission->door);
    params_add_text(params, submission->idempotency_key);
    params_add_int(params, submission->devices);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_INSERT_ROLLOUT, &result, fault);
    if (error != TC_OK)
        return error;
    submitted->devices = submission->devices;
    /* Nothing was inserted: somebody else was quicker with the same name or key. */
    submitted->rollout = PQntuples(result) == 0 ? 0 : result_int(result, 0, 0);
    return TC_OK;
}

enum tc_error planning_submit(struct store *store, const struct submission *submission, struct submitted *submitted,
                              struct tc_fault *fault)
{
    enum tc_error error = insert(store, submission, submitted, fault);
    if (error == TC_OK && submitted->rollout == 0)
        error = planning_find(store, submission, submitted, fault);
    return error;
}

struct accepted {
    int64_t rollout;
    json_t *plan;
};

static enum tc_error lock_next(struct store *store, int64_t after, struct accepted *accepted, struct tc_fault *fault)
{
    params_add_int(store_params(store), after);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_LOCK_ACCEPTED_ROLLOUT, &result, fault);
    if (error != TC_OK || PQntuples(result) == 0)
        return error;
    accepted->rollout = result_int(result, 0, 0);
    accepted->plan = json_loads(result_text(result, 0, 1), 0, NULL);
    return accepted->plan == NULL ? tc_fault_set(fault, TC_INTERNAL, "the stored plan is not JSON") : TC_OK;
}

static enum tc_error run_for(struct store *store, enum sql sql, const struct accepted *accepted, struct tc_fault *fault)
{
    params_add_int(store_params(store), accepted->rollout);
    return store_do(store, sql, fault);
}

static enum tc_error make_zones(struct store *store, const struct accepted *accepted, int64_t *devices,
                                struct tc_fault *fault)
{
    add_scope(store_params(store), accepted->plan);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_SCOPE_ZONES, &result, fault);
    if (error != TC_OK)
        return error;
    *devices = result_int(result, 0, 0);
    struct params *params = store_params(store);
    params_add_int(params, accepted->rollout);
    params_add_text(params, result_text(result, 0, 1));
    return store_do(store, SQL_PLAN_ZONES, fault);
}

static enum tc_error make_instructions(struct store *store, const struct accepted *accepted, int64_t per_minute,
                                       int64_t devices, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, accepted->rollout);
    add_scope(params, accepted->plan);
    params_add_int(params, per_minute);
    params_add_int(params, devices);
    return store_do(store, SQL_PLAN_INSTRUCTIONS, fault);
}

static enum tc_error count_made(struct store *store, const struct accepted *accepted, int64_t *made,
                                struct tc_fault *fault)
{
    params_add_int(store_params(store), accepted->rollout);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_PLAN_SIZES, &result, fault);
    if (error == TC_OK)
        *made = result_int(result, 0, 0);
    return error;
}

static enum tc_error prepare_expanding(struct store *store, struct tc_fault *fault)
{
    (void)store_params(store);
    enum tc_error error = store_do(store, SQL_PLAN_MEMORY, fault);
    return error == TC_OK ? store_do(store, SQL_TAKE_PLANNING_TURN, fault) : error;
}

static enum tc_error expand(struct store *store, const struct accepted *accepted, int64_t per_minute, int64_t *made,
                            struct tc_fault *fault)
{
    int64_t devices = 0;
    enum tc_error error = prepare_expanding(store, fault);
    if (error == TC_OK)
        error = run_for(store, SQL_PLAN_GROUPS, accepted, fault);
    if (error == TC_OK)
        error = make_zones(store, accepted, &devices, fault);
    if (error == TC_OK)
        error = run_for(store, SQL_PLAN_WINDOWS, accepted, fault);
    if (error == TC_OK)
        error = make_instructions(store, accepted, per_minute, devices, fault);
    if (error == TC_OK)
        error = count_made(store, accepted, made, fault);
    if (error != TC_OK)
        return error;
    struct params *params = store_params(store);
    params_add_int(params, accepted->rollout);
    params_add_int(params, *made);
    return store_do(store, SQL_START_ROLLOUT, fault);
}

enum tc_error planning_expand_next(struct store *store, int64_t after, int64_t per_minute, struct planned *planned,
                                   struct tc_fault *fault)
{
    *planned = (struct planned){0};
    struct accepted accepted = {0};
    enum tc_error error = store_begin(store, fault);
    if (error == TC_OK)
        error = lock_next(store, after, &accepted, fault);
    planned->rollout = accepted.rollout;
    if (error == TC_OK && accepted.rollout != 0)
        error = expand(store, &accepted, per_minute, &planned->instructions, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    json_decref(accepted.plan);
    if (error == TC_OK)
        return TC_OK;
    if (accepted.rollout != 0)
        (void)tc_fault_context(fault, "rollout %lld", (long long)accepted.rollout);
    return store_rollback(store, error);
}

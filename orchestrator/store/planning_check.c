#include "orchestrator/store/planning.h"

#include "orchestrator/store/block.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/planning_zones.h"
#include "orchestrator/store/scope.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A plan that is being checked. */
struct check {
    struct store *store;
    const struct plan *plan;
    const struct plan_findings *findings;
    size_t faults; /* found in the plan itself */
};

static void take_finding(void *context, const struct plan_finding *finding)
{
    struct check *check = context;
    check->faults += PLAN_FINDING_IS_OF_FLEET(finding->kind) ? 0 : 1;
    check->findings->take(check->findings->context, finding);
}

static void find_name(struct check *check, enum plan_finding_kind kind, const char *path, const char *name)
{
    struct plan_finding finding = {.kind = kind};
    (void)snprintf(finding.path, sizeof finding.path, "%s", path);
    (void)snprintf(finding.name, sizeof finding.name, "%s", name);
    take_finding(check, &finding);
}

/* A statement that finds the names that do not exist. */
typedef enum tc_error find_unknown(struct store *store, struct sql_texts names, struct sql_unknown_name_rows *rows,
                                   struct tc_fault *fault);

static enum tc_error find_unknown_branches(struct store *store, struct sql_texts names,
                                           struct sql_unknown_name_rows *rows, struct tc_fault *fault)
{
    const struct sql_unknown_branches_params params = {.names = names};
    return sql_unknown_branches(store, &params, rows, fault);
}

static enum tc_error find_unknown_devices(struct store *store, struct sql_texts names,
                                          struct sql_unknown_name_rows *rows, struct tc_fault *fault)
{
    const struct sql_unknown_devices_params params = {.names = names};
    return sql_unknown_devices(store, &params, rows, fault);
}

static enum tc_error find_unknown_rollouts(struct store *store, struct sql_texts names,
                                           struct sql_unknown_name_rows *rows, struct tc_fault *fault)
{
    const struct sql_unknown_rollouts_params params = {.names = names};
    return sql_unknown_rollouts(store, &params, rows, fault);
}

/* Reports each of `names` that does not exist, with its path in the plan. */
static enum tc_error check_names(struct check *check, find_unknown *find, const json_t *names, const char *path,
                                 enum plan_finding_kind kind, struct tc_fault *fault)
{
    if (json_array_size(names) == 0)
        return TC_OK;
    struct sql_texts texts TEXTS_AUTO = texts_of(names);
    struct sql_unknown_name_rows rows ROWS_AUTO = {0};
    enum tc_error error = find(check->store, texts, &rows, fault);
    for (int i = 0; i < rows.count; i++) {
        char place[128];
        const struct sql_unknown_name row = sql_unknown_name_at(&rows, i);
        (void)snprintf(place, sizeof place, "%s[%" PRId64 "]", path, row.place);
        find_name(check, kind, place, row.name);
    }
    return error;
}

/* Checks the branches and devices that one part of the plan names. */
static enum tc_error check_members(struct check *check, const json_t *part, const char *part_path,
                                   struct tc_fault *fault)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s.branches", part_path);
    enum tc_error error =
        check_names(check, find_unknown_branches, json_object_get(part, "branches"), path, PLAN_BRANCH_UNKNOWN, fault);
    if (error != TC_OK)
        return error;
    (void)snprintf(path, sizeof path, "%s.devices", part_path);
    return check_names(check, find_unknown_devices, json_object_get(part, "devices"), path, PLAN_DEVICE_UNKNOWN, fault);
}

static enum tc_error check_groups(struct check *check, struct tc_fault *fault)
{
    const json_t *groups = json_object_get(json_object_get(check->plan->tree, "spec"), "groups");
    enum tc_error error = TC_OK;
    for (size_t i = 0; i < json_array_size(groups) && error == TC_OK; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "spec.groups[%zu]", i);
        error = check_members(check, json_array_get(groups, i), path, fault);
    }
    return error;
}

/* Checks a key with the name of one rollout. */
static enum tc_error check_rollout(struct check *check, const json_t *name, const char *path, struct tc_fault *fault)
{
    if (!json_is_string(name))
        return TC_OK;
    const char *names[] = {json_string_value(name)};
    struct sql_unknown_name_rows rows ROWS_AUTO = {0};
    enum tc_error error = find_unknown_rollouts(check->store, (struct sql_texts){names, 1}, &rows, fault);
    if (rows.count > 0)
        find_name(check, PLAN_ROLLOUT_UNKNOWN, path, json_string_value(name));
    return error;
}

static enum tc_error check_rollouts(struct check *check, struct tc_fault *fault)
{
    const json_t *tree = check->plan->tree;
    const json_t *metadata = json_object_get(tree, "metadata"), *spec = json_object_get(tree, "spec");
    enum tc_error error = check_rollout(check, json_object_get(metadata, "rollbackOf"), "metadata.rollbackOf", fault);
    if (error == TC_OK)
        error = check_rollout(check, plan_at(tree, "selector", "completedIn"), "spec.selector.completedIn", fault);
    if (error == TC_OK)
        error = check_names(check, find_unknown_rollouts, json_object_get(spec, "supersedes"), "spec.supersedes",
                            PLAN_ROLLOUT_UNKNOWN, fault);
    return error;
}

/* A rollback names the version to leave, which can be a blocked one. */
static enum tc_error check_version(struct check *check, struct tc_fault *fault)
{
    struct plan_finding finding = {.kind = PLAN_VERSION_BLOCKED, .path = "spec.artifact.version"};
    bool is_blocked = false;
    enum tc_error error = block_find_of_plan(check->store, check->plan->tree, &is_blocked, &finding.block, fault);
    if (error == TC_OK && is_blocked)
        take_finding(check, &finding);
    return error;
}

/* Uses the database's clock, which also ends the rollout. */
static enum tc_error check_end(struct check *check, struct tc_fault *fault)
{
    const char *end = json_string_value(plan_at(check->plan->tree, "schedule", "endAt"));
    if (end == NULL)
        return TC_OK;
    const struct sql_end_has_passed_params params = {.end_at = end};
    struct sql_end_has_passed_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_end_has_passed(check->store, &params, &rows, fault);
    if (error == TC_OK && sql_end_has_passed_at(&rows, 0).has_passed)
        find_name(check, PLAN_END_HAS_PASSED, "spec.schedule.endAt", end);
    return error;
}

static bool is_own_zone(const struct plan *plan)
{
    const char *zone = json_string_value(plan_at(plan->tree, "schedule", "timeZone"));
    return zone != NULL && strcmp(zone, "device") != 0;
}

static enum tc_error check_scope(struct check *check, int64_t *devices, struct tc_fault *fault)
{
    struct plan_scope scope;
    const struct plan_findings findings = {take_finding, check};
    enum tc_error error = plan_scope_read(check->store, check->plan->tree, &scope, fault);
    if (error != TC_OK)
        return error;
    *devices = scope.devices;
    error = plan_scope_check_zones(check->store, check->plan->tree, &scope, &findings, fault);
    free(scope.zones);
    return error;
}

enum tc_error planning_check(struct store *store, const struct plan *plan, int64_t *devices,
                             const struct plan_findings *findings, struct tc_fault *fault)
{
    *devices = 0;
    struct check check = {.store = store, .plan = plan, .findings = findings};
    const json_t *selector = json_object_get(json_object_get(plan->tree, "spec"), "selector");
    enum tc_error error = check_members(&check, selector, "spec.selector", fault);
    if (error == TC_OK)
        error = check_groups(&check, fault);
    if (error == TC_OK)
        error = check_rollouts(&check, fault);
    if (error == TC_OK)
        error = check_end(&check, fault);
    if (error == TC_OK)
        error = check_version(&check, fault);
    bool is_sound = check.faults == 0;
    if (error == TC_OK &&
        (is_sound || is_own_zone(plan))) /* an unknown zone of the plan is reported with its other faults */
        error = check_scope(&check, devices, fault);
    if (error != TC_OK)
        return error;
    if (is_sound && *devices == 0)
        find_name(&check, PLAN_SELECTS_NOTHING, "spec.selector", "");
    return check.faults == 0 ? TC_OK : tc_fault_set(fault, TC_INVALID, "database: %zu faults in a plan", check.faults);
}

/* The rules between the keys of a plan. */
#include "base/clock.h"
#include "config/plan_language.h"
#include "config/scalar.h"
#include "config/text_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 128 };

struct checking {
    const struct plan *plan;
    const json_t *spec;
    struct document_faults *faults;
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static bool has(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value != NULL && !json_is_null(value);
}

/* ---- artifact and parameters ---------------------------------------------------------------- */

/* Checks that all keys of the artifact's place are given, or none. A key with a fault of its own is missing in the
 * canonical form and does not count. */
static void check_artifact_place(const struct checking *checking, const json_t *artifact)
{
    static const char *const keys[] = {"url", "sha256", "size"};
    enum { KEYS = 3 };
    size_t given = 0, left_out = 0;
    for (size_t i = 0; i < KEYS; i++) {
        given += has(artifact, keys[i]) ? 1 : 0;
        left_out += json_is_null(json_object_get(artifact, keys[i])) ? 1 : 0;
    }
    for (size_t i = 0; i < KEYS && given > 0 && left_out > 0; i++) {
        if (!json_is_null(json_object_get(artifact, keys[i])))
            continue;
        char path[PATH_SIZE];
        (void)snprintf(path, sizeof path, "spec.artifact.%s", keys[i]);
        plan_fault_add(checking->plan, checking->faults, path,
                       "it is missing; allowed: url, sha256 and size together, or none of them for a stored artifact");
    }
}

/* Only an installed artifact has a previous version. */
static bool can_be_rolled_back(const struct checking *checking)
{
    const char *action = text_of(checking->spec, "action");
    return *action == '\0' || strcmp(action, "install") == 0;
}

static void check_action(const struct checking *checking)
{
    const char *action = text_of(checking->spec, "action");
    const json_t *artifact = json_object_get(checking->spec, "artifact");
    bool install = strcmp(action, "install") == 0;
    bool takes_artifact = install || strcmp(action, "rollback") == 0;
    if (install && json_is_null(artifact))
        plan_fault_add(checking->plan, checking->faults, "spec.artifact", "action install needs an artifact");
    if (*action != '\0' && !takes_artifact && has(checking->spec, "artifact"))
        plan_fault_add(checking->plan, checking->faults, "spec.artifact", "action %s takes no artifact; remove it",
                       action);
    if (strcmp(action, "configure") == 0 && json_is_null(json_object_get(checking->spec, "parameters")))
        plan_fault_add(checking->plan, checking->faults, "spec.parameters", "action configure needs parameters");
    check_artifact_place(checking, artifact);
}

/* ---- selector ------------------------------------------------------------------------------- */

static void check_expressions(const struct checking *checking)
{
    const json_t *selector = json_object_get(checking->spec, "selector");
    size_t i;
    const json_t *expression;
    json_array_foreach(json_object_get(selector, "matchExpressions"), i, expression)
    {
        const char *relation = text_of(expression, "operator");
        const json_t *values = json_object_get(expression, "values");
        bool lists = strcmp(relation, "In") == 0 || strcmp(relation, "NotIn") == 0;
        char path[PATH_SIZE];
        (void)snprintf(path, sizeof path, "spec.selector.matchExpressions[%zu].values", i);
        if (*relation != '\0' && values != NULL && lists && json_array_size(values) == 0)
            plan_fault_add(checking->plan, checking->faults, path, "operator %s needs at least one value", relation);
        if (*relation != '\0' && !lists && json_array_size(values) > 0)
            plan_fault_add(checking->plan, checking->faults, path, "operator %s takes no values; remove them",
                           relation);
    }
}

static void check_origin(const struct checking *checking)
{
    const json_t *selector = json_object_get(checking->spec, "selector");
    if (has(selector, "outOfService") && json_is_null(json_object_get(selector, "completedIn")))
        plan_fault_add(checking->plan, checking->faults, "spec.selector.outOfService",
                       "include needs completedIn: the rollout that took the devices out of service");
}

/* ---- schedule ------------------------------------------------------------------------------- */

static bool time_of(const char *text, int64_t *time_ms)
{
    return clock_parse(text, strlen(text), time_ms);
}

static void check_span(const struct checking *checking, const json_t *schedule)
{
    int64_t start_ms, end_ms;
    const char *start = text_of(schedule, "startAt"), *end = text_of(schedule, "endAt");
    if (time_of(start, &start_ms) && time_of(end, &end_ms) && start_ms >= end_ms)
        plan_fault_add(checking->plan, checking->faults, "spec.schedule.endAt",
                       "found %s, allowed: a time after startAt, which is %s", end, start);
    if (strcmp(text_of(schedule, "endBehavior"), "cancel") == 0 && json_is_null(json_object_get(schedule, "endAt")))
        plan_fault_add(checking->plan, checking->faults, "spec.schedule.endBehavior", "cancel needs endAt");
}

static void check_windows(const struct checking *checking, const json_t *schedule)
{
    const json_t *execution = json_object_get(checking->spec, "execution");
    int64_t install_s = json_integer_value(json_object_get(execution, "installTimeout"));
    size_t i;
    const json_t *window;
    json_array_foreach(json_object_get(schedule, "windows"), i, window)
    {
        const json_t *duration = json_object_get(window, "duration");
        if (duration == NULL || install_s == 0 || json_integer_value(duration) > install_s)
            continue;
        char path[PATH_SIZE], limit[SCALAR_TEXT_SIZE];
        (void)snprintf(path, sizeof path, "spec.schedule.windows[%zu].duration", i);
        scalar_write_duration(install_s * 1000, limit);
        plan_fault_add(checking->plan, checking->faults, path,
                       "no device could start in this window; allowed: longer than execution.installTimeout, %s",
                       limit);
    }
}

/* ---- groups --------------------------------------------------------------------------------- */

static void check_group_members(const struct checking *checking, const json_t *group, size_t i)
{
    static const char *const keys[] = {"devices", "branches", "percentage", "count"};
    const struct tree_node *source;
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "spec.groups[%zu]", i);
    source = tree_nearest(checking->plan->source->root, path);
    if (!json_is_object(group) || source->kind != TREE_MAP)
        return;
    size_t given = 0;
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        given += tree_member(source, keys[k]) != NULL ? 1 : 0;
    if (given != 1)
        plan_fault_add(checking->plan, checking->faults, path,
                       "found %zu of devices, branches, percentage and count, allowed: exactly one of them", given);
}

/* Groups are cumulative: a group with a lower value than an earlier one is a mistake. */
static void check_group_reach(const struct checking *checking, const json_t *groups, const char *key)
{
    double reached = 0;
    size_t i;
    const json_t *group;
    json_array_foreach(groups, i, group)
    {
        const json_t *value = json_object_get(group, key);
        if (value == NULL)
            continue;
        if (json_number_value(value) < reached) {
            char path[PATH_SIZE];
            (void)snprintf(path, sizeof path, "spec.groups[%zu].%s", i, key);
            plan_fault_add(checking->plan, checking->faults, path,
                           "found %.10g, allowed: groups are cumulative, so at least the %.10g reached before",
                           json_number_value(value), reached);
        } else {
            reached = json_number_value(value);
        }
    }
}

static void check_groups(const struct checking *checking)
{
    if (tree_nearest(checking->plan->source->root, "spec.groups")->kind != TREE_LIST)
        return; /* it is missing, or a fault was added for it */
    const json_t *groups = json_object_get(checking->spec, "groups");
    struct text_set names = {0};
    size_t i;
    const json_t *group;
    json_array_foreach(groups, i, group)
    {
        check_group_members(checking, group, i);
        const char *name = text_of(group, "name");
        char path[PATH_SIZE];
        (void)snprintf(path, sizeof path, "spec.groups[%zu].name", i);
        if (text_set_find(&names, name) != NULL)
            plan_fault_add(checking->plan, checking->faults, path, "there is a group \"%s\" already", name);
        else if (*name != '\0')
            text_set_add(&names, name, (uint32_t)i);
    }
    text_set_free(&names);
    check_group_reach(checking, groups, "percentage");
    check_group_reach(checking, groups, "count");
}

/* ---- priority ------------------------------------------------------------------------------- */

static void check_priority(const struct checking *checking)
{
    enum { USUAL_PRIORITY = 50 };
    const json_t *priority = json_object_get(checking->spec, "priority");
    if (json_is_true(json_object_get(checking->spec, "preempt")) && json_is_integer(priority) &&
        json_integer_value(priority) <= USUAL_PRIORITY)
        plan_fault_add(checking->plan, checking->faults, "spec.preempt",
                       "preempt needs a priority over %d, which is that of plans that name none", USUAL_PRIORITY);
}

/* ---- other rollouts ------------------------------------------------------------------------- */

static void fault_own_name(const struct checking *checking, const char *path, const char *name)
{
    if (*name != '\0' && strcmp(name, text_of(json_object_get(checking->plan->tree, "metadata"), "name")) == 0)
        plan_fault_add(checking->plan, checking->faults, path, "found \"%s\", allowed: another rollout", name);
}

static void check_others(const struct checking *checking)
{
    const char *rollback_of = text_of(json_object_get(checking->plan->tree, "metadata"), "rollbackOf");
    const char *action = text_of(checking->spec, "action");
    fault_own_name(checking, "metadata.rollbackOf", rollback_of);
    if (*rollback_of != '\0' && *action != '\0' && strcmp(action, "rollback") != 0)
        plan_fault_add(checking->plan, checking->faults, "metadata.rollbackOf", "rollbackOf needs action rollback");
    fault_own_name(checking, "spec.selector.completedIn",
                   text_of(json_object_get(checking->spec, "selector"), "completedIn"));
    size_t i;
    const json_t *name;
    json_array_foreach(json_object_get(checking->spec, "supersedes"), i, name)
    {
        char path[PATH_SIZE];
        (void)snprintf(path, sizeof path, "spec.supersedes[%zu]", i);
        fault_own_name(checking, path, json_is_string(name) ? json_string_value(name) : "");
    }
}

/* ---- abort and rollback --------------------------------------------------------------------- */

static void check_abort(const struct checking *checking, const json_t *criterion, size_t i)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "spec.abort[%zu]", i);
    const struct tree_node *source = tree_nearest(checking->plan->source->root, path);
    if (source->kind != TREE_MAP)
        return;
    bool by_percentage = tree_member(source, "percentage") != NULL;
    if (by_percentage == (tree_member(source, "count") != NULL))
        plan_fault_add(checking->plan, checking->faults, path, "allowed: exactly one of percentage and count");
    if (!by_percentage && tree_member(source, "minimum") != NULL) {
        (void)snprintf(path, sizeof path, "spec.abort[%zu].minimum", i);
        plan_fault_add(checking->plan, checking->faults, path, "a minimum goes with a percentage; remove it");
    }
    if (strcmp(text_of(criterion, "then"), "rollback") == 0 && !can_be_rolled_back(checking)) {
        (void)snprintf(path, sizeof path, "spec.abort[%zu].then", i);
        plan_fault_add(checking->plan, checking->faults, path, "action %s cannot be rolled back",
                       text_of(checking->spec, "action"));
    }
}

/* Returns whether some criterion ends the rollout: `rollback: {on: [abort]}` requires one. */
static bool ends_by_abort(const json_t *criteria)
{
    bool ends = false;
    size_t i;
    const json_t *criterion;
    json_array_foreach(criteria, i, criterion)
    {
        ends |= strcmp(text_of(criterion, "then"), "pause") != 0;
    }
    return ends;
}

static void check_aborts(const struct checking *checking)
{
    const json_t *criteria = json_object_get(checking->spec, "abort");
    size_t i;
    const json_t *criterion;
    json_array_foreach(criteria, i, criterion)
    {
        check_abort(checking, criterion, i);
    }

    const json_t *rollback = json_object_get(checking->spec, "rollback");
    if (json_is_object(rollback) && !can_be_rolled_back(checking))
        plan_fault_add(checking->plan, checking->faults, "spec.rollback", "action %s cannot be rolled back",
                       text_of(checking->spec, "action"));
    const json_t *cause;
    json_array_foreach(json_object_get(rollback, "on"), i, cause)
    {
        if (!json_is_string(cause) || strcmp(json_string_value(cause), "abort") != 0 || !json_is_array(criteria) ||
            ends_by_abort(criteria))
            continue;
        char path[PATH_SIZE];
        (void)snprintf(path, sizeof path, "spec.rollback.on[%zu]", i);
        plan_fault_add(checking->plan, checking->faults, path, "abort needs a criterion with then: cancel or rollback");
    }
}

void plan_check_rules(const struct plan *plan, struct document_faults *faults)
{
    struct checking checking = {.plan = plan, .spec = json_object_get(plan->tree, "spec"), .faults = faults};
    const json_t *schedule = json_object_get(checking.spec, "schedule");
    check_action(&checking);
    check_expressions(&checking);
    check_origin(&checking);
    check_span(&checking, schedule);
    check_windows(&checking, schedule);
    check_groups(&checking);
    const struct plan_rate_place rate = {.source = plan->source, .path = "spec.rate"};
    plan_check_rate(&rate, json_object_get(checking.spec, "rate"), faults);
    check_priority(&checking);
    check_others(&checking);
    check_aborts(&checking);
}

/* What must hold between the keys of a plan. */
#include "base/clock.h"
#include "config/plan_language.h"
#include "config/scalar.h"
#include "config/text_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 128, HOURS_OF_DAY = 24, HOURS_WEST = 12, HOURS_EAST = 14 };
static const int64_t ms_per_hour = 3600000;

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

/* Where the artifact is: all of its place is said, or none of it. Keys with a fault of their own are
 * missing in the canonical form, and are not counted here again. */
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

/* A date is in a zone not known here: its first and its last moment lie between these two. */
static bool bounds_of(const char *text, int64_t *earliest_ms, int64_t *latest_ms)
{
    int64_t time_ms;
    if (time_of(text, &time_ms)) {
        *earliest_ms = *latest_ms = time_ms;
        return true;
    }
    if (!scalar_read_date(text, &time_ms))
        return false;
    *earliest_ms = time_ms - HOURS_EAST * ms_per_hour;
    *latest_ms = time_ms + (HOURS_OF_DAY + HOURS_WEST) * ms_per_hour;
    return true;
}

static void check_blackouts(const struct checking *checking, const json_t *schedule)
{
    size_t i;
    const json_t *blackout;
    json_array_foreach(json_object_get(schedule, "blackouts"), i, blackout)
    {
        const char *from = text_of(blackout, "from"), *to = text_of(blackout, "to");
        int64_t from_earliest, from_latest, to_earliest, to_latest;
        if (!bounds_of(from, &from_earliest, &from_latest) || !bounds_of(to, &to_earliest, &to_latest))
            continue;
        bool both_dates = from_earliest != from_latest && to_earliest != to_latest;
        /* A blackout given by dates lasts through its last day, which may be its first. */
        if (both_dates ? strcmp(from, to) <= 0 : from_earliest < to_latest)
            continue;
        char path[PATH_SIZE];
        (void)snprintf(path, sizeof path, "spec.schedule.blackouts[%zu].to", i);
        plan_fault_add(checking->plan, checking->faults, path, "found %s, allowed: not before from, which is %s", to,
                       from);
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

/* Groups are cumulative: one that reaches less far than an earlier one is a mistake. */
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
        return; /* left out, or a fault already */
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

/* ---- abort ---------------------------------------------------------------------------------- */

static void check_aborts(const struct checking *checking)
{
    size_t i;
    const json_t *abort_criterion;
    json_array_foreach(json_object_get(checking->spec, "abort"), i, abort_criterion)
    {
        char path[PATH_SIZE];
        (void)snprintf(path, sizeof path, "spec.abort[%zu]", i);
        const struct tree_node *source = tree_nearest(checking->plan->source->root, path);
        if (source->kind != TREE_MAP)
            continue;
        if ((tree_member(source, "percentage") != NULL) == (tree_member(source, "count") != NULL))
            plan_fault_add(checking->plan, checking->faults, path, "allowed: exactly one of percentage and count");
    }
}

void plan_check_rules(const struct plan *plan, struct document_faults *faults)
{
    struct checking checking = {.plan = plan, .spec = json_object_get(plan->tree, "spec"), .faults = faults};
    const json_t *schedule = json_object_get(checking.spec, "schedule");
    check_action(&checking);
    check_expressions(&checking);
    check_span(&checking, schedule);
    check_windows(&checking, schedule);
    check_blackouts(&checking, schedule);
    check_groups(&checking);
    check_aborts(&checking);
}

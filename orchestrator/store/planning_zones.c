#include "orchestrator/store/planning_zones.h"

#include "orchestrator/store/connection.h"
#include "orchestrator/store/scope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum tc_error plan_scope_read(struct store *store, const json_t *plan, struct plan_scope *scope, struct tc_fault *fault)
{
    *scope = (struct plan_scope){0};
    struct sql_scope selector SCOPE_AUTO = scope_of(plan);
    const struct sql_scope_zones_params params = {.scope = selector};
    struct sql_scope_zones_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_scope_zones(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_scope_zones_row row = sql_scope_zones_at(&rows, 0);
    scope->devices = row.devices;
    scope->zones = strdup(row.zones);
    TC_CHECK(scope->zones != NULL);
    return TC_OK;
}

/* Checks the plan's own zone, which is for all devices. */
static enum tc_error check_named(struct store *store, const char *zone, const struct plan_findings *findings,
                                 struct tc_fault *fault)
{
    const struct sql_zone_exists_params params = {.zone = zone};
    struct sql_zone_exists_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_zone_exists(store, &params, &rows, fault);
    if (error != TC_OK || sql_zone_exists_at(&rows, 0).matches > 0)
        return error;
    struct plan_finding finding = {.kind = PLAN_ZONE_UNKNOWN, .path = "spec.schedule.timeZone"};
    (void)snprintf(finding.name, sizeof finding.name, "%s", zone);
    findings->take(findings->context, &finding);
    return TC_OK;
}

/* Reports a branch with the zone, or a device without a branch. */
static void take_example(const struct sql_zone_examples_row *row, const struct plan_findings *findings)
{
    bool of_branch = row->branch != NULL;
    struct plan_finding finding = {.kind = of_branch ? PLAN_BRANCH_ZONE_UNKNOWN : PLAN_DEVICE_ZONE_UNKNOWN,
                                   .path = "spec.selector",
                                   .devices = row->devices};
    copy_text(finding.zone, sizeof finding.zone, row->zone);
    copy_text(finding.name, sizeof finding.name, of_branch ? row->branch : row->device);
    findings->take(findings->context, &finding);
}

static enum tc_error find_examples(struct store *store, const json_t *plan,
                                   const struct sql_unknown_zones_rows *unknown, const struct plan_findings *findings,
                                   struct tc_fault *fault)
{
    const char **zones = calloc((size_t)unknown->count, sizeof *zones);
    TC_CHECK(zones != NULL);
    for (int i = 0; i < unknown->count; i++)
        zones[i] = sql_unknown_zones_at(unknown, i).zone;
    struct sql_scope selector SCOPE_AUTO = scope_of(plan);
    const struct sql_zone_examples_params params = {.scope = selector, .zones = {zones, (size_t)unknown->count}};
    struct sql_zone_examples_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_zone_examples(store, &params, &rows, fault);
    free(zones);
    for (int i = 0; i < rows.count; i++) {
        const struct sql_zone_examples_row row = sql_zone_examples_at(&rows, i);
        take_example(&row, findings);
    }
    return error;
}

enum tc_error plan_scope_check_zones(struct store *store, const json_t *plan, const struct plan_scope *scope,
                                     const struct plan_findings *findings, struct tc_fault *fault)
{
    const char *zone = json_string_value(plan_at(plan, "schedule", "timeZone"));
    if (zone != NULL && strcmp(zone, "device") != 0)
        return check_named(store, zone, findings, fault);
    const struct sql_unknown_zones_params params = {.zones = scope->zones};
    struct sql_unknown_zones_rows unknown ROWS_AUTO = {0};
    enum tc_error error = sql_unknown_zones(store, &params, &unknown, fault);
    if (error != TC_OK || unknown.count == 0)
        return error;
    return find_examples(store, plan, &unknown, findings, fault);
}

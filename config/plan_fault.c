/* Adds faults of a plan with their places in its source. */
#include "config/plan.h"
#include "config/tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plan_fault_add(const struct plan *plan, struct document_faults *faults, const char *path, const char *format, ...)
{
    if (faults->count == DOCUMENT_FAULTS_MAX) { /* it is only counted, so it needs no place */
        faults->total++;
        return;
    }
    char detail[sizeof faults->items->detail];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    const struct tree_node *node = tree_nearest(plan->source->root, path);
    document_fault_add(faults, node->line, node->column, path, "%s", detail);
}

void plan_fault_add_over(const struct plan *plan, struct document_faults *faults)
{
    const json_t *schedule = json_object_get(json_object_get(plan->tree, "spec"), "schedule");
    const char *end = json_string_value(json_object_get(schedule, "endAt"));
    plan_fault_add(plan, faults, "spec.schedule.endAt", "must be in the future; found %s", end);
}

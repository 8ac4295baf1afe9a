/* The devices that a plan selects, by zone, and whether the database server knows the zones. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_PLANNING_ZONES_H
#define TELLERCAST_ORCHESTRATOR_STORE_PLANNING_ZONES_H

#include "orchestrator/store/finding.h"
#include "orchestrator/store/store.h"

#include <jansson.h>

struct plan_scope {
    int64_t devices;
    char *zones; /* the devices' distinct zones, as PostgreSQL writes an array; the caller frees it */
};

/* `plan`: a canonical tree. */
enum tc_error plan_scope_read(struct store *store, const json_t *plan, struct plan_scope *scope,
                              struct tc_fault *fault);

/* Reports each zone that the plan uses and the server does not know, with a branch or device that has it. */
enum tc_error plan_scope_check_zones(struct store *store, const json_t *plan, const struct plan_scope *scope,
                                     const struct plan_findings *findings, struct tc_fault *fault);

#endif

/* Faults of a plan or a fleet that the database reveals: kinds and facts. orchestrator/wording writes the sentences for
 * users. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_FINDING_H
#define TELLERCAST_ORCHESTRATOR_STORE_FINDING_H

#include "base/id.h"
#include "config/operation.h"

#include <stddef.h>
#include <stdint.h>

enum plan_finding_kind {
    PLAN_IS_SOUND,
    PLAN_BRANCH_UNKNOWN,      /* `name` */
    PLAN_DEVICE_UNKNOWN,      /* `name` */
    PLAN_ROLLOUT_UNKNOWN,     /* `name` */
    PLAN_END_HAS_PASSED,      /* by the database's clock */
    PLAN_SELECTS_NOTHING,     /* no device of the fleet */
    PLAN_ZONE_UNKNOWN,        /* the plan's zone, `name`; the database server does not know it */
    PLAN_VERSION_BLOCKED,     /* `block` tells which version, and who blocked it */
    PLAN_BRANCH_ZONE_UNKNOWN, /* the zone `zone` of the branch `name` and of `devices` devices */
    PLAN_DEVICE_ZONE_UNKNOWN, /* the same, of the device `name` */
};

/* A version of an artifact that is known to be bad: who blocked it, when and why. */
struct version_block {
    char name[TC_ID_SIZE], version[TC_ID_SIZE];
    char by[TC_ID_SIZE], at[32], reason[OPERATION_REASON_MAX + 1];
};

struct plan_finding {
    enum plan_finding_kind kind;
    char path[128]; /* in the plan: "spec.groups[1].branches[0]" */
    char name[TC_ID_SIZE + 32];
    char zone[TC_ID_SIZE];
    int64_t devices;
    struct version_block block;
};

/* Whether the fault is in the fleet: the plan is valid, but cannot be planned. */
#define PLAN_FINDING_IS_OF_FLEET(kind) ((kind) == PLAN_BRANCH_ZONE_UNKNOWN || (kind) == PLAN_DEVICE_ZONE_UNKNOWN)

/* Takes a finding, which is valid during the call only. */
struct plan_findings {
    void (*take)(void *context, const struct plan_finding *finding);
    void *context;
};

enum fleet_finding_kind {
    FLEET_ZONE_UNKNOWN,   /* `name` */
    FLEET_BRANCH_TWICE,   /* `name`, first in line `first_line` */
    FLEET_DEVICE_TWICE,   /* the same */
    FLEET_ID_OF_BRANCH,   /* a device that is no node has its branch's ID */
    FLEET_BRANCH_UNKNOWN, /* `name` */
    FLEET_IN_FLIGHT,      /* the device `name` has an instruction in flight and would change its branch or role */
    FLEET_RETIRED,        /* the device `name` is retired */
    FLEET_FINDING_COUNT,
};

struct fleet_finding {
    enum fleet_finding_kind kind;
    unsigned line, first_line;
    char path[16]; /* the column or key: "zone" */
    char name[TC_ID_SIZE + 32];
};

/* The caller frees `items`. */
struct fleet_findings {
    struct fleet_finding *items;
    size_t count;
    size_t total; /* found; `items` has the first `count` */
};

enum fleet_warning_kind {
    FLEET_WARNS_OF_USER_NAMES, /* devices or branches with the name of a broker user */
    FLEET_WARNS_OF_DASHES,     /* whose ID begins with - */
    FLEET_WARNS_OF_LABELS,     /* with a label that is also a key of selectors */
    FLEET_WARNS_OF_NO_ZONE,    /* without branch and zone */
    FLEET_WARNING_COUNT,
};

/* Entries that an import refuses now, and earlier versions accepted. */
struct fleet_warning {
    int64_t count; /* 0: none */
    char example[TC_ID_SIZE];
};

#endif

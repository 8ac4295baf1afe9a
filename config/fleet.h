/* The fleet inventory: branches and devices, from YAML or CSV. */
#ifndef TELLERCAST_CONFIG_FLEET_H
#define TELLERCAST_CONFIG_FLEET_H

#include "base/fault.h"
#include "config/document.h"

#include <stddef.h>

struct fleet_branch {
    const char *id, *name, *zone; /* zone: IANA name, checked against the database's list by the store */
    const char *labels;           /* a flat JSON object of strings, "{}" when none */
    unsigned line;
};

struct fleet_device {
    const char *id;
    const char *branch;   /* NULL: a pull client that belongs to none */
    const char *role;     /* "node", "atm" or "pull" */
    const char *model;    /* "" when not said */
    const char *zone;     /* of a device without a branch; NULL: UTC */
    const char *labels;   /* as above */
    const char *versions; /* what is known to be installed: a flat JSON object; "{}" when none */
    unsigned line;
};

struct fleet {
    struct fleet_branch *branches; /* owned, with all their texts, by the fleet */
    size_t branch_count;
    struct fleet_device *devices;
    size_t device_count;
    struct fleet_memory *memory;
};

enum fleet_format { FLEET_YAML, FLEET_CSV };

/* Reads and checks a fleet: IDs, roles, duplicates; a node's ID is its branch's ID; an ATM or a node
 * has a branch, a pull client need not. A device may name a branch that is in the database and not
 * in this file: the store checks that. TC_INVALID with every fault by line. Streams its input: the
 * memory it takes is that of the result. */
enum tc_error fleet_parse(enum fleet_format format, const void *bytes, size_t length, struct fleet **fleet,
                          struct document_faults *faults);
void fleet_free(struct fleet *fleet);

#endif

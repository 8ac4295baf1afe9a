/* The fleet inventory: branches and devices, from YAML or CSV. */
#ifndef TELLERCAST_CONFIG_FLEET_H
#define TELLERCAST_CONFIG_FLEET_H

#include "base/fault.h"
#include "config/document.h"

#include <stdbool.h>
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
    const char *zone;     /* of a device without a branch; NULL: UTC (no rules asked for one) */
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

/* What an import asks of a fleet beyond its form. What was imported before it was asked stays as it is. */
struct fleet_rules {
    const char *default_zone; /* of a pull client that has neither branch nor zone; NULL: it must name its zone */
    const char
        *broker_user; /* of the orchestrators at the broker: no device may have it as its ID; NULL or "": not known */
};

/* Takes a fleet branch by branch and device by device, in the order of the file; the texts are gone afterwards. */
struct fleet_sink {
    void *context;
    /* Each returns false when nothing more is to be read. */
    bool (*take_branch)(void *context, const struct fleet_branch *branch);
    bool (*take_device)(void *context, const struct fleet_device *device);
    /* Called now and then between two rows, also when they have faults; may be NULL. */
    void (*pass)(void *context);
};

/* Reads and checks a fleet: IDs, roles, duplicates; a node's ID is its branch's ID; an ATM or a node has a branch, a
 * pull client need not. `rules` NULL: of a fleet that was imported before. TC_INVALID with every fault by line; the
 * sink has then got rows all the same. The memory it takes does not grow with the input; therefore a duplicate may stay
 * unnoticed behind the first million IDs: the store notices it. The store also checks that a branch which is not in
 * this file is in the database. */
enum tc_error fleet_read(enum fleet_format format, const void *bytes, size_t length, const struct fleet_rules *rules,
                         const struct fleet_sink *sink, struct document_faults *faults);

/* The same into memory, without rules. */
enum tc_error fleet_parse(enum fleet_format format, const void *bytes, size_t length, struct fleet **fleet,
                          struct document_faults *faults);
void fleet_free(struct fleet *fleet);

#endif

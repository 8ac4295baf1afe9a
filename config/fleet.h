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
    const char *branch;   /* NULL: a pull client without a branch */
    const char *role;     /* "node", "atm" or "pull" */
    const char *model;    /* "" when not given */
    const char *zone;     /* of a device without a branch; NULL: UTC (only if no rules require a zone) */
    const char *labels;   /* as above */
    const char *versions; /* installed versions, as far as known: a flat JSON object; "{}" for none */
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

/* Further rules of an import. Devices and branches that were imported under fewer rules stay as they are. */
struct fleet_rules {
    const char *default_zone; /* of a pull client without branch and zone; NULL: it must have a zone */
    const char *broker_user;  /* of the orchestrators: no device may have it as its ID; NULL or "": not known */
};

/* Receives the branches and devices of a fleet in the order of the file. The texts are valid only during the call. */
struct fleet_sink {
    void *context;
    /* Each returns false to end the reading. */
    bool (*take_branch)(void *context, const struct fleet_branch *branch);
    bool (*take_device)(void *context, const struct fleet_device *device);
    /* Called between rows from time to time, also between rows with faults; may be NULL. */
    void (*pass)(void *context);
};

/* Reads and checks a fleet: IDs, roles, duplicates. The ID of a node is that of its branch; ATMs and nodes have a
 * branch, pull clients need none. `rules` NULL: the fleet was imported before. TC_INVALID with all faults, by line; the
 * sink gets the valid rows all the same. The memory does not grow with the input, so a duplicate after the first
 * million IDs may be missed here; the store finds it. The store also checks that a branch that is missing in the file
 * is in the database. */
enum tc_error fleet_read(enum fleet_format format, const void *bytes, size_t length, const struct fleet_rules *rules,
                         const struct fleet_sink *sink, struct document_faults *faults);

/* As fleet_read, into memory and without rules. */
enum tc_error fleet_parse(enum fleet_format format, const void *bytes, size_t length, struct fleet **fleet,
                          struct document_faults *faults);
void fleet_free(struct fleet *fleet);

#endif

/* The fleet and the artifacts in the database. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_INVENTORY_H
#define TELLERCAST_ORCHESTRATOR_STORE_INVENTORY_H

#include "config/fleet.h"
#include "orchestrator/store/store.h"

struct fleet_imported {
    int64_t branches_added, branches_changed, branches_same;
    int64_t devices_added, devices_changed, devices_same;
};

/* Adds and updates the branches and devices named, by COPY, all or nothing; those not named stay as they
 * are. TC_INVALID with a fault by line for an unknown branch or zone, and for a change of branch or role of a
 * device with an instruction in flight. */
enum tc_error inventory_import(struct store *store, const struct fleet *fleet, struct fleet_imported *imported,
                               struct document_faults *faults, struct tc_fault *fault);

struct artifact {
    char name[65], version[65];
    char sha256[65];
    int64_t size_bytes;
};

/* Records a stored artifact. The same again is TC_OK; the same name and version with another digest is
 * TC_CONFLICT. */
enum tc_error artifact_add(struct store *store, const struct artifact *artifact, const char *author,
                           struct tc_fault *fault);
/* Fills in the digest and the size of the artifact with this name and version. TC_NOT_FOUND. */
enum tc_error artifact_find(struct store *store, struct artifact *artifact, struct tc_fault *fault);
/* The size of the artifacts with this digest. TC_NOT_FOUND. */
enum tc_error artifact_find_size(struct store *store, const char *sha256, int64_t *size_bytes, struct tc_fault *fault);

#endif

/* The fleet and the artifacts in the database. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_INVENTORY_H
#define TELLERCAST_ORCHESTRATOR_STORE_INVENTORY_H

#include "base/buffer.h"
#include "config/fleet_file.h"
#include "orchestrator/access/access.h"
#include "orchestrator/store/finding.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

struct fleet_imported {
    int64_t branches_added, branches_changed, branches_same;
    int64_t devices_added, devices_changed, devices_same;
    struct refusal refusal; /* why it was refused, if something that it changes is outside of the scope */
};

/* Adds and updates the branches and devices of a file, by COPY, all or nothing; does not change others. Its memory does
 * not grow with the file; `scratch` is an empty file of the caller, for branches that must wait. TC_INVALID with all
 * faults of the file itself, by line, in `faults`; or else with those that only the database knows in `findings`: an
 * unknown branch or zone, a change of branch or role of a device with an instruction in flight. TC_DENIED, and the
 * refusal: something that it changes is outside of the scope (NULL: everywhere), before or after. */
enum tc_error inventory_import(struct store *store, const struct fleet_file *file, int scratch,
                               const struct access_scope *scope, struct fleet_imported *imported,
                               struct document_faults *faults, struct fleet_findings *findings, struct tc_fault *fault);

struct artifact {
    char name[65], version[65];
    char sha256[65];
    int64_t size_bytes;
};

struct artifact_added {
    bool is_new;           /* the name and version are new */
    bool is_another;       /* this name and version exist with other bytes: TC_CONFLICT */
    struct buffer same_as; /* the other artifacts of the same bytes, as a JSON array; the caller frees it */
};

/* Records a stored artifact. TC_OK also when it is recorded already; TC_CONFLICT for the same name and version with
 * another digest. */
enum tc_error artifact_add(struct store *store, const struct artifact *artifact, const char *author,
                           struct artifact_added *added, struct tc_fault *fault);
/* Fills in the digest and the size of the artifact with this name and version. TC_NOT_FOUND. */
enum tc_error artifact_find(struct store *store, struct artifact *artifact, struct tc_fault *fault);
/* The size of the artifacts with this digest, and whether all of them are blocked. TC_NOT_FOUND. */
enum tc_error artifact_find_file(struct store *store, const char *sha256, int64_t *size_bytes, bool *is_blocked,
                                 struct tc_fault *fault);

#endif

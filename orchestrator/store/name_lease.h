/* The lease of an orchestrator's name: no two that run have the same. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_NAME_LEASE_H
#define TELLERCAST_ORCHESTRATOR_STORE_NAME_LEASE_H

#include "orchestrator/store/store.h"

#include <stdint.h>

#define NAME_HOLDER_SIZE 128

struct name_holder {
    char instance[NAME_HOLDER_SIZE];
    int64_t expires_ms; /* grows while it renews its lease; 0: it gave the lease up meanwhile */
};

/* Takes or renews the lease of `name` for `lease_ms`. A lease also ends with the database session that took it, so use
 * one store for all calls. TC_CONFLICT: another instance has it, and `holder` says which. */
enum tc_error name_lease_take(struct store *store, const char *name, const char *instance, int64_t lease_ms,
                              struct name_holder *holder, struct tc_fault *fault);
/* Ends it, so that another instance of this name need not wait. */
enum tc_error name_lease_release(struct store *store, const char *name, const char *instance, struct tc_fault *fault);

#endif

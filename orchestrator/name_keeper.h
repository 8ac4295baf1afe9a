/* Keeps the name of this orchestrator, the setting `instance`, which is also its client ID at the broker: two of one
 * name would end each other's connections for ever. */
#ifndef TELLERCAST_ORCHESTRATOR_NAME_KEEPER_H
#define TELLERCAST_ORCHESTRATOR_NAME_KEEPER_H

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

struct name_keeper;

struct name_keeper_config {
    const char *database;
    const char *name;     /* at most 64 bytes count */
    const char *instance; /* of this run */
    int64_t lease_ms;
    bool (*is_asked_to_stop)(void);
};

/* Takes the name, and renews it on a thread of its own. Waits for an orchestrator of this name that has ended without
 * giving it up, for the length of a lease. TC_CONFLICT: one that runs has the name. TC_TIMEOUT: asked to stop. */
enum tc_error name_keeper_open(const struct name_keeper_config *config, struct name_keeper **keeper,
                               struct tc_fault *fault);
/* Gives the name up. NULL: nothing. */
void name_keeper_close(struct name_keeper *keeper);

/* True when another orchestrator has taken the name over: this one was silent for too long, and must end. NULL: false.
 * Any thread. */
bool name_keeper_has_lost(const struct name_keeper *keeper);
/* NULL: now. */
int64_t name_keeper_last_progress_ms(const struct name_keeper *keeper);

#endif

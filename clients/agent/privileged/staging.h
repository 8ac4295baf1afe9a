/* A copy of the artifact that the agent cannot change. One thread at a time. */
#ifndef TELLERCAST_CLIENTS_AGENT_PRIVILEGED_STAGING_H
#define TELLERCAST_CLIENTS_AGENT_PRIVILEGED_STAGING_H

#include "base/fault.h"
#include "topics/token.h"

/* Makes an empty folder `path` that this user alone can enter; removes what an earlier run left there. TC_DENIED when
 * `path` is something else. `*folder` is open. */
enum tc_error staging_open(const char *path, int *folder, struct tc_fault *fault);

/* Copies `source` to the new file `name` in the folder, and checks what was copied: size and SHA-256 as in `artifact`.
 * The file is durable. TC_INVALID: `source` is not a regular file. TC_CONFLICT: size or digest differ. TC_NO_SPACE. */
enum tc_error staging_copy(int folder, const char *name, int source, const struct payload_artifact *artifact,
                           struct tc_fault *fault);
void staging_remove(int folder, const char *name);

#endif

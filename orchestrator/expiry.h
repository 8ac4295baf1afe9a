/* The end of the retention of the record of acts. */
#ifndef TELLERCAST_ORCHESTRATOR_EXPIRY_H
#define TELLERCAST_ORCHESTRATOR_EXPIRY_H

#include "config/daemon.h"

/* For `tellercastd audit expire`: exports the acts that are older than audit.retention to a new file in `folder`, signs
 * it by the private key in `key_file`, and then deletes them, in a transaction that records this as an act. Connects by
 * `database_migration`. Writes the name of the file to standard output; nothing, when no act is so old. On a fault no
 * act is deleted. */
enum tc_error expiry_run(const struct daemon_settings *settings, const char *folder, const char *key_file,
                         struct tc_fault *fault);

#endif

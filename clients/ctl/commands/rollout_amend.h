/* Ordering amendments, for the commands that do. One thread. */
#ifndef TELLERCAST_CTL_ROLLOUT_AMEND_H
#define TELLERCAST_CTL_ROLLOUT_AMEND_H

#include "clients/ctl/commands/session.h"

#include <stdbool.h>
#include <stdint.h>

/* Shows what the order would do, asks on a terminal, and orders it; a dry run only shows it. Takes `order`.
 * Returns the exit code: EXIT_PAUSED, with a message, when it waits for approvals. */
int rollout_amend_send(struct session *session, int64_t rollout, json_t *order, bool is_dry_run);

#endif

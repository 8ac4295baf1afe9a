/* Deciding amendments, for the commands that approve and reject. One thread. */
#ifndef TELLERCAST_CTL_AMENDMENT_DECIDE_H
#define TELLERCAST_CTL_AMENDMENT_DECIDE_H

#include "clients/ctl/commands/session.h"

#include <stdint.h>

/* Approves or rejects (`verb`) the amendment of --amendment, by its digest or that of --digest. Returns the exit code.
 */
int amendment_decide(struct session *session, int64_t rollout, const char *verb, const char *reason);
/* Withdraws the amendment of --withdraw, by its digest. Returns the exit code. */
int amendment_withdraw(struct session *session, int64_t rollout, const char *reason);

#endif

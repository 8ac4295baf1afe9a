/* Shows freezes in force, in red, with what they touch. One thread. */
#ifndef TELLERCAST_CTL_FREEZE_H
#define TELLERCAST_CTL_FREEZE_H

#include "clients/ctl/commands/session.h"

/* Writes a fact for each freeze of a rollout or of a device. */
void freezes_put(const struct session *session, const json_t *freezes, struct buffer *out);
/* Says on standard error which freezes are in force; nothing when the daemon is unreachable or too old. */
void freezes_say(struct session *session);

#endif

/* What an operation does now to the devices of a rollout, before it is ordered. One thread. */
#ifndef TELLERCAST_CTL_ROLLOUT_EFFECT_H
#define TELLERCAST_CTL_ROLLOUT_EFFECT_H

#include "clients/ctl/commands/session.h"

/* Says on standard error what the operation `verb` of the API, of `group` or NULL, does to the devices of `rollout`, a
 * document of the API. Then asks for confirmation on a terminal. Returns whether to order it. With --dry-run it is not
 * ordered, and --json writes the numbers to standard output. `code`: the exit code if it is not ordered. */
bool rollout_effect_accepted(const struct session *session, const json_t *rollout, const char *verb, const char *group,
                             int *code);

#endif

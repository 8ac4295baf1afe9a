/* What the operations on a version of a rollout share. One thread. */
#ifndef TELLERCAST_CTL_ROLLOUT_OPERATE_H
#define TELLERCAST_CTL_ROLLOUT_OPERATE_H

#include "clients/ctl/commands/session.h"

#include <stdint.h>

/* Finds the rollout that the first argument names, and reads --reason and --version. False after the fault was shown.
 */
bool rollout_read_operation(struct session *session, int64_t *id, int64_t *version, const char **reason, int *code);

/* As rollout_read_operation(). Returns the document of the rollout; NULL after the fault was shown. */
json_t *rollout_read_operated(struct session *session, int64_t *id, int64_t *version, const char **reason, int *code);

/* Sends the operation; takes `body`. NULL after the fault was shown. */
json_t *rollout_send_operation(struct session *session, int64_t id, const char *verb, json_t *body, int *code);

/* Shows what the operation does, asks on a terminal, orders it on the group, NULL: on the whole rollout, and shows the
 * result. Returns the exit code: EXIT_PAUSED, with a message, when an abort stopped the rollout, and other people must
 * approve its resume. */
int rollout_operate_on(struct session *session, const char *verb, const char *group, const char *done);

/* Shows the result: "rollout 42  atm-app-4.7.2  paused; it is paused, version 8". */
void rollout_show_done(const struct session *session, const json_t *answer, const char *done);

#endif

/* What the commands on amendments share. One thread. */
#ifndef TELLERCAST_CTL_AMENDMENT_SEND_H
#define TELLERCAST_CTL_AMENDMENT_SEND_H

#include "clients/ctl/commands/session.h"

#include <stdbool.h>
#include <stdint.h>

/* Reads a number of at most nine digits. */
bool amendment_read_number(const char *text, int64_t *number);

/* Posts to `part` of the amendments of a rollout, such as ":preview"; takes `body`. NULL after the fault was shown. */
json_t *amendment_post(struct session *session, int64_t rollout, const char *part, json_t *body, int *code);

/* Shows the result: "rollout 42  atm-app-4.7.2  amendment 3 approved; it is in force, version 8". */
void amendment_show_done(const struct session *session, const json_t *answer, const char *done);

#endif

/* Shared by the commands that take a plan. One thread. */
#ifndef TELLERCAST_CTL_PLAN_H
#define TELLERCAST_CTL_PLAN_H

#include "clients/ctl/commands/session.h"
#include "config/plan.h"

/* Reads the file into `content`, which the caller always frees, and checks it. NULL after its faults were shown. */
struct plan *plan_read(struct session *session, const char *path, struct buffer *content, int *code);

#endif

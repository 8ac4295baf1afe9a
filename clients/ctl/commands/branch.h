/* The options that choose branches, as the path of a list. Private to the commands. */
#ifndef TELLERCAST_CTL_BRANCH_H
#define TELLERCAST_CTL_BRANCH_H

#include "base/buffer.h"

struct session;

/* Appends the path, with the first argument, a part of an ID or a name, --where, --at-budget and --without-machine. */
void branch_filter_put(const struct session *session, struct buffer *path);

#endif

/* The options that choose acts, as the path of a list. Private to the commands. */
#ifndef TELLERCAST_CTL_AUDIT_H
#define TELLERCAST_CTL_AUDIT_H

#include "base/buffer.h"

#include <stdbool.h>

struct session;

/* Appends the path, with --who, --what, --since and --until. False after the fault was shown and `code` was set. */
bool audit_filter_put(const struct session *session, struct buffer *path, int *code);

#endif

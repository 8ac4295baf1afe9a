/* The options that choose devices, as the query of a list. Private to the commands. */
#ifndef TELLERCAST_CTL_DEVICE_FILTER_H
#define TELLERCAST_CTL_DEVICE_FILTER_H

#include "base/buffer.h"

#include <stdbool.h>

struct session;

/* Appends --where, --installed, --state, and the first argument, a part of an ID. Returns whether any was given. */
bool device_filter_put(const struct session *session, struct buffer *path);

#endif

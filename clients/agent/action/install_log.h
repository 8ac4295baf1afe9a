/* The end of an installer's output, as it may leave the device. One thread. */
#ifndef TELLERCAST_CLIENTS_AGENT_ACTION_INSTALL_LOG_H
#define TELLERCAST_CLIENTS_AGENT_ACTION_INSTALL_LOG_H

#include "base/buffer.h"
#include "clients/agent/action/mask.h"

#include <stdbool.h>

struct install_log {
    struct buffer bytes; /* as they came */
    bool is_cut;         /* older ones were dropped */
};

/* Keeps the last bytes. */
void install_log_take(struct install_log *log, const char *bytes, size_t length);
/* Appends the last INSTALL_LOG_MAX bytes, masked: whole UTF-8 characters without control characters, except for line
 * ends and tabs. Others become '?'. */
void install_log_put(const struct install_log *log, const struct mask *mask, struct buffer *out);
void install_log_free(struct install_log *log);

#endif

/* tellercastd put together: its queues, its connections and its working parts. */
#ifndef TELLERCAST_ORCHESTRATOR_DAEMON_H
#define TELLERCAST_ORCHESTRATOR_DAEMON_H

#include "base/fault.h"
#include "config/daemon.h"

#include <stdbool.h>
#include <stdint.h>

struct daemon;

/* Opens the doors first, so that it can be asked how it is; then the parts. Servers that are not there are waited for.
 * TC_TIMEOUT: it was told to end before all was open. `settings` must outlive the daemon. */
enum tc_error daemon_open(const struct daemon_settings *settings, struct daemon **daemon, struct tc_fault *fault);

/* Ends the parts in the reverse order; what has been accepted is written first. */
void daemon_close(struct daemon *daemon);

/* Takes from `fresh` what SIGHUP may change, and reads the tokens again. */
void daemon_reload(struct daemon *daemon, const struct daemon_settings *fresh);

/* True when every part moved on within the last `most_ms`; else the name of one that hangs in `*part`. */
bool daemon_is_alive(const struct daemon *daemon, int64_t most_ms, const char **part);

#endif

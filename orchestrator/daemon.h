/* The whole of tellercastd: its queues, connections and working parts. */
#ifndef TELLERCAST_ORCHESTRATOR_DAEMON_H
#define TELLERCAST_ORCHESTRATOR_DAEMON_H

#include "base/fault.h"
#include "config/daemon.h"

#include <stdbool.h>
#include <stdint.h>

struct daemon;

/* Opens the endpoints first, so that /readyz answers during the start, then the parts. Waits for unavailable servers.
 * TC_TIMEOUT: asked to stop before all was open. `settings` must outlive the daemon. */
enum tc_error daemon_open(const struct daemon_settings *settings, struct daemon **daemon, struct tc_fault *fault);

/* Ends the parts in reverse order, after accepted work is written. */
void daemon_close(struct daemon *daemon);

/* Applies the settings of `fresh` that SIGHUP may change; those of the log are the caller's. Logs the key of each other
 * setting that has changed since the start. */
void daemon_reload(struct daemon *daemon, const struct daemon_settings *fresh);

/* Takes certificates, keys and authorities whose files were replaced. Call it every second or so. */
void daemon_watch_certificates(struct daemon *daemon);

/* True when another orchestrator of this name runs, because this one was silent for too long: it must end. */
bool daemon_has_lost_its_name(const struct daemon *daemon);

/* True when every part made progress within the last `most_ms`; else `*part` is the name of one that hangs. */
bool daemon_is_alive(const struct daemon *daemon, int64_t most_ms, const char **part);

#endif

/* Opens the daemon's parts: gives each its settings, queues and connections. Private to daemon*.c.
 *
 * On an error the daemon keeps what is open already; daemon_close closes it. */
#ifndef TELLERCAST_ORCHESTRATOR_DAEMON_PARTS_H
#define TELLERCAST_ORCHESTRATOR_DAEMON_PARTS_H

#include "orchestrator/daemon_state.h"

/* HTTP, socket and EST. They need no schema. */
enum tc_error daemon_parts_open_webhooks(struct daemon *daemon, struct tc_fault *fault);
enum tc_error daemon_parts_open_endpoints(struct daemon *daemon, struct tc_fault *fault);
/* The keeper of signing keys, not started. */
enum tc_error daemon_parts_open_keys(struct daemon *daemon, struct tc_fault *fault);
/* The keeper of the watermark. */
enum tc_error daemon_parts_open_keeper(struct daemon *daemon, struct tc_fault *fault);
/* The identity provider of the settings. */
enum tc_error daemon_parts_open_provider(struct daemon *daemon, struct tc_fault *fault);
/* The planner, which writes the policy of the site. It needs the schema. */
enum tc_error daemon_parts_open_planner(struct daemon *daemon, struct tc_fault *fault);
/* Takes the file of tokens over, if the settings name one, reads who may act, and records who may not. */
enum tc_error daemon_parts_start_people(struct daemon *daemon, struct tc_fault *fault);
/* The broker and the other working parts, consumers of work before its producers. They need the schema. */
enum tc_error daemon_parts_open_workers(struct daemon *daemon, struct tc_fault *fault);

#endif

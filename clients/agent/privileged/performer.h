/* Answers the requests of the agent: see handover.h. It performs one action at a time. Any thread. */
#ifndef TELLERCAST_CLIENTS_AGENT_PRIVILEGED_PERFORMER_H
#define TELLERCAST_CLIENTS_AGENT_PRIVILEGED_PERFORMER_H

#include "base/fault.h"
#include "clients/agent/privileged/settings.h"

struct performer;

/* Makes and locks the state folder. The settings must live as long. TC_CONFLICT when another process has the folder. */
enum tc_error performer_open(const struct install_settings *settings, struct performer **performer,
                             struct tc_fault *fault);
/* No request may be under way. */
void performer_close(struct performer *performer);

/* Takes one request from the connection and answers it; the connection stays open. An agent that ends meanwhile changes
 * nothing: a begun action is performed to its end. */
void performer_serve(struct performer *performer, int connection);

/* Makes the action under way end soon, and admits no other. */
void performer_stop(struct performer *performer);

#endif

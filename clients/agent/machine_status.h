/* The status that a technician reads at the machine, as a document, with the reasons for which the device waits. Pure.
 */
#ifndef TELLERCAST_CLIENTS_AGENT_MACHINE_STATUS_H
#define TELLERCAST_CLIENTS_AGENT_MACHINE_STATUS_H

#include "clients/agent/agent_view.h"
#include "clients/agent/session_view.h"

#include <jansson.h>

struct machine_status {
    const char *device, *branch;
    enum device_role role;
    const struct agent_view *agent;
    const struct session_view *session;
    int64_t boot_ms, wall_ms;
    bool awaits_certificate;     /* it has not enrolled */
    int64_t certificate_ends_ms; /* 0: it has none */
};

/* Returns a new document, as docs/technician.md describes it. */
json_t *machine_status_document(const struct machine_status *status);

#endif

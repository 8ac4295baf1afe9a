/* Has the privileged half of this device run an action: the equal of install_run. */
#ifndef TELLERCAST_CLIENTS_AGENT_HANDOVER_RUN_H
#define TELLERCAST_CLIENTS_AGENT_HANDOVER_RUN_H

#include "base/id.h"
#include "clients/agent/action/install.h"

#include <stdbool.h>

/* As install_run, for a request with a socket_path. A privileged half that cannot be reached is INSTALL_DEFERRED,
 * installer_unreachable; one that ends without a result INSTALL_FAILED, interrupted. */
void handover_run(const struct install_request *request, struct install_result *result);

/* Gets a nonce of the privileged half. False when it cannot be reached within a second. */
bool handover_fetch_nonce(const char *socket_path, char nonce[static TC_ID_SIZE]);

/* Has the privileged half learn from a key set. False when it refused it, or cannot be reached within a second. */
bool handover_give_keys(const char *socket_path, const char *token);

#endif

/* What the owner of the orchestrator's machine does about people, without an admin. */
#ifndef TELLERCAST_ORCHESTRATOR_ADMINISTRATION_H
#define TELLERCAST_ORCHESTRATOR_ADMINISTRATION_H

#include "config/daemon.h"
#include "orchestrator/store/guard.h"

/* For `tellercastd admin create NAME`: makes an admin with a token, and prints the token. TC_DENIED: this is not the
 * daemon's own user, to whom the data folder belongs. TC_CONFLICT: two admins have valid tokens. TC_INVALID: no name.
 */
enum tc_error administration_make_admin(const struct daemon_settings *settings, const char *name,
                                        struct tc_fault *fault);

/* Takes over the file of tokens that http.tokens_file names, if it names one. `orchestrator` is the name of this one.
 * TC_CONFLICT: it did so before. Waits for the database; TC_TIMEOUT: the program was asked to stop meanwhile. */
enum tc_error administration_import_tokens(const struct daemon_settings *settings, const char *orchestrator,
                                           struct store_guard *guard, struct tc_fault *fault);

#endif

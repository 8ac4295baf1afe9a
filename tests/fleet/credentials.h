/* The TLS credentials of a simulated fleet: a certificate for each device, issued here by the installation's authority
 * for devices. All devices share one key, since it takes long to make thousands. Any thread. */
#ifndef TELLERCAST_TESTS_FLEET_CREDENTIALS_H
#define TELLERCAST_TESTS_FLEET_CREDENTIALS_H

#include "base/fault.h"

#include <openssl/types.h>

struct credentials;

/* `trust_file` has the authorities of the broker, `authority` is the folder of the authority for devices. TC_INVALID
 * and the errors of a file. */
enum tc_error credentials_open(const char *trust_file, const char *authority, struct credentials **credentials,
                               struct tc_fault *fault);
/* NULL is allowed. */
void credentials_close(struct credentials *credentials);

/* Makes the context of a device's connections to the broker at `host`, which is checked against the broker's
 * certificate. The caller frees it with SSL_CTX_free. */
enum tc_error credentials_make_context(const struct credentials *credentials, const char *device, const char *host,
                                       SSL_CTX **context, struct tc_fault *fault);

#endif

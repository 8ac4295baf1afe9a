/* Access control of the HTTP endpoint: bearer tokens (RFC 6750). The tokens file holds only their digests. Any thread.
 *
 * A line of the file is `user sha256-hex-of-token`; empty lines and lines that begin with # are skipped. A token
 * must be long and random, such as 32 bytes from the system's generator, since its digest is a fast hash. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_AUTH_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_AUTH_H

#include "base/fault.h"
#include "base/id.h"

#include <stdbool.h>
#include <stddef.h>

struct http_auth;

/* Reads the tokens file. TC_INVALID names the line. */
enum tc_error http_auth_open(const char *path, struct http_auth **auth, struct tc_fault *fault);
void http_auth_close(struct http_auth *auth);

/* Reads the file again. On a fault the old tokens stay in force. */
enum tc_error http_auth_reload(struct http_auth *auth, struct tc_fault *fault);

/* Finds the user of the token in the header `Authorization` (NULL: absent). TC_DENIED: no token, or an unknown one; so
 * is every token when `auth` is NULL. The time does not depend on how much of a token is right. */
enum tc_error http_auth_check(struct http_auth *auth, const char *authorization, char user[static TC_ID_SIZE],
                              struct tc_fault *fault);

/* Returns true when `Host` is localhost, 127.0.0.1 or [::1], with or without a port. Against DNS rebinding: a browser
 * sends the name of the attacker's host. */
bool http_auth_host_is_loopback(const char *host);

#endif

/* Who may use the HTTP door: bearer tokens (RFC 6750), of which the file holds only digests. Any thread.
 *
 * A line of the file is `user sha256-hex-of-token`; empty lines and lines that begin with # are skipped. A token
 * must be long and random (32 bytes from the system's generator, say): its digest is not slowed down. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_AUTH_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_AUTH_H

#include "base/fault.h"
#include "base/id.h"

#include <stdbool.h>
#include <stddef.h>

struct http_auth;

/* TC_INVALID with the line that is wrong. */
enum tc_error http_auth_open(const char *path, struct http_auth **auth, struct tc_fault *fault);
void http_auth_close(struct http_auth *auth);

/* Reads the file again. On a fault the tokens known before stay in force. */
enum tc_error http_auth_reload(struct http_auth *auth, struct tc_fault *fault);

/* Finds whose token the header `Authorization` (NULL: none) holds. TC_DENIED. Takes equally long whatever is
 * wrong with a token. */
enum tc_error http_auth_check(struct http_auth *auth, const char *authorization, char user[static TC_ID_SIZE],
                              struct tc_fault *fault);

/* True for a `Host` that names this very machine: localhost, 127.0.0.1 or [::1], with or without a port. A
 * browser that was lured to another name for this address (DNS rebinding) says that other name. */
bool http_auth_host_is_loopback(const char *host);

#endif

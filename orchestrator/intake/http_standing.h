/* The credential of a request that lasts, and whether it still counts. Private to the HTTP endpoint. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_STANDING_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_STANDING_H

#include "orchestrator/intake/http_request.h"

/* By which a peer was known. */
struct http_credential {
    char *token, *session; /* owned; NULL: not by it. Neither: a local peer without credentials */
};

void http_credential_keep(const struct http_request *request, struct http_credential *credential);
void http_credential_free(struct http_credential *credential);

/* Finds who has it now. TC_DENIED: nobody. TC_UNAVAILABLE: it cannot be told now. Does not wait. Any thread. */
enum tc_error http_credential_find(const struct http *http, const struct http_credential *credential,
                                   const char *address, struct subject *subject, struct tc_fault *fault);

#endif

/* Requests to an identity provider, by orchestrator/outbound. Each call waits; any thread that may. */
#ifndef TELLERCAST_ORCHESTRATOR_OIDC_PROVIDER_FETCH_H
#define TELLERCAST_ORCHESTRATOR_OIDC_PROVIDER_FETCH_H

#include "base/buffer.h"
#include "base/fault.h"

#include <stdatomic.h>
#include <stdbool.h>

/* The longest answer that is read, and the longest request, with its connection. */
#define PROVIDER_ANSWER_MAX 262144
#define PROVIDER_REQUEST_MS 5000

struct provider_request {
    const char *url;
    const char *form;            /* POSTed as application/x-www-form-urlencoded; NULL: GET */
    const char *user, *password; /* sent as HTTP Basic; NULL: none */
    const char *ca_file;         /* "": the authorities of the system */
    bool allows_loopback;        /* without TLS, there */
    const atomic_bool *stop;     /* ends the request when it becomes true */
};

/* Appends the answer. TC_DENIED: the provider answered that the request is wrong, and the fault has its error.
 * TC_UNAVAILABLE: no answer came in time, it was too large, or its status was neither 200 nor one of these. TC_INVALID:
 * see https_check_url. */
enum tc_error provider_fetch(const struct provider_request *request, struct buffer *answer, struct tc_fault *fault);

#endif

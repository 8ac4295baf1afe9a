/* Requests to servers that the settings name, bounded in time and bytes. Redirects and proxies are not used. Each call
 * waits; any thread that may. */
#ifndef TELLERCAST_ORCHESTRATOR_OUTBOUND_HTTPS_REQUEST_H
#define TELLERCAST_ORCHESTRATOR_OUTBOUND_HTTPS_REQUEST_H

#include "base/buffer.h"
#include "base/fault.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct https_request {
    const char *url;
    const char *body;            /* POSTed; NULL: GET */
    const char *const *headers;  /* "name: value"; the list ends with NULL; NULL: none */
    const char *user, *password; /* sent as HTTP Basic; NULL: none */
    const char *ca_file;         /* "": the authorities of the system */
    bool allows_loopback;        /* without TLS, there */
    int request_ms;              /* the longest request, with its connection */
    size_t answer_max;           /* the longest answer, in bytes; of one that is discarded: what is read of it */
    const atomic_bool *stop;     /* ends the request when it becomes true */
};

/* TC_INVALID when a URL is not one at which a server may be asked: https, or with `allows_loopback` http on loopback;
 * without a user, and without a fragment. */
enum tc_error https_check_url(const char *url, bool allows_loopback, struct tc_fault *fault);

/* Appends the answer, and sets its status, whatever it is. TC_UNAVAILABLE: no answer came in time, or it was too large.
 * TC_INVALID: see https_check_url. `answer` NULL: it is discarded, and its status is enough, however long it is. */
enum tc_error https_send(const struct https_request *request, long *status, struct buffer *answer,
                         struct tc_fault *fault);

#endif

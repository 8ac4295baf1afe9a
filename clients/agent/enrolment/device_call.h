/* One POST of a device to a server of its bank, by HTTPS. Any thread; curl_global_init must have been called. */
#ifndef TELLERCAST_CLIENTS_AGENT_ENROLMENT_DEVICE_CALL_H
#define TELLERCAST_CLIENTS_AGENT_ENROLMENT_DEVICE_CALL_H

#include "base/buffer.h"
#include "base/fault.h"

#include <stdatomic.h>

#define DEVICE_ANSWER_MAX 131072 /* bytes */

struct device_call {
    const char *url;
    const char *ca_file; /* whom to trust as the server; "": the system's authorities */
    const char *user;
    const char *password;                    /* NULL: by the certificate */
    const char *certificate_file, *key_file; /* shown when there is no password */
    const char *const *headers;              /* lines; the last is NULL */
    const struct buffer *body;
    const atomic_bool *stop; /* becomes true: end soon */
};

/* Sends the body, and appends the body of an answer with status 200 or 201 to `answer`. Follows no redirect. `*status`
 * is that of the answer; 0: there was none. TC_DENIED: the server answered 401 or 403, and says why. TC_INVALID: it
 * answered another 4xx, so the same call will be refused again; but not 408, 425 and 429. TC_UNAVAILABLE and others:
 * try again. */
enum tc_error device_call_run(const struct device_call *call, long *status, struct buffer *answer,
                              struct tc_fault *fault);

#endif

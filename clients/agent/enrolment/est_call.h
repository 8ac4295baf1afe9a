/* One request to a server of EST (RFC 7030). Private to the enrolment. Any thread; curl_global_init must have been
 * called. */
#ifndef TELLERCAST_CLIENTS_AGENT_ENROLMENT_EST_CALL_H
#define TELLERCAST_CLIENTS_AGENT_ENROLMENT_EST_CALL_H

#include "base/buffer.h"
#include "base/fault.h"
#include "pki/bundle.h"

#include <stdatomic.h>

struct est_call {
    const char *url;     /* https://host:port */
    const char *ca_file; /* whom to trust as the server; "": the system's authorities */
    const char *device;
    const char *code;                        /* NULL: by the certificate */
    const char *certificate_file, *key_file; /* shown when there is no code */
    const struct buffer *request;            /* PKCS#10, DER */
    const atomic_bool *stop;                 /* becomes true: end soon */
};

/* Sends the request, and reads the certificates of the answer; the caller frees them with pki_bundle_free. Follows no
 * redirect. TC_DENIED: the server refuses the code or the certificate, and says why. TC_UNAVAILABLE and others: try
 * again. After an error there is nothing to free. */
enum tc_error est_call_run(const struct est_call *call, struct pki_bundle *bundle, struct tc_fault *fault);

#endif
